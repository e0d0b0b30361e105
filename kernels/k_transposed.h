/* SPDX-License-Identifier: Apache-2.0
 *
 * k_transposed: a transposed convolution as a plain one. Position o of its output is position
 * o + pad of all that the windows reach: place (o + pad) / stride of a plain convolution with a
 * filter for each remainder (o + pad) % stride, of every stride-th tap, turned around (W. Shi et
 * al., "Is the deconvolution layer the same as a convolutional layer?", arXiv:1609.07009).
 */
#ifndef K_TRANSPOSED_H
#define K_TRANSPOSED_H

#include "k_conv.h"

struct k_transposed {
    struct conv_dims conv;  /* the plain convolution, with `filters` outputs for each of d->m */
    int64_t filters;
    int64_t cut[CONV_AXES]; /* of its places, taken `stride` times, so many go at the start */
};

/* False: there is none, for dilation beside a stride, strides that leave gaps between windows, or
 * pads that leave taps out. */
bool k_transposed_init(struct k_transposed *p, const struct conv_dims *d);

/* Which filter an output of the plain convolution belongs to, of its group's. */
enum k_transposed_order {
    K_CHANNEL_FIRST, /* channel * filters + filter, as DepthToSpace wants them in mode CRD */
    K_FILTER_FIRST,  /* filter * channels + channel, as k_transposed_join() does */
};
/* A weight of items of `size` bytes from ONNX's order for d, [c][m / groups][taps], to that for
 * p->conv, [m * filters][c / groups][taps]: zeros where a filter has no tap. */
void k_transposed_split(const struct k_transposed *p, const struct conv_dims *d,
                        enum k_transposed_order order, size_t size, const void *w, void *to);
/* x: the output of the plain convolution; room: one row of y, d->out[last] * d->m. */
void k_transposed_join(const struct k_transposed *p, const struct conv_dims *d, const float *x,
                       const struct tail *t, float *y, float *room);

#endif
