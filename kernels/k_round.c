/* SPDX-License-Identifier: Apache-2.0
 *
 * k_round: since lo and hi are integers, clip(rint(v) + zero, lo, hi) - zero is the same as
 * rint(clip(v, lo - zero, hi - zero)); clipping first keeps the value where k_rint() is exact, and
 * the loop is a few vector instructions. Types of 32 bits, whose limits are outside, go in double.
 */
#include "k_round.h"

#include "k_math.h"
#include "k_simd.h"

#include <math.h>

/* Are the limits within what k_rint() serves? */
static bool is_narrow(int64_t lo, int64_t hi)
{
    return lo >= -(1 << 22) && hi <= 1 << 22;
}

/* q - zero. */
static inline float step(float x, float scale, float lo, float hi)
{
    float v = x / scale;
    v = v > lo ? v : lo;
    v = v < hi ? v : hi;
    return k_rint(v);
}

static inline double wide_code(float x, float scale, int32_t zero, int64_t lo, int64_t hi)
{
    double v = (double)rintf(x / scale) + zero;
    return !(v > (double)lo) ? (double)lo : v > (double)hi ? (double)hi : v;
}

K_CLONES static void narrow_round(const float *x, float *y, int64_t n, float scale, float lo,
                                  float hi)
{
    K_NO_CARRY
    for (int64_t i = 0; i < n; i++)
        y[i] = step(x[i], scale, lo, hi) * scale;
}

void k_round_f32(const float *x, float *y, int64_t n, float scale, int32_t zero, int64_t lo,
                 int64_t hi)
{
    if (is_narrow(lo - zero, hi - zero)) {
        narrow_round(x, y, n, scale, (float)(lo - zero), (float)(hi - zero));
        return;
    }
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(wide_code(x[i], scale, zero, lo, hi) - zero) * scale;
}

K_CLONES float k_greatest_f32(const float *x, int64_t n)
{
    float part[16] = {0};
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k++) {
            float a = fabsf(x[i + k]);
            part[k] = a > part[k] ? a : part[k];
        }
    for (; i < n; i++)
        part[0] = fabsf(x[i]) > part[0] ? fabsf(x[i]) : part[0];
    for (int k = 1; k < 16; k++)
        part[0] = part[k] > part[0] ? part[k] : part[0];
    return part[0];
}

/* Adding and taking away 2^23 units of the last place leaves whole ones. The exponents of the units
 * are those of the values, but for subnormal ones. */
K_CLONES void k_round_small(const float *x, float *y, int64_t n, float scale,
                            struct k_small_float f)
{
    const uint32_t lowest = (uint32_t)(f.lowest + 127) << 23;
    const uint32_t up = (uint32_t)(23 - f.mantissa) << 23;
    K_NO_CARRY
    for (int64_t i = 0; i < n; i++) {
        union { float f; uint32_t u; } v = {x[i] / scale}, a = v, magic;
        a.u &= 0x7fffffffu;
        a.f = a.f < f.most ? a.f : f.most;
        uint32_t e = a.u & 0x7f800000u;
        magic.u = (e > lowest ? e : lowest) + up;
        a.f = (a.f + magic.f) - magic.f;
        a.u |= v.u & 0x80000000u;
        y[i] = a.f * scale;
    }
}

#define CODES(type)                                                                                \
    do {                                                                                           \
        type *to = (type *)q;                                                                      \
        for (int64_t i = 0; i < n; i++)                                                            \
            to[i] = (type)((int32_t)step(x[i], scale, lo, hi) + zero);                             \
    } while (0)

K_CLONES static void narrow_codes(const float *x, enum dtype t, void *q, int64_t n, float scale,
                                  int32_t zero, float lo, float hi)
{
    switch (t) {
    case DTYPE_U8: CODES(uint8_t); break;
    case DTYPE_I8: CODES(int8_t); break;
    case DTYPE_U16: CODES(uint16_t); break;
    case DTYPE_I16: CODES(int16_t); break;
    default: CODES(int32_t); break;
    }
}

