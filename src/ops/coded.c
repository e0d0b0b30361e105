/* SPDX-License-Identifier: Apache-2.0
 *
 * coded: the call of an operator becomes that of its relative on codes, which has scales and zero
 * points as inputs.
 */
#include "coded.h"

#include "k_tail.h"
#include "ops.h"
#include "quant.h"

#include <math.h>

static op_fn *relative_of(enum op op)
{
    switch (op) {
    case OP_Add: return eval_qlinear_add;
    case OP_AveragePool: return eval_qlinear_pool;
    case OP_GlobalAveragePool: return eval_qlinear_mean;
    case OP_LeakyRelu: case OP_Sigmoid: return eval_qlinear_unary;
    case OP_Mul: return eval_qlinear_mul;
    case OP_Softmax: return eval_qlinear_softmax;
    default: return NULL;
    }
}

int coded_inputs(enum op op)
{
    if (!relative_of(op))
        return 0;
    return op == OP_Add || op == OP_Mul ? 2 : 1;
}

enum { SHIFT = 128 }; /* from int8 to uint8, which flips the highest bit */

static void flip(const void *from, void *to, int64_t n)
{
    const uint8_t *x = from;
    uint8_t *y = to;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] ^ SHIFT;
}

/* ONNX Runtime turns int8 into uint8 before, and rounds as that does. */
static const struct tensor *as_unsigned(const struct call *c, const struct tensor *x)
{
    if (x->dtype == DTYPE_U8)
        return x;
    struct tensor *y = arena_copy(c->scratch, x, sizeof *x);
    y->dtype = DTYPE_U8;
    y->data = NEW_ARRAY(c->scratch, tensor_count(x), uint8_t);
    flip(x->data, y->data, tensor_count(x));
    return y;
}

static void put_grid(const struct call *c, const struct quant *q, const struct tensor **in)
{
    in[0] = tensor_scalar(c->scratch, DTYPE_F32, q->scale[0]);
    in[1] = tensor_scalar(c->scratch, DTYPE_U8,
                          q->zero[0] + (q->type.dtype == DTYPE_I8 ? SHIFT : 0));
}

/* Limits that the codes of y have not got by themselves. */
static void clip_codes(const struct quant *q, const struct tail *tail, struct tensor *y)
{
    double zero = q->zero[0], least = (double)quant_min(&q->type);
    double most = (double)quant_max(&q->type);
    int64_t lo = (int64_t)fmin(most, fmax(least, rintf(tail->lo / q->scale[0]) + zero));
    int64_t hi = (int64_t)fmin(most, fmax(least, rintf(tail->hi / q->scale[0]) + zero));
    for (int64_t i = 0; (lo > least || hi < most) && i < tensor_count(y); i++) {
        int64_t v = dtype_load_int(y->dtype, y->data, i);
        dtype_store_int(y->dtype, y->data, i, v < lo ? lo : v > hi ? hi : v);
    }
}

int coded_eval(struct call *c, struct err *err)
{
    const struct codes *q = c->codes;
    const struct tensor *in[8];
    int n = coded_inputs(c->node->op);
    struct tensor *y = call_out(c, 0), unsigned_y = *y, *out = &unsigned_y;
    struct call relative = *c;
    for (int i = 0; i < n; i++) {
        in[3 * i] = as_unsigned(c, c->in[i]);
        put_grid(c, q->each[i], &in[3 * i + 1]);
    }
    put_grid(c, q->y, &in[3 * n]);
    relative.in = in;
    relative.n_in = 3 * n + 2;
    relative.codes = NULL;
    unsigned_y.dtype = DTYPE_U8;
    relative.out = &out;
    TRY(relative_of(c->node->op)(&relative, err));
    if (y->dtype == DTYPE_I8)
        flip(y->data, y->data, tensor_count(y));
    if (c->tail && c->tail->kind == TAIL_CLIP)
        clip_codes(q->y, c->tail, y);
    return 0;
}
