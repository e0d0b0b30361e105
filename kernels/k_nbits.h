/* SPDX-License-Identifier: Apache-2.0
 *
 * k_nbits: unsigned codes of 2, 4 or 8 bits, the first in the low bits of a byte, as numbers.
 */
#ifndef K_NBITS_H
#define K_NBITS_H

#include <stdint.h>

static inline unsigned k_nbits_code(const uint8_t *codes, int bits, int64_t i)
{
    int64_t at = i * bits;
    return codes[at / 8] >> at % 8 & ((1u << bits) - 1);
}

/* y[i] = (code i - zero) * scale for i < n. */
void k_nbits_f32(const uint8_t *codes, int bits, int64_t n, float scale, float zero, float *y);

#endif
