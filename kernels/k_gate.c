/* SPDX-License-Identifier: Apache-2.0
 *
 * k_gate: the exponential with fused multiply-adds and without the cases that a gate cannot tell
 * apart. Versions for the instructions at hand give the same bits as libm's fmaf() does.
 */
#include "k_gate.h"

#include "k_math.h"
#include "k_simd.h"

#include <math.h>

/* exp(x) for |x| <= 87: x = n ln 2 + r, n whole, and the polynomial of k_math.h for exp(r). Adding
 * 1.5 * 2^23 leaves n in the low bits, which go straight to the exponent. */
K_INLINE float exp_limited(float x)
{
    union {
        float f;
        uint32_t u;
    } power, y;
    power.f = fmaf(x, 0x1.715476p0f, 0x1.8p23f);
    float whole = power.f - 0x1.8p23f;
    float r = fmaf(whole, -0x1.62ep-1f, x);
    r = fmaf(whole, -0x1.0bfbe8p-15f, r);
    float p = fmaf(0x1.6a2434p-10f, r, 0x1.1239e2p-7f);
    p = fmaf(p, r, 0x1.5558f2p-5f);
    p = fmaf(p, r, 0x1.555492p-3f);
    p = fmaf(p, r, 0x1.fffffcp-2f);
    p = fmaf(p, r, 1.0f);
    y.f = fmaf(p, r, 1.0f);
    y.u += power.u << 23;
    return y.f;
}

#define DEFINE_GATES(name, attributes)                                                             \
    attributes static void sigmoid_##name(const float *x, float *y, int64_t n)                     \
    {                                                                                              \
        K_NO_CARRY                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const float v = x[i], s = 1.0f / (1.0f + exp_limited(k_limit_87(-v)));                 \
            y[i] = v == v ? s : v;                                                                 \
        }                                                                                          \
    }                                                                                              \
    attributes static void swish_##name(const float *x, float *y, int64_t n, float alpha)          \
    {                                                                                              \
        K_NO_CARRY                                                                                 \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = x[i] / (1.0f + exp_limited(k_limit_87(-alpha * x[i])));                         \
    }                                                                                              \
    attributes static void swish_each_##name(const float *x, float *y, int64_t n,                  \
                                             const float *alpha)                                   \
    {                                                                                              \
        K_NO_CARRY                                                                                 \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = x[i] / (1.0f + exp_limited(k_limit_87(-alpha[i] * x[i])));                      \
    }

#ifdef __x86_64__
DEFINE_GATES(avx512, __attribute__((target("avx512f"))))
DEFINE_GATES(avx2, __attribute__((target("avx2,fma"))))
#define CALL(gate, ...)                                                                            \
    do {                                                                                           \
        if (__builtin_cpu_supports("avx512f"))                                                     \
            gate##_avx512(__VA_ARGS__);                                                            \
        else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))                  \
            gate##_avx2(__VA_ARGS__);                                                              \
        else                                                                                       \
            gate##_plain(__VA_ARGS__);                                                             \
    } while (0)
#else
#define CALL(gate, ...) gate##_plain(__VA_ARGS__)
#endif
DEFINE_GATES(plain, )

void k_gate_sigmoid(const float *x, float *y, int64_t n)
{
    CALL(sigmoid, x, y, n);
}

void k_gate_swish(const float *x, float *y, int64_t n, float alpha)
{
    CALL(swish, x, y, n, alpha);
}

void k_gate_swish_rows(const float *x, float *y, int64_t rows, int64_t channels,
                       const float *alpha)
{
    enum { WIDE = 512 };
    float wide[WIDE];
    int64_t together = 1; /* rows: short ones are not worth a call each */
    if (channels > 0 && channels <= WIDE / 2) {
        together = WIDE / channels;
        for (int64_t i = 0; i < together * channels; i++)
            wide[i] = alpha[i % channels];
        alpha = wide;
    }
    for (int64_t r = 0; r < rows; r += together) {
        int64_t n = (rows - r < together ? rows - r : together) * channels;
        CALL(swish_each, x + r * channels, y + r * channels, n, alpha);
    }
}