void k_quantize_f32(const float *x, enum dtype t, void *q, int64_t n, float scale, int32_t zero,
                    int64_t lo, int64_t hi)
{
    if (is_narrow(lo - zero, hi - zero)) {
        narrow_codes(x, t, q, n, scale, zero, (float)(lo - zero), (float)(hi - zero));
        return;
    }
    for (int64_t i = 0; i < n; i++)
        dtype_store_int(t, q, i, (int64_t)wide_code(x[i], scale, zero, lo, hi));
}

K_CLONES static void narrow_round_row(const float *x, float *y, int64_t n, const float *scale,
                                      const int32_t *zero, int32_t lo, int32_t hi)
{
    K_NO_CARRY
    for (int64_t i = 0; i < n; i++)
        y[i] = step(x[i], scale[i], (float)(lo - zero[i]), (float)(hi - zero[i])) * scale[i];
}

/* Do k_rint()'s limits hold for every zero point that lies within lo..hi? */
static bool is_narrow_type(int64_t lo, int64_t hi)
{
    return is_narrow(lo - hi, hi - lo);
}

void k_round_rows_f32(const float *x, float *y, int64_t rows, int64_t n, const float *scale,
                      const int32_t *zero, int64_t lo, int64_t hi)
{
    for (int64_t r = 0; r < rows; r++, x += n, y += n)
        if (is_narrow_type(lo, hi))
            narrow_round_row(x, y, n, scale, zero, (int32_t)lo, (int32_t)hi);
        else
            for (int64_t i = 0; i < n; i++)
                k_round_f32(x + i, y + i, 1, scale[i], zero[i], lo, hi);
}

#define ROW_CODES(type)                                                                            \
    do {                                                                                           \
        type *to = (type *)q;                                                                      \
        K_NO_CARRY                                                                                 \
        for (int64_t i = 0; i < n; i++)                                                            \
            to[i] = (type)((int32_t)step(x[i], scale[i], (float)(lo - zero[i]),                    \
                                         (float)(hi - zero[i])) + zero[i]);                        \
    } while (0)

K_CLONES static void narrow_codes_row(const float *x, enum dtype t, void *q, int64_t n,
                                      const float *scale, const int32_t *zero, int32_t lo,
                                      int32_t hi)
{
    switch (t) {
    case DTYPE_U8: ROW_CODES(uint8_t); break;
    case DTYPE_I8: ROW_CODES(int8_t); break;
    case DTYPE_U16: ROW_CODES(uint16_t); break;
    default: ROW_CODES(int16_t);
    }
}

void k_quantize_rows_f32(const float *x, enum dtype t, void *q, int64_t rows, int64_t n,
                         const float *scale, const int32_t *zero, int64_t lo, int64_t hi)
{
    char *to = q;
    for (int64_t r = 0; r < rows; r++, x += n, to += dtype_size(t, n))
        if (is_narrow_type(lo, hi))
            narrow_codes_row(x, t, to, n, scale, zero, (int32_t)lo, (int32_t)hi);
        else
            for (int64_t i = 0; i < n; i++)
                k_quantize_f32(x + i, t, to + dtype_size(t, i), 1, scale[i], zero[i], lo, hi);
}

#define VALUES(type)                                                                               \
    do {                                                                                           \
        const type *from = (const type *)q + at;                                                   \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = (float)((int32_t)from[i] - zero) * scale;                                       \
    } while (0)

K_CLONES void k_dequantize_f32(enum dtype t, const void *q, int64_t at, float *y, int64_t n,
                               float scale, int32_t zero)
{
    switch (t) {
    case DTYPE_U8: VALUES(uint8_t); break;
    case DTYPE_I8: VALUES(int8_t); break;
    case DTYPE_U16: VALUES(uint16_t); break;
    case DTYPE_I16: VALUES(int16_t); break;
    default:
        for (int64_t i = 0; i < n; i++)
            y[i] = (float)(dtype_load_int(t, q, at + i) - zero) * scale;
    }
}
