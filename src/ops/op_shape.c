/* SPDX-License-Identifier: Apache-2.0
 *
 * op_shape: shapes as data, and constants.
 */
#include "ops.h"

#include "k_move.h"

#include <inttypes.h>
#include <string.h>

/* The slice of axes that attributes start and end (opset 15) choose. */
static void shape_slice(const struct call *c, int rank, int *from, int *to)
{
    int64_t start = node_int(c->node, "start", 0), end = node_int(c->node, "end", rank);
    start += start < 0 ? rank : 0;
    end += end < 0 ? rank : 0;
    *from = (int)(start < 0 ? 0 : start > rank ? rank : start);
    *to = (int)(end < 0 ? 0 : end > rank ? rank : end);
    if (*to < *from)
        *to = *from;
}

int infer_shape(struct call *c, struct err *err)
{
    (void)err;
    struct shape s = {1, {-1}};
    int rank = c->in[0]->shape.rank, from, to;
    if (rank >= 0) {
        shape_slice(c, rank, &from, &to);
        s.dim[0] = to - from;
    }
    call_set(c, 0, DTYPE_I64, &s);
    return 0;
}

int eval_shape(struct call *c, struct err *err)
{
    (void)err;
    int from, to;
    int64_t *y = c->out[0]->data;
    shape_slice(c, c->in[0]->shape.rank, &from, &to);
    for (int i = from; i < to; i++)
        y[i - from] = c->in[0]->shape.dim[i];
    return 0;
}

int infer_size(struct call *c, struct err *err)
{
    (void)err;
    call_set(c, 0, DTYPE_I64, &(struct shape){.rank = 0});
    return 0;
}

int eval_size(struct call *c, struct err *err)
{
    (void)err;
    *(int64_t *)c->out[0]->data = tensor_count(c->in[0]);
    return 0;
}

/* The value of a Constant, whichever attribute carries it. */
static int constant_value(const struct call *c, const struct tensor **t, struct err *err)
{
    size_t n;
    const struct attr *a;
    if ((a = node_attr(c->node, "value")) && a->kind == ATTR_TENSOR)
        *t = a->t;
    else if ((a = node_attr(c->node, "value_float")) && a->kind == ATTR_FLOAT)
        *t = tensor_scalar(c->scratch, DTYPE_F32, (double)a->f);
    else if ((a = node_attr(c->node, "value_floats")) && a->kind == ATTR_FLOATS)
        *t = tensor_from_f32(c->scratch, node_floats(c->node, "value_floats", &n), (int64_t)a->n);
    else if ((a = node_attr(c->node, "value_ints")) && a->kind == ATTR_INTS)
        *t = tensor_from_i64(c->scratch, node_ints(c->node, "value_ints", &n), (int64_t)a->n);
    else if ((a = node_attr(c->node, "value_int")) && a->kind == ATTR_INT) {
        struct tensor *one = tensor_new(c->scratch, DTYPE_I64, &(struct shape){.rank = 0});
        *(int64_t *)one->data = a->i;
        *t = one;
    } else
        return err_set(err, ERR_INPUT, "a constant of strings or a sparse one is not supported");
    return 0;
}

int infer_constant(struct call *c, struct err *err)
{
    const struct tensor *t = NULL;
    TRY(constant_value(c, &t, err));
    call_set(c, 0, t->dtype, &t->shape);
    return 0;
}

int eval_constant(struct call *c, struct err *err)
{
    const struct tensor *t = NULL;
    TRY(constant_value(c, &t, err));
    size_t n = dtype_size(t->dtype, tensor_count(t));
    if (dtype_info(t->dtype)->bits == 0)
        return call_refuse_dtype(t->dtype, err);
    if (n)
        memcpy(c->out[0]->data, t->data, n);
    return 0;
}

int infer_constant_of_shape(struct call *c, struct err *err)
{
    const struct attr *value = node_attr(c->node, "value");
    struct ints v;
    TRY(call_ints(c, 0, NULL, &v, err));
    if (v.n > MAX_RANK)
        return err_set(err, ERR_INPUT, "rank %d is not supported", v.n);
    if (value && (value->kind != ATTR_TENSOR || tensor_count(value->t) != 1))
        return err_set(err, ERR_INPUT, "attribute value must have one element");
    struct shape s = v.n < 0 ? shape_unknown() : shape_of_rank(v.n);
    for (int i = 0; v.known && i < v.n; i++) {
        if (v.at[i] < 0 && v.at[i] != DIM_UNKNOWN)
            return err_set(err, ERR_INPUT, "dim %d is %" PRId64, i, v.at[i]);
        s.dim[i] = v.at[i] < 0 ? -1 : v.at[i];
    }
    call_set(c, 0, value ? value->t->dtype : DTYPE_F32, &s);
    return 0;
}

int eval_constant_of_shape(struct call *c, struct err *err)
{
    const struct attr *value = node_attr(c->node, "value");
    struct tensor *y = c->out[0];
    int64_t n = tensor_count(y);
    if (!dtype_info(y->dtype)->bits)
        return call_refuse_dtype(y->dtype, err);
    if (!value)
        memset(y->data, 0, dtype_size(y->dtype, n));
    else if (tensor_item(y))
        k_fill(y->data, value->t->data, tensor_item(y), n);
    else
        for (int64_t i = 0; i < n; i++)
            dtype_store(y->dtype, y->data, i, tensor_get(value->t, 0));
    return 0;
}
