/* SPDX-License-Identifier: Apache-2.0
 *
 * op_qreduce: com.microsoft's operators that bring codes together: QLinearGlobalAveragePool,
 * QLinearReduceMean and QLinearSoftmax.
 *
 * A mean is an exact sum and one multiplication by x_scale / (y_scale * count), as in ONNX Runtime,
 * which has no QLinearReduceMean of its own. The softmax is its table of exponentials and sums in
 * float; where that overflows (an axis of two or three elements and a fine y_scale) its result is
 * anything, ours the largest code.
 */
#include "ops.h"

#include "k_loop.h"
#include "k_qlinear.h"
#include "qparam.h"

#include <float.h>
#include <math.h>

enum { X, X_SCALE, X_ZERO, Y_SCALE, Y_ZERO };

/* Which axes are averaged; -1 with a text. */
static int mean_axes(const struct call *c, int rank, unsigned *mask, struct err *err)
{
    if (c->node->op == OP_QLinearReduceMean) {
        struct ints axes;
        TRY(call_ints(c, -1, "axes", &axes, err));
        if (!axes.given)
            return err_set(err, ERR_INPUT, "attribute axes is missing");
        return axes_mask(&axes, rank, mask, err);
    }
    if (rank < 3)
        return err_set(err, ERR_INPUT, "the input has rank %d, less than 3", rank);
    *mask = ((1u << (rank - 2)) - 1) << (node_int(c->node, "channels_last", 0) ? 1 : 2);
    return 0;
}

int infer_qlinear_mean(struct call *c, struct err *err)
{
    const struct shape *x = &call_in(c, X)->shape;
    bool keep = c->node->op != OP_QLinearReduceMean || node_int(c->node, "keepdims", 1);
    struct shape s = {.rank = x->rank < 0 ? -1 : 0};
    unsigned mask = 0;
    TRY(inputs_need(c, 1u << X | 1u << X_SCALE | 1u << Y_SCALE, err));
    TRY(code_check(c, X, err));
    TRY(call_same_dtype(c, X, Y_ZERO, err));
    if (x->rank >= 0)
        TRY(mean_axes(c, x->rank, &mask, err));
    for (int i = 0; i < x->rank; i++) {
        if (!(mask >> i & 1))
            s.dim[s.rank++] = x->dim[i];
        else if (keep)
            s.dim[s.rank++] = 1;
    }
    call_set(c, 0, call_in(c, X)->dtype, &s);
    return 0;
}

/* Where each element of x goes: the strides of the result as it is stored, 0 along `mask`. */
static void sum_strides(const struct tensor *x, const struct tensor *y, unsigned mask,
                        int64_t stride[MAX_RANK])
{
    int64_t own[MAX_RANK];
    bool keep = y->shape.rank == x->shape.rank;
    tensor_strides(y, own);
    for (int i = 0, k = 0; i < x->shape.rank; i++) {
        bool averaged = mask >> i & 1;
        stride[i] = averaged ? 0 : own[keep ? i : k];
        k += !averaged;
    }
}

int eval_qlinear_mean(struct call *c, struct err *err)
{
    const struct tensor *x = call_in(c, X);
    struct tensor *y = call_out(c, 0);
    int64_t stride[2][MAX_RANK], n = tensor_count(y);
    const int64_t *strides[2] = {stride[0], stride[1]};
    int32_t zero, *sum = NEW_ARRAY(c->scratch, n, int32_t);
    int32_t y_zero;
    float x_scale, y_scale;
    struct k_loop l;
    unsigned mask;
    TRY(scale_read(c, X_SCALE, &x_scale, err));
    TRY(scale_read(c, Y_SCALE, &y_scale, err));
    TRY(zero_read(c, X_ZERO, x->dtype, &zero, err));
    TRY(zero_read(c, Y_ZERO, y->dtype, &y_zero, err));
    TRY(mean_axes(c, x->shape.rank, &mask, err));
    if (!n)
        return 0;
    tensor_strides(x, stride[0]);
    sum_strides(x, y, mask, stride[1]);
    k_loop_init(&l, x->shape.rank, x->shape.dim, 2, strides);
    if (k_loop_first(&l)) {
        do {
            k_add_codes(x->dtype, x->data, l.at[0], l.dim[l.rank - 1], zero, sum + l.at[1],
                        l.stride[1][l.rank - 1]);
        } while (k_loop_next(&l));
    }
    float factor = x_scale / (y_scale * (float)(tensor_count(x) / n));
    struct sums sums = {.sum = sum, .rows = n, .channels = 1, .factor = &factor};
    codes_of_sums(&sums, y_zero, y->dtype, y->data);
    return 0;
}

/* Before opset 13 (an attribute) all axes from `axis` on count as one. */
static int softmax_axis(const struct call *c, int rank, bool *flat, struct err *err)
{
    if (c->node->op == OP_Softmax) { /* between quantizers */
        *flat = c->opset < 13;
        return axis_check(node_int(c->node, "axis", *flat ? 1 : -1), rank, err);
    }
    if (!node_attr(c->node, "opset"))
        return err_set(err, ERR_INPUT, "attribute opset is missing");
    *flat = node_int(c->node, "opset", 0) < 13;
    return axis_check(node_int(c->node, "axis", -1), rank, err);
}

int infer_qlinear_softmax(struct call *c, struct err *err)
{
    const struct shape *x = &call_in(c, X)->shape;
    bool flat;
    TRY(inputs_need(c, 1u << X | 1u << X_SCALE | 1u << Y_SCALE, err));
    TRY(code_check(c, X, err));
    TRY(call_same_dtype(c, X, Y_ZERO, err));
    if (x->rank >= 0 && softmax_axis(c, x->rank, &flat, err) < 0)
        return -1;
    call_set(c, 0, call_in(c, X)->dtype, x);
    return 0;
}

/* Entry 255 is the largest exponential such that a sum of n stays below a float's limits with some
 * room; the others follow in steps of the scale. */
static void exp_table(float scale, int64_t n, float table[256])
{
    double shift = (double)logf(FLT_MAX / (float)n) - 5;
    shift = (shift > 0 ? shift : 0) / (double)scale;
    for (int i = 0; i < 256; i++)
        table[i] = (float)exp((i - 255 + shift) * (double)scale);
}

int eval_qlinear_softmax(struct call *c, struct err *err)
{
    const struct tensor *x = call_in(c, X);
    const struct shape *s = &x->shape;
    float table[256], x_scale, y_scale;
    int32_t zero;
    bool flat = false;
    int axis = softmax_axis(c, s->rank, &flat, err);
    TRY(axis);
    TRY(scale_read(c, X_SCALE, &x_scale, err));
    TRY(scale_read(c, Y_SCALE, &y_scale, err));
    TRY(zero_read(c, Y_ZERO, x->dtype, &zero, err));
    if (!tensor_count(x))
        return 0;
    int64_t n = shape_span(s, axis, flat ? s->rank : axis + 1);
    int64_t inner = flat ? 1 : shape_span(s, axis + 1, s->rank);
    exp_table(x_scale, n, table);
    for (int64_t i = 0; i < shape_span(s, 0, axis); i++)
        for (int64_t j = 0; j < inner; j++)
            k_qsoftmax(table, x->dtype, x->data, i * n * inner + j, n, inner, floorf(1 / y_scale),
                       zero, call_out(c, 0)->data);
    return 0;
}
