/* SPDX-License-Identifier: Apache-2.0
 *
 * window: the geometry of operators that slide a window over the spatial axes of [N, C, ...].
 *
 * All sizes that cannot be known yet are -1. An axis whose window does not fit is an error.
 */
#ifndef WINDOW_H
#define WINDOW_H

#include "err.h"
#include "graph.h"
#include "k_conv.h"

/* Conv or ConvTranspose `n` with inputs of these shapes. In a transposed convolution pad_end is
 * what makes the sizes agree, out = (in - 1) * stride + reach - pad - pad_end with reach =
 * (kernel - 1) * dilation + 1; so output_padding makes it smaller, maybe negative. */
int conv_geometry(const struct node *n, const struct shape *x, const struct shape *w,
                  struct conv_dims *d, struct err *err);
/* With the weight that it has, a constant, and of its input what is known: false if the pads hang
 * on an extent that is not. `in` and `out` say nothing of such axes. */
bool conv_geometry_of(const struct node *n, struct conv_dims *d);
/* MaxPool, AveragePool or LpPool; m = c and groups = c. */
int pool_geometry(const struct node *n, const struct shape *x, struct conv_dims *d,
                  struct err *err);
/* MaxUnpool: out is what a MaxPool with these attributes made an input of x's extent from. */
int unpool_geometry(const struct node *n, const struct shape *x, struct conv_dims *d,
                    struct err *err);
/* The pooling operators whose window is the whole input. */
int pool_global_geometry(const struct shape *x, struct conv_dims *d, struct err *err);

/* [batch, m, out ...] */
struct shape window_out_shape(const struct conv_dims *d);
/* [N, spatial ..., C] as [N, C, spatial ...], and back. */
struct shape shape_channels_first(const struct shape *s);
struct shape shape_channels_last(const struct shape *s);

#endif
