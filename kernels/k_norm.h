/* SPDX-License-Identifier: Apache-2.0
 *
 * k_norm: the parts of normalizations. Sums are kept in double, in a fixed number of interleaved
 * parts.
 */
#ifndef K_NORM_H
#define K_NORM_H

#include <stdint.h>

/* Mean and mean squared distance from it. */
void k_moments_f32(const float *x, int64_t n, double *mean, double *variance);
double k_mean_square_f32(const float *x, int64_t n);
/* y = (x - mean) * factor * scale[i] + bias[i]; scale and bias step by ss and sb (0 or 1), bias
 * NULL: none. y may be x. */
void k_normalize_f32(const float *x, float *y, int64_t n, float mean, float factor,
                     const float *scale, int64_t ss, const float *bias, int64_t sb);

#endif
