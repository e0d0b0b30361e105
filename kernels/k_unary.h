/* SPDX-License-Identifier: Apache-2.0
 *
 * k_unary: functions of one number over dense arrays; y may be x. The formulas are those of ONNX's
 * operators of the same names; a and b are their parameters.
 */
#ifndef K_UNARY_H
#define K_UNARY_H

#include <stdbool.h>
#include <stdint.h>

enum k_unary {
    K_ABS, K_ACOS, K_ACOSH, K_ASIN, K_ASINH, K_ATAN, K_ATANH, K_CEIL,
    K_CELU,    /* a: alpha */
    K_CLIP,    /* a: min, b: max */
    K_COS, K_COSH,
    K_ELU,     /* a: alpha */
    K_ERF, K_EXP, K_FLOOR, K_GELU, K_GELU_TANH,
    K_HARD_SIGMOID, /* a: alpha, b: beta */
    K_HARD_SWISH,
    K_LEAKY_RELU, /* a: alpha */
    K_LOG, K_MISH, K_NEG, K_RECIPROCAL, K_RELU,
    K_ROUND,   /* half to even */
    K_SCALE,   /* a * x + b */
    K_SELU,    /* a: alpha, b: gamma */
    K_SHRINK,  /* a: lambd, b: bias */
    K_SIGMOID, K_SIGN, K_SIN, K_SINH, K_SOFTPLUS, K_SOFTSIGN, K_SQRT,
    K_SWISH,   /* a: alpha */
    K_TAN, K_TANH,
    K_THRESHOLDED_RELU, /* a: alpha */
};

void k_unary_f32(enum k_unary op, const float *x, float *y, int64_t n, float a, float b);
void k_unary_f64(enum k_unary op, const double *x, double *y, int64_t n, double a, double b);
/* Abs, Clip, Neg, Relu and Sign, with wrap-around; false: no other operator takes integers. */
bool k_unary_i64(enum k_unary op, const int64_t *x, int64_t *y, int64_t n, int64_t a, int64_t b);

#endif
