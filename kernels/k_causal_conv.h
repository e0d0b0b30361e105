/* SPDX-License-Identifier: Apache-2.0
 *
 * k_causal_conv: one channel of a causal convolution, y[i] = bias + sum of w[t] * x[i + t] over the
 * taps; x has n + taps - 1 elements, the earlier ones first.
 */
#ifndef K_CAUSAL_CONV_H
#define K_CAUSAL_CONV_H

#include <stdint.h>

void k_causal_conv_f32(const float *x, const float *w, int64_t taps, float bias, float *y,
                       int64_t n);

#endif
