/* SPDX-License-Identifier: Apache-2.0
 *
 * k_unary: the template for float and double, and the few functions that integers have.
 */
#include "k_unary.h"

#include "k_gate.h"
#include "k_math.h"
#include "k_simd.h"

#include <math.h>

#define T float
#define M(fn) fn##f
#define NAME(fn) fn##_f32
#define KERNEL k_unary_f32
#define EXP(x) k_exp(x)
#define SIGMOIDS k_gate_sigmoid(in, y, n); break
#define SWISHES k_gate_swish(in, y, n, a); break
#define TANH(x) k_tanh(x)
#define ERF(x) k_erf(x)
#include "k_unary_tmpl.h"
#undef T
#undef M
#undef NAME
#undef KERNEL
#undef EXP
#undef SIGMOIDS
#undef SWISHES
#undef TANH
#undef ERF

#define T double
#define M(fn) fn
#define NAME(fn) fn##_f64
#define KERNEL k_unary_f64
#define EXP(x) exp(x)
#define SIGMOIDS EACH(1.0 / (1.0 + exp(-x)))
#define SWISHES EACH(x / (1.0 + exp(-a * x)))
#define TANH(x) tanh(x)
#define ERF(x) erf(x)
#include "k_unary_tmpl.h"

#define EACH(value)                                                                                \
    K_NO_CARRY                                                                                     \
    for (int64_t i = 0; i < n; i++) {                                                              \
        const int64_t v = x[i];                                                                    \
        y[i] = (value);                                                                            \
    }                                                                                              \
    return true

static int64_t negative(int64_t v)
{
    return (int64_t)(0 - (uint64_t)v);
}

bool k_unary_i64(enum k_unary op, const int64_t *x, int64_t *y, int64_t n, int64_t a, int64_t b)
{
    switch (op) {
    case K_ABS: EACH(v < 0 ? negative(v) : v);
    case K_CLIP: EACH((v < a ? a : v) > b ? b : (v < a ? a : v));
    case K_NEG: EACH(negative(v));
    case K_RELU: EACH(v < 0 ? 0 : v);
    case K_SIGN: EACH((v > 0) - (v < 0));
    default: return false;
    }
}
