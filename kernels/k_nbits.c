/* SPDX-License-Identifier: Apache-2.0
 *
 * k_nbits: a byte at a time.
 */
#include "k_nbits.h"

#include "k_simd.h"

K_CLONES void k_nbits_f32(const uint8_t *codes, int bits, int64_t n, float scale, float zero,
                          float *y)
{
    int64_t whole = n * bits / 8, at;
    if (bits == 8) {
        for (int64_t i = 0; i < whole; i++)
            y[i] = ((float)codes[i] - zero) * scale;
    } else if (bits == 4) {
        for (int64_t i = 0; i < whole; i++) {
            y[2 * i] = ((float)(codes[i] & 15) - zero) * scale;
            y[2 * i + 1] = ((float)(codes[i] >> 4) - zero) * scale;
        }
    } else {
        for (int64_t i = 0; i < whole; i++)
            for (int k = 0; k < 4; k++)
                y[4 * i + k] = ((float)(codes[i] >> 2 * k & 3) - zero) * scale;
    }
    for (at = whole * 8 / bits; at < n; at++)
        y[at] = ((float)k_nbits_code(codes, bits, at) - zero) * scale;
}
