/* SPDX-License-Identifier: Apache-2.0
 *
 * k_unary_tmpl: the functions of one number, written once for float and double. Before including
 * it: T the type, M(f) the libm function f of that type, NAME(f) and KERNEL function names of
 * this type, EXP, TANH and ERF; SIGMOIDS and SWISHES, the cases of those operators.
 */

/* The loop of one operator: y[i] = value, an expression in x. */
#define EACH(value)                                                                                \
    K_NO_CARRY                                                                                     \
    for (int64_t i = 0; i < n; i++) {                                                              \
        const T x = in[i];                                                                         \
        y[i] = (value);                                                                            \
    }                                                                                              \
    break

/* log(1 + exp(x)) without overflow. */
K_INLINE T NAME(softplus)(T x)
{
    return (x > 0 ? x : 0) + M(log1p)(EXP(x > 0 ? -x : x));
}

K_CLONES void KERNEL(enum k_unary op, const T *in, T *y, int64_t n, T a, T b)
{
    const T one = 1, half = (T)0.5;
    switch (op) {
    case K_ABS: EACH(M(fabs)(x));
    case K_ACOS: EACH(M(acos)(x));
    case K_ACOSH: EACH(M(acosh)(x));
    case K_ASIN: EACH(M(asin)(x));
    case K_ASINH: EACH(M(asinh)(x));
    case K_ATAN: EACH(M(atan)(x));
    case K_ATANH: EACH(M(atanh)(x));
    case K_CEIL: EACH(M(ceil)(x));
    case K_CELU: EACH(x > 0 ? x : a * M(expm1)(x / a));
    case K_CLIP: EACH((x < a ? a : x) > b ? b : (x < a ? a : x));
    case K_COS: EACH(M(cos)(x));
    case K_COSH: EACH(M(cosh)(x));
    case K_ELU: EACH(x > 0 ? x : a * M(expm1)(x));
    case K_ERF: EACH(ERF(x));
    case K_EXP: EACH(EXP(x));
    case K_FLOOR: EACH(M(floor)(x));
    case K_GELU: EACH(half * x * (one + ERF(x * (T)0.70710678118654752440)));
    case K_GELU_TANH:
        EACH(half * x * (one + TANH((T)0.79788456080286535588 * (x + (T)0.044715 * x * x * x))));
    case K_HARD_SIGMOID: EACH(a * x + b < 0 ? 0 : a * x + b > 1 ? 1 : a * x + b);
    case K_HARD_SWISH: EACH(x * (x <= -3 ? 0 : x >= 3 ? one : x / 6 + half));
    case K_LEAKY_RELU: EACH(x < 0 ? a * x : x);
    case K_LOG: EACH(M(log)(x));
    case K_MISH: EACH(x * TANH(NAME(softplus)(x)));
    case K_NEG: EACH(-x);
    case K_RECIPROCAL: EACH(one / x);
    case K_RELU: EACH(x < 0 ? 0 : x);
    case K_ROUND: EACH(M(rint)(x));
    case K_SCALE: EACH(a * x + b);
    case K_SELU: EACH(x > 0 ? b * x : b * (a * M(expm1)(x)));
    case K_SHRINK: EACH(x < -a ? x + b : x > a ? x - b : 0);
    case K_SIGMOID: SIGMOIDS;
    case K_SIGN: EACH((T)((x > 0) - (x < 0)));
    case K_SIN: EACH(M(sin)(x));
    case K_SINH: EACH(M(sinh)(x));
    case K_SOFTPLUS: EACH(NAME(softplus)(x));
    case K_SOFTSIGN: EACH(x / (one + M(fabs)(x)));
    case K_SQRT: EACH(M(sqrt)(x));
    case K_SWISH: SWISHES;
    case K_TAN: EACH(M(tan)(x));
    case K_TANH: EACH(TANH(x));
    case K_THRESHOLDED_RELU: EACH(x > a ? x : 0);
    }
}

#undef EACH
