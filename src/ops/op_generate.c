/* SPDX-License-Identifier: Apache-2.0
 *
 * op_generate: tensors made of few numbers: Range, EyeLike, OneHot, and the triangles of Trilu.
 */
#include "ops.h"

#include "k_move.h"
#include "move.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Elements of a Range; -1: not known yet, -2: an error was set. */
static int64_t range_count(const struct call *c, struct err *err)
{
    for (int i = 0; i < 3; i++) {
        const struct tensor *t = c->in[i];
        if (!t->data)
            return -1;
        if (tensor_count(t) != 1)
            return err_set(err, ERR_INPUT, "input %d must have one element", i) - 1;
    }
    if (dtype_info(c->in[0]->dtype)->is_integer) {
        int64_t from = tensor_get_int(c->in[0], 0), to = tensor_get_int(c->in[1], 0), length;
        int64_t step = tensor_get_int(c->in[2], 0);
        if (step == 0 || step == INT64_MIN || __builtin_sub_overflow(to, from, &length))
            return err_set(err, ERR_INPUT, "the range has no end") - 1;
        if ((step > 0) != (length > 0) || length == 0)
            return 0;
        int64_t rest = length % step != 0;
        return length / step + rest;
    }
    double step = tensor_get(c->in[2], 0);
    double n = ceil((tensor_get(c->in[1], 0) - tensor_get(c->in[0], 0)) / step);
    if (!(n < 0x1p40))
        return err_set(err, ERR_INPUT, "the range has no end") - 1;
    return n > 0 ? (int64_t)n : 0;
}

int infer_range(struct call *c, struct err *err)
{
    TRY(call_same_dtype(c, 0, 1, err));
    TRY(call_same_dtype(c, 0, 2, err));
    int64_t n = range_count(c, err);
    if (n < -1)
        return -1;
    call_set(c, 0, c->in[0]->dtype, &(struct shape){1, {n}});
    return 0;
}

int eval_range(struct call *c, struct err *err)
{
    struct tensor *y = c->out[0];
    int64_t n = tensor_count(y);
    const struct dtype_info *info = dtype_info(y->dtype);
    if (!info->is_integer && !info->is_float)
        return call_refuse_dtype(y->dtype, err);
    int64_t whole = tensor_get_int(c->in[0], 0), by = tensor_get_int(c->in[2], 0);
    double real = tensor_get(c->in[0], 0), step = tensor_get(c->in[2], 0);
    for (int64_t i = 0; i < n; i++) {
        if (info->is_integer)
            dtype_store_int(y->dtype, y->data, i, (int64_t)((uint64_t)whole + (uint64_t)(i * by)));
        else
            dtype_store(y->dtype, y->data, i, real + (double)i * step);
    }
    return 0;
}

int infer_eye_like(struct call *c, struct err *err)
{
    int64_t given = node_int(c->node, "dtype", 0);
    if (c->in[0]->shape.rank >= 0 && c->in[0]->shape.rank != 2)
        return err_set(err, ERR_INPUT, "the input must have rank 2, not %d", c->in[0]->shape.rank);
    if (given < 0 || given >= N_DTYPES)
        return err_set(err, ERR_INPUT, "attribute dtype is no type");
    call_set(c, 0, given ? (enum dtype)given : c->in[0]->dtype, &c->in[0]->shape);
    return 0;
}

int eval_eye_like(struct call *c, struct err *err)
{
    struct tensor *y = c->out[0];
    int64_t k = node_int(c->node, "k", 0), columns = y->shape.dim[1];
    if (!tensor_item(y))
        return call_refuse_dtype(y->dtype, err);
    memset(y->data, 0, dtype_size(y->dtype, tensor_count(y)));
    for (int64_t i = 0; i < y->shape.dim[0]; i++)
        if (k >= -i && k < columns - i)
            dtype_store(y->dtype, y->data, i * columns + i + k, 1);
    return 0;
}

/* The new axis of OneHot, among one more axis than the indices have. */
int infer_one_hot(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    struct shape s = shape_unknown();
    if (x->rank >= MAX_RANK)
        return err_set(err, ERR_INPUT, "rank %d is not supported", x->rank + 1);
    if (x->rank >= 0) {
        int axis = axis_check(node_int(c->node, "axis", -1), x->rank + 1, err);
        if (axis < 0)
            return -1;
        s = shape_of_rank(x->rank + 1);
        for (int i = 0, k = 0; i < s.rank; i++)
            s.dim[i] = i == axis ? -1 : x->dim[k++];
        if (c->in[1]->data && tensor_count(c->in[1]) == 1)
            s.dim[axis] = tensor_get_int(c->in[1], 0);
        if (c->in[1]->data && s.dim[axis] < 0)
            return err_set(err, ERR_INPUT, "the depth is %" PRId64, s.dim[axis]);
    }
    call_set(c, 0, c->in[2]->dtype, &s);
    return 0;
}

int eval_one_hot(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0], *values = c->in[2];
    struct tensor *y = c->out[0];
    int axis = axis_check(node_int(c->node, "axis", -1), y->shape.rank, err);
    int64_t depth = y->shape.dim[axis], inner = shape_span(&y->shape, axis + 1, y->shape.rank);
    size_t item = tensor_item(y);
    const char *value = values->data;
    if (!item || tensor_count(values) != 2)
        return err_set(err, ERR_INPUT, "the values must be two numbers");
    k_fill(y->data, value, item, tensor_count(y));
    for (int64_t i = 0, n = tensor_count(x); i < n; i++) {
        int64_t at = dtype_info(x->dtype)->is_float ? (int64_t)tensor_get(x, i)
                                                    : tensor_get_int(x, i);
        at += at < 0 ? depth : 0;
        if (at < 0 || at >= depth)
            continue;
        int64_t to = (i / inner * depth + at) * inner + i % inner;
        memcpy((char *)y->data + (size_t)to * item, value + item, item);
    }
    return 0;
}

int infer_trilu(struct call *c, struct err *err)
{
    if (c->in[0]->shape.rank >= 0 && c->in[0]->shape.rank < 2)
        return err_set(err, ERR_INPUT, "the input is no matrix");
    call_set(c, 0, c->in[0]->dtype, &c->in[0]->shape);
    return 0;
}

/* Keeps what is on and above (or below) diagonal k, and clears the rest. */
int eval_trilu(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    const struct shape *s = &x->shape;
    bool upper = node_int(c->node, "upper", 1), known;
    int64_t k, columns = s->dim[s->rank - 1], rows = s->dim[s->rank - 2];
    int64_t n = shape_span(s, 0, s->rank - 1);
    struct move m;
    TRY(call_int(c, 1, NULL, 0, &k, &known, err));
    TRY(move_open(c, c->out[0], &m, err));
    const char *from = move_source(c, x);
    for (int64_t r = 0; r < n; r++) {
        int64_t row = r % rows, cut = k > columns ? columns : k < -rows ? -rows : k;
        cut += row + (upper ? 0 : 1);
        cut = cut < 0 ? 0 : cut > columns ? columns : cut;
        size_t left = (size_t)cut * m.item, all = (size_t)columns * m.item;
        char *to = m.to + (size_t)r * all;
        const char *source = from + (size_t)r * all;
        memset(to, 0, all);
        if (upper)
            memcpy(to + left, source + left, all - left);
        else
            memcpy(to, source, left);
    }
    move_close(c->out[0], &m);
    return 0;
}
