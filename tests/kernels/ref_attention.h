/* SPDX-License-Identifier: Apache-2.0
 *
 * ref_attention: what the kernels for attention and its neighbours compute, written for reading.
 */
#ifndef REF_ATTENTION_H
#define REF_ATTENTION_H

#include "k_attention.h"
#include "k_linear_attention.h"

#include <stdbool.h>

void ref_attention(const struct k_attention *a, const float *q, const float *k, const float *v,
                   float *y, float *scores);
void ref_rotary(const float *x, float *y, int64_t n, int64_t half, const float *cos,
                const float *sin, bool interleaved);
void ref_causal_conv(const float *x, const float *w, int64_t taps, float bias, float *y, int64_t n);
void ref_linear_write(const struct k_linear *l, const float *k, const float *v, float *state);
void ref_linear_read(const struct k_linear *l, const float *q, const float *state, float scale,
                     float *y);

#endif
