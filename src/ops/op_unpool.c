/* SPDX-License-Identifier: Apache-2.0
 *
 * op_unpool: MaxUnpool puts elements back where MaxPool found them, with zeros in between. Indices
 * count the elements of the pooled tensor as the attributes tell its shape; where an output_shape
 * asks for more, that is filled up with zeros behind each axis.
 */
#include "ops.h"

#include "k_move.h"
#include "move.h"
#include "window.h"

#include <inttypes.h>
#include <string.h>

/* The shape that indices count in. */
static int inner_shape(const struct call *c, struct shape *s, struct err *err)
{
    struct conv_dims d;
    TRY(unpool_geometry(c->node, &c->in[0]->shape, &d, err));
    *s = window_out_shape(&d);
    return 0;
}

int infer_unpool(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape, *index = &c->in[1]->shape;
    struct shape s;
    struct ints given;
    TRY(inner_shape(c, &s, err));
    TRY(call_ints(c, 2, NULL, &given, err));
    if (c->in[1]->dtype && c->in[1]->dtype != DTYPE_I64)
        return err_set(err, ERR_INPUT, "indices must be int64");
    if (shape_known(x) && shape_known(index) && !shape_equal(x, index))
        return err_set(err, ERR_INPUT, "input and indices differ in shape");
    if (given.n >= 0 && s.rank >= 0 && given.n != s.rank)
        return err_set(err, ERR_INPUT, "the output_shape has %d dims, not %d", given.n, s.rank);
    for (int i = 0; given.given && i < s.rank; i++) {
        int64_t want = given.known && given.at[i] != DIM_UNKNOWN ? given.at[i] : -1;
        if (given.known && want < s.dim[i] && given.at[i] != DIM_UNKNOWN)
            return err_set(err, ERR_INPUT,
                           "the output_shape has %" PRId64 " elements on axis %d; %" PRId64
                           " are unpooled", want, i, s.dim[i]);
        s.dim[i] = want;
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

int eval_unpool(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0], *y = c->out[0];
    const int64_t *index = c->in[1]->data;
    int64_t from[MAX_RANK], to[MAX_RANK];
    struct tensor inner = {.dtype = x->dtype};
    struct move m;
    TRY(inner_shape(c, &inner.shape, err));
    int64_t n = tensor_count(x), room = shape_count(&inner.shape);
    TRY(move_open(c, c->out[0], &m, err));
    const char *source = move_source(c, x);
    char *whole = arena_alloc(c->scratch, (size_t)room * m.item + 1);
    memset(whole, 0, (size_t)room * m.item);
    for (int64_t i = 0; i < n; i++) {
        if (index[i] < 0 || index[i] >= room)
            return err_set(err, ERR_INPUT, "index %" PRId64 " is out of range", index[i]);
        memcpy(whole + (size_t)index[i] * m.item, source + (size_t)i * m.item, m.item);
    }
    memset(m.to, 0, (size_t)tensor_count(y) * m.item);
    tensor_strides(&inner, from);
    tensor_strides(y, to);
    k_move(m.to, whole, m.item, y->shape.rank, inner.shape.dim, to, from);
    move_close(c->out[0], &m);
    return 0;
}
