/* SPDX-License-Identifier: Apache-2.0
 *
 * op_qtable: com.microsoft's operators on codes that are a table of 256 entries for each input:
 * QLinearSigmoid, QLinearLeakyRelu, QLinearConcat and QLinearWhere.
 *
 * An entry is the function of the code's value, in float, quantized for the output. ONNX Runtime
 * does the same with an approximation of the sigmoid; ours is exact, so that codes near a tie may
 * be one step apart.
 */
#include "ops.h"

#include "k_loop.h"
#include "k_move.h"
#include "k_qlinear.h"
#include "qparam.h"

#include <math.h>

typedef float unary(float x, float alpha);

static float identity(float x, float alpha)
{
    (void)alpha;
    return x;
}
static float sigmoid(float x, float alpha)
{
    (void)alpha;
    return (float)(1 / (1 + exp(-(double)x)));
}
static float leaky_relu(float x, float alpha)
{
    return x >= 0 ? x : alpha * x;
}

/* Scale and zero point of some codes. */
struct grid {
    float scale;
    int32_t zero;
};

static int grid_read(const struct call *c, int slot, enum dtype t, struct grid *g, struct err *err)
{
    TRY(scale_read(c, slot, &g->scale, err));
    return zero_read(c, slot + 1, t, &g->zero, err);
}

/* Codes on the same grid stay as they are. */
static void table_fill(enum dtype t, struct grid x, struct grid y, unary *fn, float alpha,
                       uint8_t table[256])
{
    for (int i = 0; i < 256; i++) {
        uint8_t bits = (uint8_t)i;
        int32_t code = (int32_t)dtype_load_int(t, &bits, 0);
        float v = fn(x.scale * (float)(code - x.zero), alpha);
        table[i] = (uint8_t)code_of(v, y.scale, y.zero, t);
        if (fn == identity && x.scale == y.scale && x.zero == y.zero)
            table[i] = bits;
    }
}

int infer_qlinear_unary(struct call *c, struct err *err)
{
    TRY(inputs_need(c, 1u << 0 | 1u << 1 | 1u << 3, err));
    TRY(code_check(c, 0, err));
    TRY(call_same_dtype(c, 0, 4, err));
    call_set(c, 0, call_in(c, 0)->dtype, &call_in(c, 0)->shape);
    return 0;
}

int eval_qlinear_unary(struct call *c, struct err *err)
{
    const struct tensor *x = call_in(c, 0);
    bool leaky = c->node->op == OP_QLinearLeakyRelu || c->node->op == OP_LeakyRelu;
    uint8_t table[256];
    struct grid from, to;
    TRY(grid_read(c, 1, x->dtype, &from, err));
    TRY(grid_read(c, 3, x->dtype, &to, err));
    table_fill(x->dtype, from, to, leaky ? leaky_relu : sigmoid,
               node_float(c->node, "alpha", 0.01f), table);
    k_lookup(table, x->data, tensor_count(x), call_out(c, 0)->data);
    return 0;
}

/* Inputs: scale and zero point of the output, then codes, scale, zero point of each part. */
int infer_qlinear_concat(struct call *c, struct err *err)
{
    if ((c->n_in - 2) % 3)
        return err_set(err, ERR_INPUT, "inputs behind the first two come in threes");
    for (int i = 2; i < c->n_in; i += 3)
        TRY(code_check(c, i, err));
    TRY(call_same_dtype(c, 1, 2, err));
    return infer_join(c, 2, 3, err);
}

int eval_qlinear_concat(struct call *c, struct err *err)
{
    struct tensor *y = call_out(c, 0);
    int64_t to[MAX_RANK], from[MAX_RANK], at = 0;
    int axis = axis_check(node_int(c->node, "axis", 1), y->shape.rank, err);
    struct grid result;
    TRY(grid_read(c, 0, y->dtype, &result, err));
    tensor_strides(y, to);
    for (int i = 2; i < c->n_in; i += 3) {
        const struct tensor *x = call_in(c, i);
        uint8_t table[256], *codes = NEW_ARRAY(c->scratch, tensor_count(x), uint8_t);
        struct grid own;
        TRY(grid_read(c, i + 1, x->dtype, &own, err));
        table_fill(x->dtype, own, result, identity, 0, table);
        k_lookup(table, x->data, tensor_count(x), codes);
        tensor_strides(x, from);
        k_move((char *)y->data + at * to[axis], codes, 1, x->shape.rank, x->shape.dim, to,
               from);
        at += x->shape.dim[axis];
    }
    return 0;
}

/* Inputs: condition; codes, scale, zero point of both choices; scale, zero point of the output. */
int infer_qlinear_where(struct call *c, struct err *err)
{
    const struct tensor *condition = call_in(c, 0), *x = call_in(c, 1);
    struct shape s = condition->shape;
    if (condition->dtype && condition->dtype != DTYPE_BOOL)
        return call_refuse_dtype(condition->dtype, err);
    TRY(code_check(c, 1, err));
    TRY(call_same_dtype(c, 1, 4, err));
    TRY(call_same_dtype(c, 1, 8, err));
    TRY(shape_broadcast(&s, &x->shape, err));
    TRY(shape_broadcast(&s, &call_in(c, 4)->shape, err));
    call_set(c, 0, x->dtype, &s);
    return 0;
}

int eval_qlinear_where(struct call *c, struct err *err)
{
    struct tensor *y = call_out(c, 0);
    const struct tensor *in[3] = {call_in(c, 0), call_in(c, 1), call_in(c, 4)};
    int64_t stride[4][MAX_RANK];
    const int64_t *strides[4] = {stride[0], stride[1], stride[2], stride[3]};
    uint8_t table[2][256];
    struct grid from, to;
    struct k_loop l;
    TRY(grid_read(c, 7, y->dtype, &to, err));
    for (int i = 0; i < 2; i++) {
        TRY(grid_read(c, i ? 5 : 2, y->dtype, &from, err));
        table_fill(y->dtype, from, to, identity, 0, table[i]);
    }
    tensor_strides(y, stride[0]);
    for (int i = 0; i < 3; i++)
        tensor_strides_in(in[i], &y->shape, stride[i + 1]);
    k_loop_init(&l, y->shape.rank, y->shape.dim, 4, strides);
    if (!k_loop_first(&l))
        return 0;
    int last = l.rank - 1;
    do {
        const uint8_t *condition = (const uint8_t *)in[0]->data + l.at[1];
        const uint8_t *a = (const uint8_t *)in[1]->data + l.at[2];
        const uint8_t *b = (const uint8_t *)in[2]->data + l.at[3];
        uint8_t *result = (uint8_t *)y->data + l.at[0];
        for (int64_t i = 0; i < l.dim[last]; i++)
            result[i] = condition[i * l.stride[1][last]] ? table[0][a[i * l.stride[2][last]]]
                                                         : table[1][b[i * l.stride[3][last]]];
    } while (k_loop_next(&l));
    return 0;
}
