/* SPDX-License-Identifier: Apache-2.0
 *
 * op_move: operators that copy data to other places. Each is one or a few k_move() calls with the
 * strides of the logical axes, so any layout will do wherever both sides have the same axes.
 */
#include "ops.h"

#include "k_move.h"
#include "move.h"

#include <inttypes.h>

/* The permutation; reversed axes where the attribute is left out. */
static int transpose_perm(const struct call *c, int rank, int perm[MAX_RANK], struct err *err)
{
    size_t n = 0;
    const int64_t *p = node_ints(c->node, "perm", &n);
    unsigned seen = 0;
    if (p && (int)n != rank)
        return err_set(err, ERR_INPUT, "perm has %zu axes, the input %d", n, rank);
    for (int i = 0; i < rank; i++) {
        perm[i] = p ? axis_check(p[i], rank, err) : rank - 1 - i;
        if (perm[i] < 0)
            return -1;
        if (seen & 1u << perm[i])
            return err_set(err, ERR_INPUT, "perm has axis %d twice", perm[i]);
        seen |= 1u << perm[i];
    }
    return 0;
}

int infer_transpose(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    int perm[MAX_RANK];
    size_t n = 0;
    struct shape s = shape_unknown();
    if (x->rank >= 0) {
        TRY(transpose_perm(c, x->rank, perm, err));
        s.rank = x->rank;
        for (int i = 0; i < s.rank; i++)
            s.dim[i] = x->dim[perm[i]];
    } else if (node_ints(c->node, "perm", &n) && n <= MAX_RANK) {
        s = shape_of_rank((int)n);
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

int eval_transpose(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    int64_t to[MAX_RANK], own[MAX_RANK], from[MAX_RANK];
    int perm[MAX_RANK];
    struct move m;
    TRY(transpose_perm(c, x->shape.rank, perm, err));
    TRY(move_open(c, y, &m, err));
    tensor_strides(y, to);
    tensor_strides(x, own);
    for (int i = 0; i < x->shape.rank; i++)
        from[i] = own[perm[i]];
    k_move(m.to, move_source(c, x), m.item, y->shape.rank, y->shape.dim, to, from);
    move_close(y, &m);
    return 0;
}

int infer_join(struct call *c, int first, int step, struct err *err)
{
    struct shape s = shape_unknown();
    int axis = -1;
    enum dtype dtype = DTYPE_NONE;
    for (int i = first; i < c->n_in; i += step) {
        const struct tensor *x = c->in[i];
        TRY(call_same_dtype(c, first, i, err));
        dtype = dtype ? dtype : x->dtype;
        if (x->shape.rank < 0)
            continue;
        if (s.rank < 0) {
            s = x->shape;
            axis = axis_check(node_int(c->node, "axis", 1), s.rank, err);
            if (axis < 0)
                return -1;
            s.dim[axis] = 0;
        }
        if (x->shape.rank != s.rank)
            return err_set(err, ERR_INPUT, "input %d has rank %d, others %d", i, x->shape.rank,
                           s.rank);
        for (int k = 0; k < s.rank; k++) {
            int64_t d = x->shape.dim[k];
            if (k == axis)
                s.dim[k] = s.dim[k] < 0 || d < 0 ? -1 : s.dim[k] + d;
            else if (s.dim[k] < 0)
                s.dim[k] = d;
            else if (d >= 0 && d != s.dim[k])
                return err_set(err, ERR_INPUT, "axis %d has %" PRId64 " and %" PRId64 " elements",
                               k, s.dim[k], d);
        }
    }
    for (int i = first; s.rank >= 0 && i < c->n_in; i += step)
        if (c->in[i]->shape.rank < 0)
            s.dim[axis] = -1;
    call_set(c, 0, dtype, &s);
    return 0;
}

int infer_concat(struct call *c, struct err *err)
{
    return infer_join(c, 0, 1, err);
}

int eval_concat(struct call *c, struct err *err)
{
    struct tensor *y = c->out[0];
    int64_t to[MAX_RANK], from[MAX_RANK], at = 0;
    int axis = axis_check(node_int(c->node, "axis", 1), y->shape.rank, err);
    struct move m;
    TRY(move_open(c, y, &m, err));
    tensor_strides(y, to);
    for (int i = 0; i < c->n_in; i++) {
        const struct tensor *x = c->in[i];
        tensor_strides(x, from);
        k_move(m.to + at * to[axis] * (int64_t)m.item, move_source(c, x), m.item,
               x->shape.rank, x->shape.dim, to, from);
        at += x->shape.dim[axis];
    }
    move_close(y, &m);
    return 0;
}

/* Sizes of the parts: given, or equal with a smaller last one (opset 18). */
static int split_sizes(const struct call *c, int64_t whole, const int64_t **sizes, struct err *err)
{
    struct ints v;
    int64_t sum = 0;
    *sizes = NULL;
    TRY(call_ints(c, 1, "split", &v, err));
    if (v.given) {
        if (v.n >= 0 && v.n != c->n_out)
            return err_set(err, ERR_INPUT, "split has %d sizes for %d outputs", v.n, c->n_out);
        for (int i = 0; v.known && i < v.n; i++) {
            if (v.at[i] < 0)
                return err_set(err, ERR_INPUT, "size %d of split is negative", i);
            sum += v.at[i];
        }
        if (v.known && whole >= 0 && sum != whole)
            return err_set(err, ERR_INPUT, "sizes of split add up to %" PRId64 " of %" PRId64, sum,
                           whole);
        *sizes = v.known ? v.at : NULL;
        return 0;
    }
    if (whole < 0)
        return 0;
    int64_t n = node_int(c->node, "num_outputs", c->n_out), part;
    if (n != c->n_out || n < 1 || (c->opset < 18 && whole % n))
        return err_set(err, ERR_INPUT, "%" PRId64 " elements do not split into %d parts", whole,
                       c->n_out);
    part = (whole + n - 1) / n;
    int64_t *own = NEW_ARRAY(c->scratch, n, int64_t);
    for (int64_t i = 0; i < n; i++, sum += part)
        own[i] = whole - sum < part ? whole < sum ? 0 : whole - sum : part;
    *sizes = own;
    return 0;
}

int infer_split(struct call *c, struct err *err)
{
    struct shape s = c->in[0]->shape;
    const int64_t *sizes = NULL;
    int axis = 0;
    if (s.rank >= 0) {
        axis = axis_check(node_int(c->node, "axis", 0), s.rank, err);
        if (axis < 0)
            return -1;
        TRY(split_sizes(c, s.dim[axis], &sizes, err));
    }
    for (int i = 0; i < c->n_out; i++) {
        if (s.rank >= 0)
            s.dim[axis] = sizes ? sizes[i] : -1;
        call_set(c, i, c->in[0]->dtype, &s);
    }
    return 0;
}

int eval_split(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    const int64_t *sizes;
    int64_t from[MAX_RANK], to[MAX_RANK], at = 0;
    int axis = axis_check(node_int(c->node, "axis", 0), x->shape.rank, err);
    TRY(split_sizes(c, x->shape.dim[axis], &sizes, err));
    tensor_strides(x, from);
    const char *data = move_source(c, x);
    for (int i = 0; i < c->n_out; at += sizes[i++]) {
        struct tensor *y = c->out[i];
        struct move m;
        if (!y)
            continue;
        TRY(move_open(c, y, &m, err));
        tensor_strides(y, to);
        k_move(m.to, data + at * from[axis] * (int64_t)m.item, m.item, y->shape.rank, y->shape.dim,
               to, from);
        move_close(y, &m);
    }
    return 0;
}
