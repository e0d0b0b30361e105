/* SPDX-License-Identifier: Apache-2.0
 *
 * k_convert: between any numeric element type and the three that kernels compute in: float, double
 * and int64_t (which also carries the bits of uint64).
 *
 * Whole numbers stored to integer types wrap as C's unsigned conversion does (what numpy's
 * arithmetic does too); floats are rounded half to even and saturate. `at` and `stride` count
 * elements.
 */
#ifndef K_CONVERT_H
#define K_CONVERT_H

#include "dtype.h"

void k_load_f32(enum dtype t, const void *x, int64_t at, int64_t stride, int64_t n, float *y);
void k_load_f64(enum dtype t, const void *x, int64_t at, int64_t stride, int64_t n, double *y);
void k_load_i64(enum dtype t, const void *x, int64_t at, int64_t stride, int64_t n, int64_t *y);
void k_store_f32(enum dtype t, void *y, int64_t at, int64_t n, const float *x);
void k_store_f64(enum dtype t, void *y, int64_t at, int64_t n, const double *x);
void k_store_i64(enum dtype t, void *y, int64_t at, int64_t n, const int64_t *x);

#endif
