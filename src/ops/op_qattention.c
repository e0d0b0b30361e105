/* SPDX-License-Identifier: Apache-2.0
 *
 * op_qattention: com.microsoft's QAttention: the result of MatMulIntegerToFloat is the projection
 * that com.microsoft's Attention goes on with.
 */
#include "ops.h"

#include "ms_attention.h"
#include "qparam.h"

enum { X, WEIGHTS, BIAS, X_SCALE, W_SCALE, MASK, X_ZERO, W_ZERO, PAST };

/* Which inputs those of the two are. */
static const int product_input[] = {X, WEIGHTS, X_SCALE, W_SCALE, X_ZERO, W_ZERO, BIAS};
static const int attention_input[] = {X, WEIGHTS, BIAS, MASK, PAST};
enum { N_PRODUCT = 7, N_ATTENTION = 5 };

static struct call call_with(const struct call *c, const int *input, int n,
                             const struct tensor **in)
{
    struct call other = *c;
    other.in = in;
    other.n_in = n;
    other.constant = 0;
    for (int i = 0; i < n; i++) {
        in[i] = call_in(c, input[i]);
        other.constant |= (c->constant >> input[i] & 1) << i;
    }
    return other;
}

/* As Attention's: input and weights are float there. */
static struct call attention_call(const struct call *c, const struct tensor **in,
                                  struct tensor real[2])
{
    struct call other = call_with(c, attention_input, N_ATTENTION, in);
    for (int i = X; i <= WEIGHTS; i++) {
        real[i] = (struct tensor){.dtype = DTYPE_F32, .shape = in[i]->shape};
        in[i] = &real[i];
    }
    return other;
}

int infer_qattention(struct call *c, struct err *err)
{
    const struct tensor *in[N_ATTENTION];
    struct tensor real[2];
    TRY(code_check(c, X, err));
    TRY(code_check(c, WEIGHTS, err));
    TRY(call_same_dtype(c, X, X_ZERO, err));
    TRY(call_same_dtype(c, WEIGHTS, W_ZERO, err));
    struct call attention = attention_call(c, in, real);
    return infer_ms_attention(&attention, err);
}

int eval_qattention(struct call *c, struct err *err)
{
    const struct tensor *in[N_PRODUCT];
    struct tensor real[2], *projected;
    const struct shape *x = &c->in[X]->shape, *w = &c->in[WEIGHTS]->shape;
    if (w->dim[0] != x->dim[2] || tensor_count(c->in[BIAS]) != w->dim[1])
        return err_set(err, ERR_INPUT, "weights and bias do not fit the input");
    struct shape s = {3, {x->dim[0], x->dim[1], w->dim[1]}};
    projected = tensor_new(c->scratch, DTYPE_F32, &s);
    struct call product = call_with(c, product_input, N_PRODUCT, in);
    product.out = &projected;
    product.n_out = 1;
    TRY(eval_matmul_integer_to_float(&product, err));
    struct call attention = attention_call(c, in, real);
    return ms_attention_run(&attention, tensor_f32(projected), err);
}
