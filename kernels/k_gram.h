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
/* The lower triangle of full[k][k] from the packed form. */
void k_gram_unpack(int64_t k, const float *xx, float *full);
/* xx += x^T x, sum[k] += column sums, for x[positions][k]. */
void k_gram_add(int64_t k, int64_t positions, const float *x, float *xx, double *sum);

/* The same for a depthwise convolution (a channel a group), kept as [taps][channels]. */
void k_gram_taps(const struct conv_dims *d, const float *x, bool last, int64_t p, float *column);
/* xx[channels] += products of taps, each k_gram_size(taps), sum[channels][taps] += sums, for
 * x[positions][taps][channels]. products: scratch of channels * taps * (taps + 3) / 2. */
void k_gram_add_taps(int64_t channels, int64_t taps, int64_t positions, const float *x,
                     float *products, float *xx, double *sum);

#endif
