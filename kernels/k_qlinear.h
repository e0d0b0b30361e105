/* SPDX-License-Identifier: Apache-2.0
 *
 * k_qlinear: elementwise arithmetic on codes of 8 bits (uint8 or int8) with float scales.
 */
#ifndef K_QLINEAR_H
#define K_QLINEAR_H

#include "dtype.h"

#include <stdbool.h>

/* y = clip(rint(a * ac + b * bc + fixed)), two fused multiply-additions, b's first or a's first. */
struct qadd {
    float ac, bc, fixed;
    bool a_first;
};
/* From scales and zero points: ac = a_scale / y_scale, and all zero points in `fixed`. */
struct qadd k_qadd_init(float a_scale, int32_t a_zero, float b_scale, int32_t b_zero,
                        float y_scale, int32_t y_zero, bool a_first);
/* n elements; each array starts at element `at` and its elements lie `step` apart, y's 1. */
struct k_codes {
    const void *data;
    int64_t at, step;
};
void k_qadd(const struct qadd *q, enum dtype t, struct k_codes a, struct k_codes b, void *y,
            int64_t at, int64_t n);

/* y = clip(rint((a - a_zero) * (b - b_zero) * scale + y_zero)), the integers multiplied exactly. */
struct qmul {
    float scale;
    int32_t a_zero, b_zero, y_zero;
};
void k_qmul(const struct qmul *q, enum dtype t, struct k_codes a, struct k_codes b, void *y,
            int64_t at, int64_t n);

/* y[i] = table[x[i]], codes of either sign by their bits. y may be x. */
void k_lookup(const uint8_t table[256], const uint8_t *x, int64_t n, uint8_t *y);
void k_lookup_f32(const float table[256], const uint8_t *x, int64_t n, float *y);

/* y = clip(rint(x / scale + zero)): the zero point is added before the sum is rounded. */
void k_codes_late(const float *x, int64_t n, float scale, int32_t zero, enum dtype t, void *y);

/* sum[i * step] += x[at + i] - zero, wrapping around. */
void k_add_codes(enum dtype t, const void *x, int64_t at, int64_t n, int32_t zero, int32_t *sum,
                 int64_t step);

/* The softmax of n codes `step` apart: e = exp by a table in which the largest of them is moved to
 * entry 255 (of codes counted from the smallest), y = clip(rint(e * levels / sum of e) + zero). The
 * product may overflow to infinity, which is clipped. */
void k_qsoftmax(const float table[256], enum dtype t, const void *x, int64_t at, int64_t n,
                int64_t step, float levels, int32_t zero, void *y);

#endif
