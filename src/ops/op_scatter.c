/* SPDX-License-Identifier: Apache-2.0
 *
 * op_scatter: a copy of the data in which elements are replaced, or combined with updates:
 * ScatterElements (Scatter before opset 11) and ScatterND.
 */
#include "ops.h"

#include "move.h"

#include <string.h>

enum reduction { REDUCTION_NONE, REDUCTION_ADD, REDUCTION_MUL, REDUCTION_MAX, REDUCTION_MIN };

static int reduction_read(const struct call *c, enum reduction *r, struct err *err)
{
    static const char *const names[] = {"none", "add", "mul", "max", "min"};
    for (int i = 0; i < 5; i++)
        if (node_string_is(c->node, "reduction", "none", names[i])) {
            *r = (enum reduction)i;
            return 0;
        }
    return err_set(err, ERR_INPUT, "attribute reduction has a value that is not supported");
}

int infer_scatter(struct call *c, struct err *err)
{
    TRY(call_same_dtype(c, 0, 2, err));
    if (c->in[1]->dtype && c->in[1]->dtype != DTYPE_I64 && c->in[1]->dtype != DTYPE_I32)
        return err_set(err, ERR_INPUT, "indices must be int64, not %s",
                       dtype_info(c->in[1]->dtype)->name);
    call_set(c, 0, c->in[0]->dtype, &c->in[0]->shape);
    return 0;
}

static double reduced(enum reduction r, double a, double b)
{
    switch (r) {
    case REDUCTION_ADD: return a + b;
    case REDUCTION_MUL: return a * b;
    case REDUCTION_MAX: return a > b || a != a ? a : b;
    default: return a < b || a != a ? a : b;
    }
}

static int64_t reduced_int(enum reduction r, int64_t a, int64_t b)
{
    switch (r) {
    case REDUCTION_ADD: return (int64_t)((uint64_t)a + (uint64_t)b);
    case REDUCTION_MUL: return (int64_t)((uint64_t)a * (uint64_t)b);
    case REDUCTION_MAX: return a > b ? a : b;
    default: return a < b ? a : b;
    }
}

/* Combines n elements of the output from `at` on with updates from `from` on. */
static void combine(struct tensor *y, int64_t at, const struct tensor *update, int64_t from,
                    int64_t n, enum reduction r)
{
    bool real = dtype_info(y->dtype)->is_float;
    for (int64_t i = 0; i < n; i++) {
        if (real)
            dtype_store(y->dtype, y->data, at + i,
                        reduced(r, tensor_get(y, at + i), tensor_get(update, from + i)));
        else
            dtype_store_int(y->dtype, y->data, at + i,
                            reduced_int(r, tensor_get_int(y, at + i),
                                        tensor_get_int(update, from + i)));
    }
}

static int scatter_open(struct call *c, enum reduction *r, struct err *err)
{
    struct tensor *y = c->out[0];
    const struct dtype_info *info = dtype_info(y->dtype);
    TRY(reduction_read(c, r, err));
    if (!tensor_item(y) || (*r && !info->is_float && !info->is_integer && y->dtype != DTYPE_BOOL))
        return call_refuse_dtype(y->dtype, err);
    size_t n = dtype_size(y->dtype, tensor_count(y));
    if (n && y->data != c->in[0]->data)
        memcpy(y->data, c->in[0]->data, n);
    return 0;
}

int eval_scatter_elements(struct call *c, struct err *err)
{
    const struct tensor *index = c->in[1], *update = c->in[2];
    struct tensor *y = c->out[0];
    int rank = y->shape.rank, axis = axis_check(node_int(c->node, "axis", 0), rank, err);
    int64_t stride[MAX_RANK], at[MAX_RANK] = {0}, picked;
    size_t item = tensor_item(y);
    enum reduction r;
    if (axis < 0)
        return -1;
    if (index->shape.rank != rank || !shape_equal(&index->shape, &update->shape))
        return err_set(err, ERR_INPUT, "indices and updates do not fit the data");
    for (int i = 0; i < rank; i++)
        if (i != axis && index->shape.dim[i] > y->shape.dim[i])
            return err_set(err, ERR_INPUT, "indices have more elements than the data on axis %d",
                           i);
    TRY(scatter_open(c, &r, err));
    tensor_strides(y, stride);
    for (int64_t i = 0, n = tensor_count(index); i < n; i++) {
        int64_t to = 0;
        TRY(index_check(index, i, y->shape.dim[axis], &picked, err));
        for (int k = 0; k < rank; k++)
            to += (k == axis ? picked : at[k]) * stride[k];
        if (r)
            combine(y, to, update, i, 1, r);
        else
            memcpy((char *)y->data + (size_t)to * item,
                   (const char *)update->data + (size_t)i * item, item);
        for (int k = rank - 1; k >= 0 && ++at[k] == index->shape.dim[k]; k--)
            at[k] = 0;
    }
    return 0;
}

/* The last axis of the indices names the first k axes of the data. */
int eval_scatter_nd(struct call *c, struct err *err)
{
    const struct tensor *index = c->in[1], *update = c->in[2];
    struct tensor *y = c->out[0];
    int rank = y->shape.rank, last = index->shape.rank - 1;
    enum reduction r;
    if (last < 0 || index->shape.dim[last] > rank)
        return err_set(err, ERR_INPUT, "indices do not fit the data");
    int k = (int)index->shape.dim[last];
    int64_t n = shape_span(&index->shape, 0, last), run = shape_span(&y->shape, k, rank), picked;
    if (tensor_count(update) != n * run)
        return err_set(err, ERR_INPUT, "updates do not fit the indices");
    TRY(scatter_open(c, &r, err));
    size_t bytes = tensor_item(y) * (size_t)run;
    for (int64_t i = 0; i < n; i++) {
        int64_t to = 0;
        for (int j = 0; j < k; j++) {
            TRY(index_check(index, i * k + j, y->shape.dim[j], &picked, err));
            to = to * y->shape.dim[j] + picked;
        }
        if (r)
            combine(y, to * run, update, i * run, run, r);
        else
            memcpy((char *)y->data + (size_t)to * bytes,
                   (const char *)update->data + (size_t)i * bytes, bytes);
    }
    return 0;
}
