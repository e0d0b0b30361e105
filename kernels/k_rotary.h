/* SPDX-License-Identifier: Apache-2.0
 *
 * k_rotary: rotary position embedding of one row. `half` pairs of elements are turned, pair k by
 * the angle whose cosine and sine are cos[k] and sin[k]; what is left of the n elements is copied.
 */
#ifndef K_ROTARY_H
#define K_ROTARY_H

#include <stdbool.h>
#include <stdint.h>

/* A pair is x[2k], x[2k + 1] where interleaved, else x[k], x[half + k]. y may be x. */
void k_rotary_f32(const float *x, float *y, int64_t n, int64_t half, const float *cos,
                  const float *sin, bool interleaved);

#endif
