/* SPDX-License-Identifier: Apache-2.0
 *
 * picture: how a convolution that reads the outside gets the channels of its input, so that a
 * runtime's integer kernel serves it best. place foresees it, pad-channels does it.
 *
 * ONNX Runtime's kernel reads a multiple of 4 channels in place, and otherwise copies what is under
 * the filter for each position, which for the three channels of a picture takes longer than the
 * convolution. And where sums of two neighbours must fit 16 bits (pairs.h), no two channels of a
 * picture, which are white together, become neighbours: there is a channel of zeros between them.
 */
#ifndef PICTURE_H
#define PICTURE_H

#include "graph.h"
#include "target.h"

struct picture {
    int64_t channels; /* of the convolution's input; 0: it keeps those that it has */
    int64_t step;     /* from channel to channel, 1 or 2; all others are zeros */
    bool apart;       /* no two that are not zeros are neighbours */
};

/* x is what is quantized for the convolution, w the weight as it is stored, in codes of this type.
 * Before and after quantization is written as nodes it is the same. */
struct picture picture_find(const struct target *t, const struct node *conv, const struct value *x,
                            const struct tensor *w, enum dtype codes);

#endif
