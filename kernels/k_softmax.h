/* SPDX-License-Identifier: Apache-2.0
 *
 * k_softmax: Softmax and LogSoftmax along the middle axis of x[outer][n][inner]; y may be x.
 */
#ifndef K_SOFTMAX_H
#define K_SOFTMAX_H

#include <stdbool.h>
#include <stdint.h>

void k_softmax_f32(const float *x, float *y, int64_t outer, int64_t n, int64_t inner, bool logs);
/* y = exp(x - the largest x) of one row; returns the inverse of their sum. */
float k_softmax_terms_f32(const float *x, float *y, int64_t n);
void k_softmax_f64(const double *x, double *y, int64_t outer, int64_t n, int64_t inner, bool logs);

#endif
