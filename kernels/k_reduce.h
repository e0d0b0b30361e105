/* SPDX-License-Identifier: Apache-2.0
 *
 * k_reduce: folding the middle axis of x[outer][n][inner] into y[outer][inner].
 *
 * Sums of floats are kept in double, in a fixed number of interleaved parts, so a result depends on
 * the data alone. An empty sum is 0, an empty product 1, an empty maximum the lowest number.
 */
#ifndef K_REDUCE_H
#define K_REDUCE_H

#include <stdint.h>

enum k_reduce {
    K_REDUCE_SUM, K_REDUCE_MEAN, K_REDUCE_MAX, K_REDUCE_MIN, K_REDUCE_PROD, K_REDUCE_L1,
    K_REDUCE_SUM_SQUARE,
    K_REDUCE_L2,          /* this and what follows: not for integers */
    K_REDUCE_LOG_SUM, K_REDUCE_LOG_SUM_EXP,
};

void k_reduce_f32(enum k_reduce op, const float *x, float *y, int64_t outer, int64_t n,
                  int64_t inner);
void k_reduce_f64(enum k_reduce op, const double *x, double *y, int64_t outer, int64_t n,
                  int64_t inner);
void k_reduce_i64(enum k_reduce op, const int64_t *x, int64_t *y, int64_t outer, int64_t n,
                  int64_t inner);

/* The index of the largest (or smallest) element along n; the last of equals, or the first. NaN is
 * above everything. */
void k_arg_f32(const float *x, int64_t *y, int64_t outer, int64_t n, int64_t inner, int smallest,
               int last);
void k_arg_f64(const double *x, int64_t *y, int64_t outer, int64_t n, int64_t inner, int smallest,
               int last);
void k_arg_i64(const int64_t *x, int64_t *y, int64_t outer, int64_t n, int64_t inner, int smallest,
               int last);

#endif
