/* SPDX-License-Identifier: Apache-2.0
 *
 * k_gate: Sigmoid and Swish over dense arrays, which activations of whole networks are made of.
 * Errors are below 4 units in the last place; y may be x.
 */
#ifndef K_GATE_H
#define K_GATE_H

#include <stdint.h>

/* y = 1 / (1 + exp(-x)); beyond 87 it is 1, or at most 1.7e-38. */
void k_gate_sigmoid(const float *x, float *y, int64_t n);
/* y = x / (1 + exp(-alpha x)). */
void k_gate_swish(const float *x, float *y, int64_t n, float alpha);
/* Rows of `channels` elements, each with an alpha of its own. */
void k_gate_swish_rows(const float *x, float *y, int64_t rows, int64_t channels,
                       const float *alpha);

#endif
