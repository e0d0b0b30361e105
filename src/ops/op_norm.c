/* SPDX-License-Identifier: Apache-2.0
 *
 * op_norm: normalizations whose statistics come from the data: over the last axes (layer, RMS, and
 * SimplifiedLayerNormalization, which is RMS in files that ONNX Runtime's optimizer wrote),
 * over a channel (instance) or over a group of channels. All in plain layout and float.
 */
#include "ops.h"

#include "k_move.h"
#include "k_norm.h"
#include "real.h"

#include <inttypes.h>
#include <math.h>

/* The slots of the optional outputs; -1: the operator has none. */
static int mean_slot(const struct call *c)
{
    return c->node->op == OP_LayerNormalization ? 1 : -1;
}

static int factor_slot(const struct call *c)
{
    return c->node->op == OP_LayerNormalization ? 2 : 1;
}

/* The mean and the inverse deviation have the normalized axes as 1. The result has the type of the
 * scale where ONNX Runtime's forms of the operators let that differ from the input's. */
int infer_layer_norm(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    int64_t stash = node_int(c->node, "stash_type", DTYPE_F32);
    struct shape s = *x;
    bool onnx = c->node->op == OP_RMSNormalization || c->opset >= 17;
    bool by_scale = c->node->op == OP_SimplifiedLayerNormalization || !onnx;
    TRY(real_check(c, 0, err));
    if (!dtype_info((enum dtype)stash)->is_float)
        return err_set(err, ERR_INPUT, "attribute stash_type must be a floating type");
    if (x->rank >= 0) {
        int axis = axis_check(node_int(c->node, "axis", -1), x->rank, err);
        if (axis < 0)
            return -1;
        for (int i = axis; i < s.rank; i++)
            s.dim[i] = 1;
    }
    call_set(c, 0, c->in[by_scale ? 1 : 0]->dtype, x);
    if (mean_slot(c) >= 0)
        call_set(c, mean_slot(c), (enum dtype)stash, &s);
    call_set(c, factor_slot(c), (enum dtype)stash, &s);
    return 0;
}

/* Scale or bias, one row for all, or one for each row of the input. */
struct row_operand {
    const float *at; /* NULL: left out */
    int64_t step;    /* from row to row */
};

/* What the operand repeats to: a row, where its outer axes allow that, else the whole input. */
static int row_operand(struct call *c, int slot, int axis, struct row_operand *o, struct err *err)
{
    const struct tensor *t = call_in(c, slot);
    const struct shape *x = &c->in[0]->shape;
    struct shape row = shape_of(x->rank - axis, x->dim + axis), to = *x, s = *x;
    int64_t from_stride[MAX_RANK], to_stride[MAX_RANK];
    *o = (struct row_operand){0};
    if (!t)
        return 0;
    TRY(real_check(c, slot, err));
    TRY(shape_broadcast(&s, &t->shape, err));
    if (!shape_equal(&s, x))
        return err_set(err, ERR_INPUT, "input %d does not fit the input", slot);
    const float *from = real_in(c, slot);
    if (shape_equal(&t->shape, &row)) {
        o->at = from;
        return 0;
    }
    if (t->shape.rank <= row.rank)
        to = row;
    else
        o->step = shape_count(&row);
    float *full = NEW_ARRAY(c->scratch, shape_count(&to) + 1, float);
    struct tensor result = {.shape = to};
    tensor_strides(&result, to_stride);
    tensor_strides_in(t, &to, from_stride);
    k_move(full, from, sizeof *full, to.rank, to.dim, to_stride, from_stride);
    o->at = full;
    return 0;
}

int eval_layer_norm(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    int axis = axis_check(node_int(c->node, "axis", -1), x->rank, err);
    int64_t rows = shape_span(x, 0, axis), n = shape_span(x, axis, x->rank);
    double epsilon = (double)node_float(c->node, "epsilon", 1e-5f), mean, variance;
    int mean_at = mean_slot(c), factor_at = factor_slot(c);
    const float *from = real_in(c, 0), one = 1;
    float *y = real_out(c, 0), *means = mean_at < 0 ? NULL : real_out(c, mean_at);
    float *factors = real_out(c, factor_at);
    struct row_operand scale, bias;
    TRY(row_operand(c, 1, axis, &scale, err));
    TRY(row_operand(c, 2, axis, &bias, err));
    for (int64_t r = 0; r < rows && n; r++) {
        mean = 0;
        if (c->node->op == OP_LayerNormalization)
            k_moments_f32(from + r * n, n, &mean, &variance);
        else
            variance = k_mean_square_f32(from + r * n, n);
        double factor = 1 / sqrt(variance + epsilon);
        if (y)
            k_normalize_f32(from + r * n, y + r * n, n, (float)mean, (float)factor,
                            scale.at ? scale.at + r * scale.step : &one, scale.at != NULL,
                            bias.at ? bias.at + r * bias.step : NULL, bias.at != NULL);
        if (means)
            means[r] = (float)mean;
        if (factors)
            factors[r] = (float)factor;
    }
    real_store(c, 0, y);
    if (mean_at >= 0)
        real_store(c, mean_at, means);
    real_store(c, factor_at, factors);
    return 0;
}

/* Scale and bias have one element per channel; in opset 18 GroupNormalization had one per group. */
int infer_group_norm(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    TRY(real_check(c, 0, err));
    if (x->rank >= 0 && x->rank < 2)
        return err_set(err, ERR_INPUT, "the input has no channels");
    call_set(c, 0, c->in[0]->dtype, x);
    return 0;
}

int eval_group_norm(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    bool instance = c->node->op == OP_InstanceNormalization;
    int64_t channels = x->dim[1], groups = instance ? channels
                                                    : node_int(c->node, "num_groups", 0);
    int64_t inner = shape_span(x, 2, x->rank);
    double epsilon = (double)node_float(c->node, "epsilon", 1e-5f), mean, variance;
    const float *from = real_in(c, 0), *scale = real_in(c, 1), *bias = real_in(c, 2);
    float *y = real_out(c, 0);
    if (groups < 1 || channels % groups)
        return err_set(err, ERR_INPUT, "%" PRId64 " channels do not form %" PRId64 " groups",
                       channels, groups);
    bool by_group = !instance && c->opset < 21;
    int64_t per = channels / groups, n = per * inner, given = by_group ? groups : channels;
    if (tensor_count(c->in[1]) != given || tensor_count(c->in[2]) != given)
        return err_set(err, ERR_INPUT, "scale and bias must have %" PRId64 " elements", given);
    for (int64_t g = 0, all = x->dim[0] * groups; g < all && n; g++) {
        k_moments_f32(from + g * n, n, &mean, &variance);
        float factor = (float)(1 / sqrt(variance + epsilon));
        for (int64_t k = 0; k < per; k++) {
            int64_t at = by_group ? g % groups : g % groups * per + k;
            k_normalize_f32(from + g * n + k * inner, y + g * n + k * inner, inner, (float)mean,
                            factor, scale + at, 0, bias + at, 0);
        }
    }
    real_store(c, 0, y);
    return 0;
}
