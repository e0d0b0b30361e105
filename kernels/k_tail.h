/* SPDX-License-Identifier: Apache-2.0
 *
 * k_tail: what a convolution or a matrix product does to its result before it leaves the kernel:
 *
 *     y = limit(y + bias[channel] + add)
 *
 * Swish may have a factor of its own for each channel.
 */
#ifndef K_TAIL_H
#define K_TAIL_H

#include <stdint.h>

enum tail_kind {
    TAIL_NONE,
    TAIL_CLIP,  /* min(max(y, lo), hi); Relu is lo = 0, hi = infinity */
    TAIL_LEAKY, /* y where y >= 0, lo * y below */
    TAIL_SWISH, /* y * sigmoid(alpha * y), alpha = lo where there are none for the channels */
    TAIL_HARD_SWISH,
    TAIL_GELU,
};

struct tail {
    const float *bias; /* one for each channel; NULL: none */
    const float *add;  /* as many as y, stored alike, maybe in y itself; NULL: none */
    const float *alpha; /* of TAIL_SWISH, one for each channel; NULL: none */
    enum tail_kind kind;
    float lo, hi;
};

/* y: rows of `channels` elements each, the channel varying fastest. */
void k_tail(const struct tail *t, float *y, int64_t rows, int64_t channels);

#endif
