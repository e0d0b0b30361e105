/* SPDX-License-Identifier: Apache-2.0
 *
 * k_rotary: plain loops; the rows are short.
 */
#include "k_rotary.h"

#include "k_simd.h"

K_CLONES void k_rotary_f32(const float *x, float *y, int64_t n, int64_t half, const float *cos,
                           const float *sin, bool interleaved)
{
    if (interleaved) {
        for (int64_t k = 0; k < half; k++) {
            float a = x[2 * k], b = x[2 * k + 1];
            y[2 * k] = cos[k] * a - sin[k] * b;
            y[2 * k + 1] = sin[k] * a + cos[k] * b;
        }
    } else {
        K_NO_CARRY
        for (int64_t k = 0; k < half; k++) {
            float a = x[k], b = x[half + k];
            y[k] = cos[k] * a - sin[k] * b;
            y[half + k] = sin[k] * a + cos[k] * b;
        }
    }
    for (int64_t k = 2 * half; k < n; k++)
        y[k] = x[k];
}
