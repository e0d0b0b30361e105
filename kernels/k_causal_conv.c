/* SPDX-License-Identifier: Apache-2.0
 *
 * k_causal_conv: tap by tap, so that the inner loop runs along the row.
 */
#include "k_causal_conv.h"

#include "k_simd.h"

K_CLONES void k_causal_conv_f32(const float *x, const float *w, int64_t taps, float bias, float *y,
                                int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = bias;
    for (int64_t t = 0; t < taps; t++) {
        const float f = w[t];
        K_NO_CARRY
        for (int64_t i = 0; i < n; i++)
            y[i] += f * x[i + t];
    }
}
