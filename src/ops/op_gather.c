/* SPDX-License-Identifier: Apache-2.0
 *
 * op_gather: picking elements by index: Gather, GatherElements, GatherND. Negative indices count
 * from the end; one that is out of range is an error.
 */
#include "ops.h"

#include "move.h"

#include <string.h>

static int check_index_type(const struct tensor *t, struct err *err)
{
    if (t->dtype && t->dtype != DTYPE_I64 && t->dtype != DTYPE_I32)
        return err_set(err, ERR_INPUT, "indices must be int64, not %s",
                       dtype_info(t->dtype)->name);
    return 0;
}

int infer_gather(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape, *index = &c->in[1]->shape;
    struct shape s = shape_unknown();
    TRY(check_index_type(c->in[1], err));
    if (x->rank >= 0) {
        int axis = axis_check(node_int(c->node, "axis", 0), x->rank, err);
        if (axis < 0)
            return -1;
        if (index->rank >= 0) {
            if (x->rank - 1 + index->rank > MAX_RANK)
                return err_set(err, ERR_INPUT, "rank %d is not supported",
                               x->rank - 1 + index->rank);
            s.rank = 0;
            for (int i = 0; i < axis; i++)
                s.dim[s.rank++] = x->dim[i];
            for (int i = 0; i < index->rank; i++)
                s.dim[s.rank++] = index->dim[i];
            for (int i = axis + 1; i < x->rank; i++)
                s.dim[s.rank++] = x->dim[i];
        }
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

int eval_gather(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0], *index = c->in[1];
    int axis = axis_check(node_int(c->node, "axis", 0), x->shape.rank, err);
    int64_t dim = x->shape.dim[axis], n = tensor_count(index), at;
    int64_t outer = shape_span(&x->shape, 0, axis);
    struct move m;
    TRY(move_open(c, c->out[0], &m, err));
    const char *from = move_source(c, x);
    size_t run = (size_t)shape_span(&x->shape, axis + 1, x->shape.rank) * m.item;
    for (int64_t i = 0; i < n; i++) {
        TRY(index_check(index, i, dim, &at, err));
        for (int64_t o = 0; o < outer; o++)
            memcpy(m.to + (size_t)(o * n + i) * run, from + (size_t)(o * dim + at) * run, run);
    }
    move_close(c->out[0], &m);
    return 0;
}

int infer_gather_elements(struct call *c, struct err *err)
{
    TRY(check_index_type(c->in[1], err));
    if (c->in[0]->shape.rank >= 0
        && axis_check(node_int(c->node, "axis", 0), c->in[0]->shape.rank, err) < 0)
        return -1;
    if (c->in[0]->shape.rank >= 0 && c->in[1]->shape.rank >= 0
        && c->in[0]->shape.rank != c->in[1]->shape.rank)
        return err_set(err, ERR_INPUT, "input and indices differ in rank");
    call_set(c, 0, c->in[0]->dtype, &c->in[1]->shape);
    return 0;
}

int eval_gather_elements(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0], *index = c->in[1];
    int rank = x->shape.rank, axis = axis_check(node_int(c->node, "axis", 0), rank, err);
    int64_t stride[MAX_RANK], at[MAX_RANK] = {0}, picked;
    struct move m;
    TRY(move_open(c, c->out[0], &m, err));
    const char *from = move_source(c, x);
    tensor_strides(x, stride);
    for (int i = 0; i < rank; i++)
        if (i != axis && index->shape.dim[i] > x->shape.dim[i])
            return err_set(err, ERR_INPUT, "indices have more elements than the input on axis %d",
                           i);
    for (int64_t i = 0, n = tensor_count(index); i < n; i++) {
        TRY(index_check(index, i, x->shape.dim[axis], &picked, err));
        int64_t source = 0;
        for (int k = 0; k < rank; k++)
            source += (k == axis ? picked : at[k]) * stride[k];
        memcpy(m.to + (size_t)i * m.item, from + (size_t)source * m.item, m.item);
        for (int k = rank - 1; k >= 0 && ++at[k] == index->shape.dim[k]; k--)
            at[k] = 0;
    }
    move_close(c->out[0], &m);
    return 0;
}

/* Indices [batch..., picks..., k] name the first k axes after the batch axes. */
int infer_gather_nd(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape, *index = &c->in[1]->shape;
    int64_t batch = node_int(c->node, "batch_dims", 0);
    struct shape s = shape_unknown();
    TRY(check_index_type(c->in[1], err));
    if (x->rank >= 0 && index->rank >= 1 && index->dim[index->rank - 1] >= 0) {
        int64_t k = index->dim[index->rank - 1], rank = index->rank - 1 + x->rank - batch - k;
        if (batch < 0 || batch >= index->rank || batch + k > x->rank || rank > MAX_RANK)
            return err_set(err, ERR_INPUT, "indices do not fit the input");
        s.rank = 0;
        for (int i = 0; i < index->rank - 1; i++)
            s.dim[s.rank++] = index->dim[i];
        for (int i = (int)(batch + k); i < x->rank; i++)
            s.dim[s.rank++] = x->dim[i];
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

int eval_gather_nd(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0], *index = c->in[1];
    int batch = (int)node_int(c->node, "batch_dims", 0), rank = x->shape.rank;
    int last = index->shape.rank - 1, k = (int)index->shape.dim[last];
    int64_t picks = shape_span(&index->shape, batch, last), at;
    struct move m;
    for (int i = 0; i < batch; i++)
        if (index->shape.dim[i] != x->shape.dim[i])
            return err_set(err, ERR_INPUT, "batch axis %d differs between input and indices", i);
    TRY(move_open(c, c->out[0], &m, err));
    const char *from = move_source(c, x);
    size_t run = (size_t)shape_span(&x->shape, batch + k, rank) * m.item;
    int64_t batches = shape_span(&x->shape, 0, batch);
    for (int64_t i = 0, n = batches * picks; i < n; i++) {
        int64_t source = i / picks;
        for (int j = 0; j < k; j++) {
            TRY(index_check(index, i * k + j, x->shape.dim[batch + j], &at, err));
            source = source * x->shape.dim[batch + j] + at;
        }
        memcpy(m.to + (size_t)i * run, from + (size_t)source * run, run);
    }
    move_close(c->out[0], &m);
    return 0;
}
