/* SPDX-License-Identifier: Apache-2.0
 *
 * k_conv: the geometry of convolutions and pooling windows, and convolution by OpenBLAS for what
 * oneDNN lacks. Data is channels-last: x[batch][in...][c], y[batch][out...][m].
 */
#ifndef K_CONV_H
#define K_CONV_H

#include "k_tail.h"

#include <stdbool.h>
#include <stddef.h>

enum { CONV_AXES = 3 };

/* Spatial axes are aligned to the right: a 2-D convolution has axes 1 and 2, and 1 position, kernel
 * 1, stride 1, no padding on axis 0. Position o of the output reads in[o * stride - pad + tap *
 * dilation], zero outside. In a transposed convolution position i of the input adds to
 * out[i * stride - pad + tap * dilation]. */
struct conv_dims {
    bool transposed;
    int axes;                /* 1 to 3 in use */
    int64_t batch, groups;
    int64_t c, m;            /* channels of input and output, all groups together */
    int64_t in[CONV_AXES], out[CONV_AXES], kernel[CONV_AXES];
    int64_t stride[CONV_AXES], dilation[CONV_AXES];
    int64_t pad[CONV_AXES], pad_end[CONV_AXES]; /* pad_end may be negative: see conv_geometry() */
};

/* The geometry of a matrix product: a convolution of one tap over `rows` places. */
struct conv_dims conv_dims_product(int64_t rows, int64_t k, int64_t n);

/* Products over the axes. */
int64_t conv_taps(const struct conv_dims *d);
int64_t conv_in_span(const struct conv_dims *d);
int64_t conv_out_span(const struct conv_dims *d);

/* A transposed convolution whose windows do not touch: each product has a place of its own. */
bool k_conv_is_apart(const struct conv_dims *d);

/* Elements of a repacked weight, and the repacking, from ONNX's order: [m][c / groups][taps], or
 * [c][m / groups][taps] where transposed. */
size_t k_conv_packed(const struct conv_dims *d);
void k_conv_pack(const struct conv_dims *d, const float *w, float *packed);
/* Elements of scratch that k_conv needs. */
size_t k_conv_scratch(const struct conv_dims *d);
void k_conv(const struct conv_dims *d, const float *x, const float *packed, const struct tail *t,
            float *y, float *scratch);

#endif
