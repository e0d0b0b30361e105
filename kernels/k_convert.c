/* SPDX-License-Identifier: Apache-2.0
 *
 * k_convert: plain loops for the common types, dtype_load() and dtype_store() for the rest.
 */
#include "k_convert.h"

#include "k_simd.h"

#include <string.h>

union bits {
    float f;
    uint32_t u;
};

#define LOAD(type, to)                                                                             \
    for (int64_t i = 0; i < n; i++)                                                                \
        y[i] = (to)((const type *)x)[at + i * stride];                                             \
    return

/* Exact for every half-precision number, without a table. */
K_INLINE float half_to_float(uint16_t h)
{
    union bits v = {.u = (uint32_t)(h & 0x7fff) << 13}, scale = {.u = (254 - 15) << 23}, sign;
    v.f *= scale.f; /* moves the exponent, and makes subnormal numbers normal */
    v.u |= v.f >= 65536 ? 255u << 23 : 0;
    sign.u = v.u | (uint32_t)(h & 0x8000) << 16;
    return sign.f;
}

K_CLONES static void load_halves(const uint16_t *x, int64_t stride, int64_t n, float *y)
{
    if (stride == 1)
        for (int64_t i = 0; i < n; i++)
            y[i] = half_to_float(x[i]);
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = half_to_float(x[i * stride]);
}

void k_load_f32(enum dtype t, const void *x, int64_t at, int64_t stride, int64_t n, float *y)
{
    switch (t) {
    case DTYPE_F32: LOAD(float, float);
    case DTYPE_U8: LOAD(uint8_t, float);
    case DTYPE_I8: LOAD(int8_t, float);
    case DTYPE_I32: LOAD(int32_t, float);
    case DTYPE_F16: load_halves((const uint16_t *)x + at, stride, n, y); return;
    case DTYPE_BF16:
        for (int64_t i = 0; i < n; i++)
            y[i] = (union bits){.u = (uint32_t)((const uint16_t *)x)[at + i * stride] << 16}.f;
        return;
    default:
        for (int64_t i = 0; i < n; i++)
            y[i] = (float)dtype_load(t, x, at + i * stride);
    }
}

void k_load_f64(enum dtype t, const void *x, int64_t at, int64_t stride, int64_t n, double *y)
{
    switch (t) {
    case DTYPE_F32: LOAD(float, double);
    case DTYPE_F64: LOAD(double, double);
    case DTYPE_I32: LOAD(int32_t, double);
    case DTYPE_I64: LOAD(int64_t, double);
    default:
        for (int64_t i = 0; i < n; i++)
            y[i] = dtype_load(t, x, at + i * stride);
    }
}

void k_load_i64(enum dtype t, const void *x, int64_t at, int64_t stride, int64_t n, int64_t *y)
{
    switch (t) {
    case DTYPE_U8: LOAD(uint8_t, int64_t);
    case DTYPE_I8: LOAD(int8_t, int64_t);
    case DTYPE_I32: LOAD(int32_t, int64_t);
    case DTYPE_I64: case DTYPE_U64: LOAD(int64_t, int64_t);
    case DTYPE_BOOL:
        for (int64_t i = 0; i < n; i++)
            y[i] = ((const uint8_t *)x)[at + i * stride] != 0;
        return;
    default:
        for (int64_t i = 0; i < n; i++)
            y[i] = dtype_load_int(t, x, at + i * stride);
    }
}

#define STORE(type)                                                                                \
    for (int64_t i = 0; i < n; i++)                                                                \
        ((type *)y)[at + i] = (type)x[i];                                                          \
    return

/* Adding half of what is cut off, less where the last bit that stays is even, rounds the bits of a
 * float as a number is rounded. Numbers below 2^-14 have fewer bits as halves: adding 1/2 leaves
 * those. From 65520 on there is only infinity. */
K_CLONES static void store_halves(const float *x, int64_t n, uint16_t *y)
{
    for (int64_t i = 0; i < n; i++) {
        union bits v = {x[i]}, small;
        uint32_t sign = v.u >> 16 & 0x8000, a = v.u & 0x7fffffff;
        uint32_t h = (a + 0xfff + (a >> 13 & 1) - (112u << 23)) >> 13;
        small.u = a;
        small.f += 0.5f;
        h = a < 113u << 23 ? small.u - (126u << 23) : h;
        h = a >= 0x477ff000 ? 0x7c00 : h;
        h = a > 0x7f800000 ? 0x7e00 : h;
        y[i] = (uint16_t)(sign | h);
    }
}

K_CLONES static void store_bfloats(const float *x, int64_t n, uint16_t *y)
{
    for (int64_t i = 0; i < n; i++) {
        union bits v = {x[i]};
        uint32_t h = (v.u + 0x7fff + (v.u >> 16 & 1)) >> 16;
        h = (v.u & 0x7fffffff) > 0x7f800000 ? (v.u >> 16 & 0x8000) | 0x7fc0 : h;
        y[i] = (uint16_t)h;
    }
}

void k_store_f32(enum dtype t, void *y, int64_t at, int64_t n, const float *x)
{
    switch (t) {
    case DTYPE_F32: memcpy((float *)y + at, x, (size_t)n * sizeof *x); return;
    case DTYPE_F16: store_halves(x, n, (uint16_t *)y + at); return;
    case DTYPE_BF16: store_bfloats(x, n, (uint16_t *)y + at); return;
    default:
        for (int64_t i = 0; i < n; i++)
            dtype_store(t, y, at + i, (double)x[i]);
    }
}

void k_store_f64(enum dtype t, void *y, int64_t at, int64_t n, const double *x)
{
    switch (t) {
    case DTYPE_F32: STORE(float);
    case DTYPE_F64: STORE(double);
    default:
        for (int64_t i = 0; i < n; i++)
            dtype_store(t, y, at + i, x[i]);
    }
}

/* The low bits of v as a number of a small type, since dtype_store_int() saturates. */
static int64_t wrapped(enum dtype t, int64_t v)
{
    const struct dtype_info *info = dtype_info(t);
    if (!info->is_integer || info->bits >= 8)
        return v;
    int64_t sign = info->min < 0 ? (int64_t)1 << (info->bits - 1) : 0;
    return ((v & (((int64_t)1 << info->bits) - 1)) ^ sign) - sign;
}

void k_store_i64(enum dtype t, void *y, int64_t at, int64_t n, const int64_t *x)
{
    switch (t) {
    case DTYPE_U8: STORE(uint8_t);
    case DTYPE_I8: STORE(int8_t);
    case DTYPE_U16: STORE(uint16_t);
    case DTYPE_I16: STORE(int16_t);
    case DTYPE_U32: STORE(uint32_t);
    case DTYPE_I32: STORE(int32_t);
    case DTYPE_I64: case DTYPE_U64: STORE(int64_t);
    case DTYPE_BOOL:
        for (int64_t i = 0; i < n; i++)
            ((uint8_t *)y)[at + i] = x[i] != 0;
        return;
    default:
        for (int64_t i = 0; i < n; i++)
            dtype_store_int(t, y, at + i, wrapped(t, x[i]));
    }
}
