/* SPDX-License-Identifier: Apache-2.0
 *
 * op_unary: operators on one tensor, element by element. They do not care about layout: the output
 * is stored as the input is.
 */
#include "ops.h"

#include "k_convert.h"
#include "k_unary.h"

#include <float.h>
#include <math.h>

/* What an operator computes, and the attributes that give a and b. */
struct unary {
    enum k_unary kernel;
    const char *a, *b;
    float a_default, b_default;
};
static const struct unary unary_table[N_OPS] = {
    [OP_Abs] = {.kernel = K_ABS},
    [OP_Acos] = {.kernel = K_ACOS},
    [OP_Acosh] = {.kernel = K_ACOSH},
    [OP_Asin] = {.kernel = K_ASIN},
    [OP_Asinh] = {.kernel = K_ASINH},
    [OP_Atan] = {.kernel = K_ATAN},
    [OP_Atanh] = {.kernel = K_ATANH},
    [OP_Ceil] = {.kernel = K_CEIL},
    [OP_Celu] = {K_CELU, "alpha", NULL, 1, 0},
    [OP_Cos] = {.kernel = K_COS},
    [OP_Cosh] = {.kernel = K_COSH},
    [OP_Elu] = {K_ELU, "alpha", NULL, 1, 0},
    [OP_Erf] = {.kernel = K_ERF},
    [OP_Exp] = {.kernel = K_EXP},
    [OP_Floor] = {.kernel = K_FLOOR},
    [OP_Gelu] = {.kernel = K_GELU},
    [OP_HardSigmoid] = {K_HARD_SIGMOID, "alpha", "beta", 0.2f, 0.5f},
    [OP_HardSwish] = {.kernel = K_HARD_SWISH},
    [OP_LeakyRelu] = {K_LEAKY_RELU, "alpha", NULL, 0.01f, 0},
    [OP_Log] = {.kernel = K_LOG},
    [OP_Mish] = {.kernel = K_MISH},
    [OP_Neg] = {.kernel = K_NEG},
    [OP_QuickGelu] = {K_SWISH, "alpha", NULL, 1.702f, 0},
    [OP_Reciprocal] = {.kernel = K_RECIPROCAL},
    [OP_Relu] = {.kernel = K_RELU},
    [OP_Round] = {.kernel = K_ROUND},
    [OP_Selu] = {K_SELU, "alpha", "gamma", 1.67326319217681884765625f,
                 1.05070102214813232421875f},
    [OP_Shrink] = {K_SHRINK, "lambd", "bias", 0.5f, 0},
    [OP_Sigmoid] = {.kernel = K_SIGMOID},
    [OP_Sign] = {.kernel = K_SIGN},
    [OP_Sin] = {.kernel = K_SIN},
    [OP_Sinh] = {.kernel = K_SINH},
    [OP_Softplus] = {.kernel = K_SOFTPLUS},
    [OP_Softsign] = {.kernel = K_SOFTSIGN},
    [OP_Sqrt] = {.kernel = K_SQRT},
    [OP_Swish] = {K_SWISH, "alpha", NULL, 1, 0},
    [OP_Tan] = {.kernel = K_TAN},
    [OP_Tanh] = {.kernel = K_TANH},
    [OP_ThresholdedRelu] = {K_THRESHOLDED_RELU, "alpha", NULL, 1, 0},
};

int infer_same(struct call *c, struct err *err)
{
    (void)err;
    call_set(c, 0, c->in[0]->dtype, &c->in[0]->shape);
    return 0;
}

enum { CHUNK = 256 }; /* elements that are converted at a time */

#define CONVERTED(type, suffix)                                                                    \
    do {                                                                                           \
        type buf[CHUNK];                                                                           \
        for (int64_t i = 0; i < n; i += CHUNK) {                                                   \
            int64_t m = n - i < CHUNK ? n - i : CHUNK;                                             \
            k_load_##suffix(x->dtype, x->data, i, 1, m, buf);                                      \
            k_unary_##suffix(kernel, buf, buf, m, (type)a, (type)b);                               \
            k_store_##suffix(y->dtype, y->data, i, m, buf);                                        \
        }                                                                                          \
    } while (0)

static int unary_float(enum k_unary kernel, const struct tensor *x, struct tensor *y, double a,
                       double b, struct err *err)
{
    int64_t n = tensor_count(x);
    switch (x->dtype) {
    case DTYPE_F32: k_unary_f32(kernel, x->data, y->data, n, (float)a, (float)b); return 0;
    case DTYPE_F64: k_unary_f64(kernel, x->data, y->data, n, a, b); return 0;
    case DTYPE_F16: case DTYPE_BF16: CONVERTED(float, f32); return 0;
    default: return call_refuse_dtype(x->dtype, err);
    }
}

static int unary_int(enum k_unary kernel, const struct tensor *x, struct tensor *y, int64_t a,
                     int64_t b, struct err *err)
{
    int64_t n = tensor_count(x);
    if (!k_unary_i64(kernel, NULL, NULL, 0, a, b))
        return call_refuse_dtype(x->dtype, err);
    CONVERTED(int64_t, i64);
    return 0;
}

