/* SPDX-License-Identifier: Apache-2.0
 *
 * k_gram: columns of a convolution's input, and sums of their outer products.
 */
#ifndef K_GRAM_H
#define K_GRAM_H

#include "k_conv.h"

/* The im2col column of output position p (batch and spatial axes as one index), group by group:
 * group g starts at column + g * positions * k, with k = c / groups * taps elements in the order
 * channel, taps. x is channels-last where `last`, channels-first otherwise. Padding gives zeros. */
void k_gram_column(const struct conv_dims *d, const float *x, bool last, int64_t p, float *column,
                   int64_t positions);
/* A symmetric matrix of k x k is kept in k_gram_size(k) floats: LAPACK's rectangular full packed
 * form, which takes half of the room and products at full speed (F. Gustavson et al., 2010). */
int64_t k_gram_size(int64_t k);
/* Where element i, j is in it, j <= i: the rows from the middle on lie as they are, those before it
 * across in what they leave free. */
static inline int64_t k_gram_at(int64_t k, int64_t i, int64_t j)
{
    int64_t middle = k / 2, step = k % 2 ? k : k + 1;
    return i >= middle ? (i - middle) * step + j : j * step + middle + 1 + i;
}
/* Rows first..first + n - 1 of the whole matrix: rows[n][k]. */
void k_gram_rows(int64_t k, const float *xx, int64_t first, int64_t n, float *rows);
/* xx += x^T x, sum[k] += column sums, for x[positions][k]. */
void k_gram_add(int64_t k, int64_t positions, const float *x, float *xx, double *sum);

/* The same for a depthwise convolution (a channel a group), kept as [taps][channels]. */
void k_gram_taps(const struct conv_dims *d, const float *x, bool last, int64_t p, float *column);
/* xx[channels] += products of taps, each k_gram_size(taps), sum[channels][taps] += sums, for
 * x[positions][taps][channels]. products: scratch of channels * taps * (taps + 3) / 2. */
void k_gram_add_taps(int64_t channels, int64_t taps, int64_t positions, const float *x,
                     float *products, float *xx, double *sum);

#endif
