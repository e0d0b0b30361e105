/* SPDX-License-Identifier: Apache-2.0
 *
 * codes: operators that multiply an input of 8-bit codes by a weight of int8 codes (call.codes).
 *
 *     y = s_x s_w (sum of (x - zero) w + bias), then the tail, maybe rounded to the grid of y
 */
#ifndef CODES_H
#define CODES_H

#include "conv_plan.h"

/* Output 0, whose channels vary fastest: a convolution of input 0 with the weight, input 1.
 * by_input: that is a matrix [c][m]. */
void codes_convolve(const struct call *c, const struct conv_dims *d, bool by_input);

#endif
