/* SPDX-License-Identifier: Apache-2.0
 *
 * k_round: to a quantized grid, from it, and both in one step, for n elements that share scale and
 * zero point. These are QuantizeLinear and DequantizeLinear of ONNX in float32:
 *
 *     q = clip(rint(x / scale) + zero, lo, hi)      ties to even; NaN becomes lo
 *     y = (float)(q - zero) * scale
 *
 * so that rounding equals quantizing and dequantizing to the bit.
 */
#ifndef K_ROUND_H
#define K_ROUND_H

#include "dtype.h"

/* y may be x. */
void k_round_f32(const float *x, float *y, int64_t n, float scale, int32_t zero, int64_t lo,
                 int64_t hi);
/* The largest |x| of n elements, 0 where there are none; NaN does not count. */
float k_greatest_f32(const float *x, int64_t n);
/* To floats of few bits and back: so many bits of mantissa, exponents from `lowest` on, saturated
 * at `most`; ties to even. */
struct k_small_float {
    int mantissa, lowest;
    float most;
};
void k_round_small(const float *x, float *y, int64_t n, float scale, struct k_small_float f);
/* Codes of an integer type of 8, 16 or 32 bits. */
void k_quantize_f32(const float *x, enum dtype t, void *q, int64_t n, float scale, int32_t zero,
                    int64_t lo, int64_t hi);
/* The same for rows of n elements, of which each has a scale and a zero point of its own. */
void k_round_rows_f32(const float *x, float *y, int64_t rows, int64_t n, const float *scale,
                      const int32_t *zero, int64_t lo, int64_t hi);
void k_quantize_rows_f32(const float *x, enum dtype t, void *q, int64_t rows, int64_t n,
                         const float *scale, const int32_t *zero, int64_t lo, int64_t hi);
/* q: any integer type, starting at element `at`. */
void k_dequantize_f32(enum dtype t, const void *q, int64_t at, float *y, int64_t n, float scale,
                      int32_t zero);

#endif
