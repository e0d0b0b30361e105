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
/* xx[k][k] += x^T x (lower triangle), sum[k] += column sums, for x[positions][k]. */
void k_gram_add(int64_t k, int64_t positions, const float *x, float *xx, double *sum);

/* The same for a depthwise convolution (a channel a group), kept as [taps][channels]. */
void k_gram_taps(const struct conv_dims *d, const float *x, bool last, int64_t p, float *column);
/* xx[channels][taps][taps] += products of taps (lower triangles), sum[channels][taps] += sums, for
 * x[positions][taps][channels]. products: scratch of channels * taps * (taps + 3) / 2. */
void k_gram_add_taps(int64_t channels, int64_t taps, int64_t positions, const float *x,
                     float *products, float *xx, double *sum);

#endif
