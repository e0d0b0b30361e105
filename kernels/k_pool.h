/* SPDX-License-Identifier: Apache-2.0
 *
 * k_pool: pooling over windows of channels-last data; the geometry is k_conv.h's with m = c.
 */
#ifndef K_POOL_H
#define K_POOL_H

#include "k_conv.h"

/* A window without any element of x gives the lowest finite number. Doubles are not rounded. */
void k_pool_max(const struct conv_dims *d, const float *x, float *y);
void k_pool_max_f64(const struct conv_dims *d, const double *x, double *y);
/* Where the maximum of each window was found (the first, if several), as an index into x in plain
 * order, or with its spatial axes in reverse order; index itself is stored in plain order. */
void k_pool_max_index(const struct conv_dims *d, const float *x, bool reverse, int64_t *index);
void k_pool_max_index_f64(const struct conv_dims *d, const double *x, bool reverse,
                          int64_t *index);
/* Sums are divided by the number of taps inside x, or inside x and its padding. */
void k_pool_average(const struct conv_dims *d, bool count_padding, const float *x, float *y);
/* Sums in float, tap by tap, divided by the taps inside x, or by all of the window. */
void k_pool_average_float(const struct conv_dims *d, bool count_all, const float *x, float *y);
/* (sum |x|^p)^(1/p) */
void k_pool_lp(const struct conv_dims *d, int p, const float *x, float *y);

#endif
