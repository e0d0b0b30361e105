/* SPDX-License-Identifier: Apache-2.0
 *
 * k_math: exp, tanh, erf and the like of floats as straight-line code, which compilers make vector
 * loops of. Errors are below 4 units in the last place (exp: 2); infinities, NaN, overflow and
 * subnormal results are as in libm.
 */
#ifndef K_MATH_H
#define K_MATH_H

#include <stdint.h>

/* To the nearest integer, ties to even, for |x| <= 2^22: adding 1.5 * 2^23 leaves no room for a
 * fraction. Unlike rintf() it needs no instruction that plain x86-64 lacks. */
static inline float k_rint(float x)
{
    return (x + 0x1.8p23f) - 0x1.8p23f;
}

/* As one instruction does it: where either is NaN, b. */
static inline float k_least(float a, float b)
{
    return a < b ? a : b;
}

static inline float k_most(float a, float b)
{
    return a > b ? a : b;
}

static inline float k_power_of_two(int32_t n)
{
    union {
        int32_t i;
        float f;
    } v = {(n + 127) * (1 << 23)};
    return v.f;
}

/* c = n ln 2 + r, n whole, |r| <= ln 2 / 2; returns exp(r), a polynomial fitted to an even relative
 * error of 3e-9. ln 2 in two parts keeps r exact. */
static inline float k_exp_split(float c, int32_t *n)
{
    float whole = k_rint(c * 0x1.715476p0f);
    float r = (c - whole * 0x1.62ep-1f) - whole * 0x1.0bfbe8p-15f;
    float p = 0x1.6a2434p-10f;
    p = p * r + 0x1.1239e2p-7f;
    p = p * r + 0x1.5558f2p-5f;
    p = p * r + 0x1.555492p-3f;
    p = p * r + 0x1.fffffcp-2f;
    *n = (int32_t)whole;
    return p * (r * r) + r + 1.0f;
}

/* 2^n in two factors reaches the subnormal numbers. */
static inline float k_exp(float x)
{
    int32_t n;
    float c = x > -104.0f ? x : -104.0f;
    c = c < 89.0f ? c : 89.0f;
    float p = k_exp_split(c, &n);
    int32_t half = n >> 1;
    float y = p * k_power_of_two(half) * k_power_of_two(n - half);
    return x == x ? y : x;
}

/* exp(x) for x <= 0, with 0 for results below the normal numbers. NaN gives NaN. */
static inline float k_exp_fall(float x)
{
    int32_t n;
    float p = k_exp_split(x > -87.0f ? x : -87.0f, &n);
    float y = p * k_power_of_two(n);
    y = x < -87.0f ? 0.0f : y;
    return x == x ? y : x;
}

/* Between -87 and 87, what NaN becomes as well. In integers, since compilers split a loop with two
 * comparisons of floats into cases and compute each of them. */
static inline float k_limit_87(float x)
{
    enum { MAGNITUDE = 0x7fffffff, LIMIT = 0x42ae0000 };
    union {
        float f;
        int32_t i;
    } v = {x};
    int32_t size = v.i & MAGNITUDE;
    v.i = (v.i & ~MAGNITUDE) | (size < LIMIT ? size : LIMIT);
    return v.f;
}

/* Beyond 87 the result is 1, or at most 1.7e-38. */
static inline float k_sigmoid(float x)
{
    int32_t n;
    float p = k_exp_split(k_limit_87(-x), &n);
    float y = 1.0f / (1.0f + p * k_power_of_two(n));
    return x == x ? y : x;
}

/* Near 0 a Pade approximant of degree 7 by 6, since 1 - 2 / (exp(2x) + 1) would cancel. */
static inline float k_tanh(float x)
{
    float a = x < 0 ? -x : x, s = x * x;
    float small = x * (135135.0f + s * (17325.0f + s * (378.0f + s)))
                / (135135.0f + s * (62370.0f + s * (3150.0f + s * 28.0f)));
    float large = 1.0f - 2.0f / (k_exp(2 * a) + 1.0f);
    large = x < 0 ? -large : large;
    return a < 1.0f ? small : large;
}

/* Below 1 an odd polynomial. Above, log(1 - erf) is close to a parabola; from 4 on erf rounds to 1.
 * Both polynomials were fitted by least squares, weighted for an even relative error: 1.3e-9. */
static inline float k_erf(float x)
{
    float a = x < 0 ? -x : x, s = x * x, c = a < 4.0f ? a : 4.0f;
    float p = 0x1.496a28p-14f;
    p = p * s - 0x1.a3f6fcp-11f;
    p = p * s + 0x1.5405b2p-8f;
    p = p * s - 0x1.b7f90cp-6f;
    p = p * s + 0x1.ce2cf8p-4f;
    p = p * s - 0x1.81273ep-2f;
    p = p * s + 0x1.20dd74p+0f;
    float q = 0x1.86de0cp-13f;
    q = q * c - 0x1.825b4ap-9f;
    q = q * c + 0x1.65cb9ep-6f;
    q = q * c - 0x1.a65356p-4f;
    q = q * c - 0x1.46bae8p-1f;
    q = q * c - 0x1.2088ecp+0f;
    q = q * c - 0x1.661a16p-12f;
    float large = 1.0f - k_exp(q);
    large = x < 0 ? -large : large;
    return a >= 1.0f ? large : x * p;
}

#endif
