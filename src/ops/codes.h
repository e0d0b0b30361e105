/* SPDX-License-Identifier: Apache-2.0
 *
 * codes: operators that multiply an input of 8-bit codes by a weight of int8 codes (call.codes).
 *
 *     y = s_x s_w (sum of (x - zero) w + bias), then the tail, maybe rounded to the grid of y
 */
#ifndef CODES_H
#define CODES_H

#include "conv_plan.h"

/* Where the sums go. They lie where output 0 will, unless that is of another size or holds what the
 * tail adds. */
struct coded_sums {
    int32_t *sum;
    float *real; /* the same memory */
};
struct coded_sums codes_begin(const struct call *c);
/* The sums: a convolution of input 0 with the weight. */
void codes_product(const struct call *c, const struct conv_dims *d, const struct conv_weight *w,
                   int32_t *sum);
/* From the sums to output 0, whose channels vary fastest. */
void codes_end(const struct call *c, struct coded_sums at, int64_t channels);

#endif
