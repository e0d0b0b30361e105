/* SPDX-License-Identifier: Apache-2.0
 *
 * op_expand: operators that repeat data: Expand and Tile.
 */
#include "ops.h"

#include "k_loop.h"
#include "k_move.h"
#include "move.h"

#include <inttypes.h>

int infer_expand(struct call *c, struct err *err)
{
    struct ints v;
    TRY(call_ints(c, 1, NULL, &v, err));
    if (v.n > MAX_RANK)
        return err_set(err, ERR_INPUT, "rank %d is not supported", v.n);
    struct shape s = c->in[0]->shape, to = v.n < 0 ? shape_unknown() : shape_of_rank(v.n);
    for (int i = 0; v.known && i < v.n; i++) {
        if (v.at[i] < 0 && v.at[i] != DIM_UNKNOWN)
            return err_set(err, ERR_INPUT, "dim %d is %" PRId64, i, v.at[i]);
        to.dim[i] = v.at[i] < 0 ? -1 : v.at[i];
    }
    TRY(shape_broadcast(&s, &to, err));
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

int eval_expand(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    int64_t to[MAX_RANK], from[MAX_RANK];
    struct move m;
    TRY(move_open(c, y, &m, err));
    tensor_strides(y, to);
    tensor_strides_in(x, &y->shape, from);
    k_move(m.to, move_source(c, x), m.item, y->shape.rank, y->shape.dim, to, from);
    move_close(y, &m);
    return 0;
}

/* How often each axis is repeated. */
static int tile_repeats(const struct call *c, struct ints *v, struct err *err)
{
    int rank = c->in[0]->shape.rank;
    if (c->opset < 6)
        return err_set(err, ERR_INPUT, "opset %d is not supported", (int)c->opset);
    TRY(call_ints(c, 1, NULL, v, err));
    if (rank >= 0 && v->n >= 0 && v->n != rank)
        return err_set(err, ERR_INPUT, "there are %d repeats for rank %d", v->n, rank);
    for (int i = 0; v->known && i < v->n; i++)
        if (v->at[i] < 0 && v->at[i] != DIM_UNKNOWN)
            return err_set(err, ERR_INPUT, "axis %d is repeated %" PRId64 " times", i, v->at[i]);
    return 0;
}

int infer_tile(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    struct ints v;
    struct shape s = x->rank < 0 ? shape_unknown() : shape_of_rank(x->rank);
    TRY(tile_repeats(c, &v, err));
    for (int i = 0; v.known && i < s.rank; i++)
        if (x->dim[i] >= 0 && v.at[i] >= 0
            && __builtin_mul_overflow(x->dim[i], v.at[i], &s.dim[i]))
            return err_set(err, ERR_INPUT, "the result has too many elements");
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

/* Each axis becomes two: the repetition, along which the source stands still, and the axis. */
int eval_tile(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    int64_t to[MAX_RANK], from[MAX_RANK], dim[K_LOOP_RANK], ds[K_LOOP_RANK], ss[K_LOOP_RANK];
    int rank = x->shape.rank;
    struct ints v;
    struct move m;
    TRY(tile_repeats(c, &v, err));
    TRY(move_open(c, y, &m, err));
    tensor_strides(y, to);
    tensor_strides(x, from);
    for (int i = 0; i < rank; i++) {
        dim[2 * i] = v.at[i];
        ds[2 * i] = to[i] * x->shape.dim[i];
        ss[2 * i] = 0;
        dim[2 * i + 1] = x->shape.dim[i];
        ds[2 * i + 1] = to[i];
        ss[2 * i + 1] = from[i];
    }
    k_move(m.to, move_source(c, x), m.item, 2 * rank, dim, ds, ss);
    move_close(y, &m);
    return 0;
}
