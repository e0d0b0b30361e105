/* SPDX-License-Identifier: Apache-2.0
 *
 * k_convert: plain loops for the common types, dtype_load() and dtype_store() for the rest.
 */
#include "k_convert.h"

#include <string.h>

#define LOAD(type, to)                                                                             \
    for (int64_t i = 0; i < n; i++)                                                                \
        y[i] = (to)((const type *)x)[at + i * stride];                                             \
    return

/* Exact for every half-precision number, without a table. */
static float half_to_float(uint16_t h)
{
    union {
        uint32_t u;
        float f;
    } v = {(uint32_t)(h & 0x7fff) << 13}, scale = {(254 - 15) << 23}, sign;
    v.f *= scale.f; /* moves the exponent, and makes subnormal numbers normal */
    if (v.f >= 65536)
        v.u |= 255u << 23;
    sign.u = v.u | (uint32_t)(h & 0x8000) << 16;
    return sign.f;
}

void k_load_f32(enum dtype t, const void *x, int64_t at, int64_t stride, int64_t n, float *y)
{
    switch (t) {
    case DTYPE_F32: LOAD(float, float);
    case DTYPE_U8: LOAD(uint8_t, float);
    case DTYPE_I8: LOAD(int8_t, float);
    case DTYPE_I32: LOAD(int32_t, float);
    case DTYPE_F16:
        for (int64_t i = 0; i < n; i++)
            y[i] = half_to_float(((const uint16_t *)x)[at + i * stride]);
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

void k_store_f32(enum dtype t, void *y, int64_t at, int64_t n, const float *x)
{
    if (t == DTYPE_F32)
        memcpy((float *)y + at, x, (size_t)n * sizeof *x);
    else
        for (int64_t i = 0; i < n; i++)
            dtype_store(t, y, at + i, (double)x[i]);
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
