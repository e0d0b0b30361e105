/* SPDX-License-Identifier: Apache-2.0
 *
 * k_qlinear: the operations, their order and their roundings are those of ONNX Runtime's kernels
 * for processors with AVX2, since codes near a tie depend on them. One loop serves each kind of
 * steps, so that compilers know them.
 */
#include "k_qlinear.h"

#include "k_math.h"
#include "k_simd.h"

#include <math.h>

K_INLINE float clip(float v, float lo, float hi)
{
    v = v > lo ? v : lo;
    return v < hi ? v : hi;
}

struct qadd k_qadd_init(float a_scale, int32_t a_zero, float b_scale, int32_t b_zero,
                        float y_scale, int32_t y_zero, bool a_first)
{
    struct qadd q = {.ac = a_scale / y_scale, .bc = b_scale / y_scale, .a_first = a_first};
    float zeros = a_first ? fmaf(q.bc, (float)b_zero, q.ac * (float)a_zero)
                          : fmaf(q.ac, (float)a_zero, q.bc * (float)b_zero);
    q.fixed = (float)y_zero - zeros;
    return q;
}

/* A loop for each kind of steps. */
#define EACH(type, lo, hi, value)                                                                  \
    do {                                                                                           \
        const type *restrict a = (const type *)ca.data + ca.at;                                    \
        const type *restrict b = (const type *)cb.data + cb.at;                                    \
        type *restrict to = (type *)y + at;                                                        \
        if (ca.step == 1 && cb.step == 1)                                                          \
            EACH_STEP(type, lo, hi, value, 1, 1);                                                  \
        else if (ca.step == 1 && cb.step == 0)                                                     \
            EACH_STEP(type, lo, hi, value, 1, 0);                                                  \
        else if (ca.step == 0 && cb.step == 1)                                                     \
            EACH_STEP(type, lo, hi, value, 0, 1);                                                  \
        else                                                                                       \
            EACH_STEP(type, lo, hi, value, ca.step, cb.step);                                      \
    } while (0)
#define EACH_STEP(type, lo, hi, value, a_step, b_step)                                             \
    do {                                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                          \
            int32_t p = a[i * (a_step)], r = b[i * (b_step)];                                      \
            to[i] = (type)(int32_t)k_rint(clip(value(p, r), lo, hi));                              \
        }                                                                                          \
    } while (0)

#define SUM(a, b) fmaf((float)(a), ac, fmaf((float)(b), bc, fixed))
#define PRODUCT(a, b) ((float)(((a) - a_zero) * ((b) - b_zero)) * scale + y_zero)

K_CLONES_FMA static void qadd_codes(float ac, float bc, float fixed, enum dtype t,
                                    struct k_codes ca, struct k_codes cb, void *y, int64_t at,
                                    int64_t n)
{
    if (t == DTYPE_U8)
        EACH(uint8_t, 0, UINT8_MAX, SUM);
    else
        EACH(int8_t, INT8_MIN, INT8_MAX, SUM);
}

void k_qadd(const struct qadd *q, enum dtype t, struct k_codes a, struct k_codes b, void *y,
            int64_t at, int64_t n)
{
    if (q->a_first)
        qadd_codes(q->bc, q->ac, q->fixed, t, b, a, y, at, n);
    else
        qadd_codes(q->ac, q->bc, q->fixed, t, a, b, y, at, n);
}

K_CLONES void k_qmul(const struct qmul *q, enum dtype t, struct k_codes ca, struct k_codes cb,
                     void *y, int64_t at, int64_t n)
{
    int32_t a_zero = q->a_zero, b_zero = q->b_zero;
    float scale = q->scale, y_zero = (float)q->y_zero;
    if (t == DTYPE_U8)
        EACH(uint8_t, 0, UINT8_MAX, PRODUCT);
    else
        EACH(int8_t, INT8_MIN, INT8_MAX, PRODUCT);
}

void k_lookup(const uint8_t table[256], const uint8_t *x, int64_t n, uint8_t *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = table[x[i]];
}

void k_lookup_f32(const float table[256], const uint8_t *x, int64_t n, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = table[x[i]];
}

K_CLONES void k_codes_late(const float *x, int64_t n, float scale, int32_t zero, enum dtype t,
                           void *y)
{
    float lo = t == DTYPE_U8 ? 0 : INT8_MIN, hi = t == DTYPE_U8 ? UINT8_MAX : INT8_MAX;
    uint8_t *to = y;
    for (int64_t i = 0; i < n; i++)
        to[i] = (uint8_t)(int32_t)k_rint(clip(x[i] / scale + (float)zero, lo, hi));
}

#define ADD_CODES(type)                                                                            \
    do {                                                                                           \
        const type *from = (const type *)x + at;                                                   \
        if (step == 0) {                                                                           \
            uint32_t s = 0;                                                                        \
            for (int64_t i = 0; i < n; i++)                                                        \
                s += (uint32_t)(from[i] - zero);                                                   \
            *sum = (int32_t)((uint32_t)*sum + s);                                                  \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++)                                                        \
                sum[i * step] = (int32_t)((uint32_t)sum[i * step] + (uint32_t)(from[i] - zero));   \
        }                                                                                          \
    } while (0)

K_CLONES void k_add_codes(enum dtype t, const void *x, int64_t at, int64_t n, int32_t zero,
                          int32_t *sum, int64_t step)
{
    if (t == DTYPE_U8)
        ADD_CODES(uint8_t);
    else
        ADD_CODES(int8_t);
}

void k_qsoftmax(const float table[256], enum dtype t, const void *x, int64_t at, int64_t n,
                int64_t step, float levels, int32_t zero, void *y)
{
    const uint8_t *from = (const uint8_t *)x + at;
    uint8_t *to = (uint8_t *)y + at, flip = t == DTYPE_U8 ? 0 : 0x80; /* from the smallest up */
    float lo = t == DTYPE_U8 ? 0 : INT8_MIN, hi = t == DTYPE_U8 ? UINT8_MAX : INT8_MAX;
    float total = 0;
    int top = 0;
    for (int64_t i = 0; i < n; i++)
        top = (from[i * step] ^ flip) > top ? from[i * step] ^ flip : top;
    const float *e = table + 255 - top;
    for (int64_t i = 0; i < n; i++)
        total += e[from[i * step] ^ flip];
    for (int64_t i = 0; i < n; i++) {
        float v = rintf(e[from[i * step] ^ flip] * levels / total) + (float)zero;
        to[i * step] = (uint8_t)(int32_t)clip(v, lo, hi);
    }
}