/* Bounds and bias may have fractions; that of the result is cut off. */
static void shrink_int(const struct tensor *x, struct tensor *y, double bound, double bias)
{
    double buf[CHUNK];
    for (int64_t i = 0, n = tensor_count(x); i < n; i += CHUNK) {
        int64_t m = n - i < CHUNK ? n - i : CHUNK;
        k_load_f64(x->dtype, x->data, i, 1, m, buf);
        k_unary_f64(K_SHRINK, buf, buf, m, bound, bias);
        for (int64_t k = 0; k < m; k++)
            dtype_store(y->dtype, y->data, i + k, trunc(buf[k]));
    }
}

int eval_unary(struct call *c, struct err *err)
{
    const struct unary *u = &unary_table[c->node->op];
    float a = u->a ? node_float(c->node, u->a, u->a_default) : 0;
    float b = u->b ? node_float(c->node, u->b, u->b_default) : 0;
    if (c->node->op == OP_Selu && c->opset < 6) { /* its defaults had fewer digits */
        a = node_float(c->node, u->a, 1.6732f);
        b = node_float(c->node, u->b, 1.0507f);
    }
    if (dtype_info(c->in[0]->dtype)->is_integer && u->kernel == K_SHRINK) {
        shrink_int(c->in[0], c->out[0], (double)a, (double)b);
        return 0;
    }
    if (dtype_info(c->in[0]->dtype)->is_integer)
        return unary_int(u->kernel, c->in[0], c->out[0], 0, 0, err);
    return unary_float(u->kernel, c->in[0], c->out[0], (double)a, (double)b, err);
}

int eval_gelu(struct call *c, struct err *err)
{
    bool tanh_form = node_string_is(c->node, "approximate", "none", "tanh");
    if (!tanh_form && !node_string_is(c->node, "approximate", "none", "none"))
        return err_set(err, ERR_INPUT, "attribute approximate must be none or tanh");
    return unary_float(tanh_form ? K_GELU_TANH : K_GELU, c->in[0], c->out[0], 0, 0, err);
}

/* Bounds are attributes before opset 11, and optional inputs since. */
int eval_clip(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0], *lo = call_in(c, 1), *hi = call_in(c, 2);
    if ((lo && tensor_count(lo) != 1) || (hi && tensor_count(hi) != 1))
        return err_set(err, ERR_INPUT, "inputs min and max must have one element");
    if (dtype_info(x->dtype)->is_integer)
        return unary_int(K_CLIP, x, c->out[0], lo ? tensor_get_int(lo, 0) : INT64_MIN,
                         hi ? tensor_get_int(hi, 0) : INT64_MAX, err);
    double a = -INFINITY, b = INFINITY;
    if (c->opset < 11) {
        a = (double)node_float(c->node, "min", -FLT_MAX);
        b = (double)node_float(c->node, "max", FLT_MAX);
    }
    return unary_float(K_CLIP, x, c->out[0], lo ? tensor_get(lo, 0) : a,
                       hi ? tensor_get(hi, 0) : b, err);
}

int infer_test(struct call *c, struct err *err)
{
    (void)err;
    call_set(c, 0, DTYPE_BOOL, &c->in[0]->shape);
    return 0;
}

int eval_is_nan(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    uint8_t *y = c->out[0]->data;
    if (!dtype_info(x->dtype)->is_float)
        return call_refuse_dtype(x->dtype, err);
    for (int64_t i = 0, n = tensor_count(x); i < n; i++)
        y[i] = isnan(tensor_get(x, i)) != 0;
    return 0;
}

int eval_is_inf(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    uint8_t *y = c->out[0]->data;
    bool below = node_int(c->node, "detect_negative", 1);
    bool above = node_int(c->node, "detect_positive", 1);
    if (!dtype_info(x->dtype)->is_float)
        return call_refuse_dtype(x->dtype, err);
    for (int64_t i = 0, n = tensor_count(x); i < n; i++) {
        double v = tensor_get(x, i);
        y[i] = isinf(v) && (v < 0 ? below : above);
    }
    return 0;
}

int eval_not(struct call *c, struct err *err)
{
    const uint8_t *x = c->in[0]->data;
    uint8_t *y = c->out[0]->data;
    if (c->in[0]->dtype != DTYPE_BOOL)
        return call_refuse_dtype(c->in[0]->dtype, err);
    for (int64_t i = 0, n = tensor_count(c->in[0]); i < n; i++)
        y[i] = !x[i];
    return 0;
}

int eval_bitwise_not(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    const uint8_t *from = x->data;
    uint8_t *to = c->out[0]->data;
    if (!dtype_info(x->dtype)->is_integer || !tensor_item(x))
        return call_refuse_dtype(x->dtype, err);
    for (size_t i = 0, n = dtype_size(x->dtype, tensor_count(x)); i < n; i++)
        to[i] = (uint8_t)~from[i];
    return 0;
}
