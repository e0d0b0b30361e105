/* SPDX-License-Identifier: Apache-2.0
 *
 * op_deform: DeformConv, a convolution whose taps are moved by an input, and weighted by another.
 * A block of output positions at a time is unrolled into columns, and multiplied by the weight.
 */
#include "ops.h"

#include "k_deform.h"
#include "k_gemm.h"
#include "real.h"
#include "window.h"

#include <inttypes.h>

enum { X, WEIGHT, OFFSET, BIAS, MASK };
enum { BLOCK = 1 << 18 }; /* elements of the columns at a time, about */

/* The channels and spatial dims of the offset or the mask, where they are known. */
static int side_check(const struct call *c, int slot, const struct conv_dims *d, int64_t channels,
                      struct err *err)
{
    const struct tensor *t = call_in(c, slot);
    if (!t || t->shape.rank < 0 || !d->axes)
        return 0;
    struct shape want = window_out_shape(d);
    want.dim[1] = channels;
    bool fits = t->shape.rank == want.rank;
    for (int i = 0; fits && i < want.rank; i++)
        fits = t->shape.dim[i] < 0 || want.dim[i] < 0 || t->shape.dim[i] == want.dim[i];
    char have[SHAPE_TEXT], wanted[SHAPE_TEXT];
    if (!fits)
        return err_set(err, ERR_INPUT, "input %d has shape %s, not %s", slot,
                       shape_text(&t->shape, have), shape_text(&want, wanted));
    return 0;
}

static int geometry(const struct call *c, struct conv_dims *d, int64_t *groups, struct err *err)
{
    *groups = node_int(c->node, "offset_group", 1);
    TRY(conv_geometry(c->node, &c->in[X]->shape, &c->in[WEIGHT]->shape, d, err));
    if (*groups < 1 || (d->c >= 0 && d->c % *groups))
        return err_set(err, ERR_INPUT,
                       "%" PRId64 " channels cannot be cut into %" PRId64 " offset groups", d->c,
                       *groups);
    bool known = true;
    for (int a = CONV_AXES - d->axes; a < CONV_AXES; a++)
        known = known && d->kernel[a] >= 0;
    int64_t taps = known ? *groups * conv_taps(d) : -1;
    TRY(side_check(c, OFFSET, d, known ? taps * d->axes : -1, err));
    return side_check(c, MASK, d, taps, err);
}

int infer_deform_conv(struct call *c, struct err *err)
{
    const struct tensor *bias = call_in(c, BIAS);
    struct conv_dims d;
    int64_t groups, n = bias ? shape_count(&bias->shape) : -1;
    TRY(real_check(c, X, err));
    for (int i = WEIGHT; i <= MASK; i++)
        TRY(call_same_dtype(c, X, i, err));
    TRY(geometry(c, &d, &groups, err));
    if (n >= 0 && d.m >= 0 && n != d.m)
        return err_set(err, ERR_INPUT, "the bias has %" PRId64 " elements for %" PRId64
                       " channels", n, d.m);
    struct shape s = window_out_shape(&d);
    call_set(c, 0, c->in[X]->dtype, &s);
    return 0;
}

int eval_deform_conv(struct call *c, struct err *err)
{
    struct conv_dims d;
    int64_t groups;
    TRY(geometry(c, &d, &groups, err));
    if (tensor_count(c->out[0]) == 0)
        return 0;
    if (tensor_count(c->in[X]) == 0)
        return err_set(err, ERR_INPUT, "the input has no elements");
    int64_t taps = conv_taps(&d), span = conv_out_span(&d), rows = d.c * taps;
    int64_t m = d.m / d.groups, k = rows / d.groups, block = BLOCK / rows + 1;
    const float *x = real_in(c, X), *w = real_in(c, WEIGHT), *bias = real_in(c, BIAS);
    const float *offset = real_in(c, OFFSET), *mask = real_in(c, MASK);
    float *y = real_out(c, 0), *to = y;
    block = block < span ? block : span;
    float *columns = NEW_ARRAY(c->scratch, rows * block, float);
    for (int64_t b = 0; b < d.batch; b++, to += d.m * span) {
        for (int64_t i = 0; i < d.m * span; i++)
            to[i] = bias ? bias[i / span] : 0;
        for (int64_t first = 0; first < span; first += block) {
            int64_t n = span - first < block ? span - first : block;
            k_deform_columns(&d, groups, x, offset, mask, first, n, columns);
            struct gemm gemm = gemm_dense(m, n, k);
            gemm.ldc = span;
            gemm.beta = 1;
            for (int64_t g = 0; g < d.groups; g++)
                k_gemm_f32(&gemm, w + g * m * k, columns + g * k * n, to + g * m * span + first);
        }
        x += d.c * conv_in_span(&d);
        offset += groups * taps * d.axes * span;
        if (mask)
            mask += groups * taps * span;
    }
    real_store(c, 0, y);
    return 0;
}
