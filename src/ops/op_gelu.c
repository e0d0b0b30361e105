/* SPDX-License-Identifier: Apache-2.0
 *
 * op_gelu: activations with a second operand: BiasGelu and FastGelu of ONNX Runtime add a bias
 * vector first, SwiGLU multiplies afterwards.
 */
#include "ops.h"

#include "k_binary.h"
#include "k_unary.h"
#include "real.h"

/* The bias fits the last axis. */
int infer_bias_gelu(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0], *bias = call_in(c, 1);
    TRY(real_check(c, 0, err));
    TRY(call_same_dtype(c, 0, 1, err));
    if (bias && bias->shape.rank >= 0 && x->shape.rank >= 0) {
        int64_t n = x->shape.rank ? x->shape.dim[x->shape.rank - 1] : 1;
        if (bias->shape.rank != 1 || (n >= 0 && bias->shape.dim[0] >= 0 && bias->shape.dim[0] != n))
            return err_set(err, ERR_INPUT, "the bias must be a vector along the last axis");
    }
    call_set(c, 0, x->dtype, &x->shape);
    return 0;
}

int eval_bias_gelu(struct call *c, struct err *err)
{
    (void)err;
    enum k_unary kernel = c->node->op == OP_FastGelu ? K_GELU_TANH : K_GELU;
    const float *x = real_in(c, 0), *bias = real_in(c, 1);
    float *y = real_out(c, 0);
    int64_t n = tensor_count(c->in[0]);
    if (bias) {
        int64_t row = tensor_count(c->in[1]);
        for (int64_t i = 0; i < n; i += row)
            k_binary_f32(K_ADD, x + i, 1, bias, 1, y + i, row);
        x = y;
    }
    k_unary_f32(kernel, x, y, n, 0, 0);
    real_store(c, 0, y);
    return 0;
}

int infer_swiglu(struct call *c, struct err *err)
{
    const struct shape *a = &c->in[0]->shape, *b = &c->in[1]->shape;
    bool fits = a->rank < 0 || b->rank < 0 || a->rank == b->rank;
    TRY(real_check(c, 0, err));
    TRY(call_same_dtype(c, 0, 1, err));
    for (int i = 0; fits && b->rank >= 0 && i < a->rank; i++)
        fits = a->dim[i] < 0 || b->dim[i] < 0 || a->dim[i] == b->dim[i];
    if (!fits)
        return err_set(err, ERR_INPUT, "the inputs differ in shape");
    call_set(c, 0, c->in[0]->dtype, a->rank < 0 ? b : a);
    return 0;
}

int eval_swiglu(struct call *c, struct err *err)
{
    (void)err;
    float alpha = node_float(c->node, "alpha", 1);
    int64_t n = tensor_count(c->in[0]);
    if (c->in[0]->dtype == DTYPE_F64) {
        double *y = c->out[0]->data;
        k_unary_f64(K_SWISH, c->in[0]->data, y, n, (double)alpha, 0);
        k_binary_f64(K_MUL, y, 1, c->in[1]->data, 1, y, n);
        return 0;
    }
    float *y = real_out(c, 0);
    k_unary_f32(K_SWISH, real_in(c, 0), y, n, alpha, 0);
    k_binary_f32(K_MUL, y, 1, real_in(c, 1), 1, y, n);
    real_store(c, 0, y);
    return 0;
}
