/* SPDX-License-Identifier: Apache-2.0
 *
 * op_depth: DepthToSpace and SpaceToDepth: blocks of pixels trade places with channels. Both are
 * one k_move() over six axes, in any layout.
 */
#include "ops.h"

#include "k_move.h"
#include "move.h"

#include <inttypes.h>

static int block_size(const struct call *c, int64_t *b, struct err *err)
{
    *b = node_int(c->node, "blocksize", 0);
    if (*b < 1 || *b > 1 << 15)
        return err_set(err, ERR_INPUT, "attribute blocksize must be > 0");
    if (c->in[0]->shape.rank >= 0 && c->in[0]->shape.rank != 4)
        return err_set(err, ERR_INPUT, "the input must have rank 4, not %d",
                       c->in[0]->shape.rank);
    return 0;
}

/* dim * times / by, where it is whole. */
static int scaled(int64_t dim, int64_t times, int64_t by, int64_t *to, struct err *err)
{
    *to = dim < 0 ? -1 : dim / by * times;
    if (dim >= 0 && dim % by)
        return err_set(err, ERR_INPUT, "%" PRId64 " does not divide into blocks of %" PRId64, dim,
                       by);
    return 0;
}

int infer_depth_to_space(struct call *c, struct err *err)
{
    struct shape s = c->in[0]->shape;
    int64_t b;
    TRY(block_size(c, &b, err));
    if (s.rank == 4) {
        TRY(scaled(s.dim[1], 1, b * b, &s.dim[1], err));
        TRY(scaled(s.dim[2], b, 1, &s.dim[2], err));
        TRY(scaled(s.dim[3], b, 1, &s.dim[3], err));
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

int infer_space_to_depth(struct call *c, struct err *err)
{
    struct shape s = c->in[0]->shape;
    int64_t b;
    TRY(block_size(c, &b, err));
    if (s.rank == 4) {
        TRY(scaled(s.dim[1], b * b, 1, &s.dim[1], err));
        TRY(scaled(s.dim[2], 1, b, &s.dim[2], err));
        TRY(scaled(s.dim[3], 1, b, &s.dim[3], err));
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

/* Axes: image, block row, block column, channel, row, column; `deep` has blocks among its channels
 * (with them outside, or inside for mode CRD), `wide` among its pixels. */
static void block_strides(const struct tensor *deep, const struct tensor *wide, int64_t b,
                          bool inside, int64_t dim[6], int64_t deep_stride[6],
                          int64_t wide_stride[6])
{
    int64_t d[MAX_RANK], w[MAX_RANK], channels = wide->shape.dim[1];
    tensor_strides(deep, d);
    tensor_strides(wide, w);
    const int64_t dims[] = {deep->shape.dim[0], b, b, channels, deep->shape.dim[2],
                            deep->shape.dim[3]};
    const int64_t ds[] = {d[0], d[1] * (inside ? b : b * channels), d[1] * (inside ? 1 : channels),
                          d[1] * (inside ? b * b : 1), d[2], d[3]};
    const int64_t ws[] = {w[0], w[2], w[3], w[1], w[2] * b, w[3] * b};
    for (int i = 0; i < 6; i++) {
        dim[i] = dims[i];
        deep_stride[i] = ds[i];
        wide_stride[i] = ws[i];
    }
}

static int mode_inside(const struct call *c, bool *inside, struct err *err)
{
    *inside = node_string_is(c->node, "mode", "DCR", "CRD");
    if (!*inside && !node_string_is(c->node, "mode", "DCR", "DCR"))
        return err_set(err, ERR_INPUT, "attribute mode must be DCR or CRD");
    return 0;
}

int eval_depth_to_space(struct call *c, struct err *err)
{
    int64_t dim[6], from[6], to[6];
    bool inside;
    struct move m;
    TRY(mode_inside(c, &inside, err));
    TRY(move_open(c, c->out[0], &m, err));
    block_strides(c->in[0], c->out[0], node_int(c->node, "blocksize", 1), inside, dim, from, to);
    k_move(m.to, move_source(c, c->in[0]), m.item, 6, dim, to, from);
    move_close(c->out[0], &m);
    return 0;
}

int eval_space_to_depth(struct call *c, struct err *err)
{
    int64_t dim[6], from[6], to[6];
    bool inside;
    struct move m;
    TRY(mode_inside(c, &inside, err));
    TRY(move_open(c, c->out[0], &m, err));
    block_strides(c->out[0], c->in[0], node_int(c->node, "blocksize", 1), inside, dim, to, from);
    k_move(m.to, move_source(c, c->in[0]), m.item, 6, dim, to, from);
    move_close(c->out[0], &m);
    return 0;
}
