/* SPDX-License-Identifier: Apache-2.0
 *
 * k_affine: a multiplication and an addition for each element, rounded apart, so that both layouts
 * give the same bits.
 */
#include "k_affine.h"

#include "k_simd.h"

K_CLONES void k_affine_last(const float *a, const float *b, int64_t channels, const float *x,
                            float *y, int64_t rows)
{
    for (int64_t r = 0; r < rows; r++, x += channels, y += channels) {
        K_NO_CARRY
        for (int64_t i = 0; i < channels; i++)
            y[i] = a[i] * x[i] + b[i];
    }
}

K_CLONES void k_affine_plain(const float *a, const float *b, int64_t channels, const float *x,
                             float *y, int64_t batch, int64_t span)
{
    for (int64_t r = 0; r < batch * channels; r++, x += span, y += span) {
        float scale = a[r % channels], shift = b[r % channels];
        K_NO_CARRY
        for (int64_t i = 0; i < span; i++)
            y[i] = scale * x[i] + shift;
    }
}
