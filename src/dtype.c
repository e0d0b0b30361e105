/* SPDX-License-Identifier: Apache-2.0
 *
 * dtype: the table of element types and the conversion of single elements. Bulk conversion is the
 * affair of whoever has the bulk.
 */
#include "dtype.h"

#include <math.h>
#include <string.h>

#define INT(name, bits, lo, hi) {name, bits, false, true, lo, hi}
#define FLT(name, bits) {name, bits, true, false, 0, 0}

static const struct dtype_info table[N_DTYPES] = {
    [DTYPE_NONE] = {"undefined", 0, false, false, 0, 0},
    [DTYPE_F32] = FLT("float", 32),
    [DTYPE_U8] = INT("uint8", 8, 0, UINT8_MAX),
    [DTYPE_I8] = INT("int8", 8, INT8_MIN, INT8_MAX),
    [DTYPE_U16] = INT("uint16", 16, 0, UINT16_MAX),
    [DTYPE_I16] = INT("int16", 16, INT16_MIN, INT16_MAX),
    [DTYPE_I32] = INT("int32", 32, INT32_MIN, INT32_MAX),
    [DTYPE_I64] = INT("int64", 64, INT64_MIN, INT64_MAX),
    [DTYPE_STRING] = {"string", 0, false, false, 0, 0},
    [DTYPE_BOOL] = {"bool", 8, false, false, 0, 1},
    [DTYPE_F16] = FLT("float16", 16),
    [DTYPE_F64] = FLT("double", 64),
    [DTYPE_U32] = INT("uint32", 32, 0, UINT32_MAX),
    [DTYPE_U64] = INT("uint64", 64, 0, INT64_MAX),
    [DTYPE_C64] = {"complex64", 64, false, false, 0, 0},
    [DTYPE_C128] = {"complex128", 128, false, false, 0, 0},
    [DTYPE_BF16] = FLT("bfloat16", 16),
    [DTYPE_F8E4M3FN] = FLT("float8e4m3fn", 8),
    [DTYPE_F8E4M3FNUZ] = FLT("float8e4m3fnuz", 8),
    [DTYPE_F8E5M2] = FLT("float8e5m2", 8),
    [DTYPE_F8E5M2FNUZ] = FLT("float8e5m2fnuz", 8),
    [DTYPE_U4] = INT("uint4", 4, 0, 15),
    [DTYPE_I4] = INT("int4", 4, -8, 7),
    [DTYPE_F4E2M1] = FLT("float4e2m1", 4),
    [DTYPE_F8E8M0] = FLT("float8e8m0", 8),
    [DTYPE_U2] = INT("uint2", 2, 0, 3),
    [DTYPE_I2] = INT("int2", 2, -2, 1),
    [DTYPE_F6E2M3] = FLT("float6e2m3", 6),
    [DTYPE_F6E3M2] = FLT("float6e3m2", 6),
};

static const struct dtype_info sequence = {"sequence", 0, false, false, 0, 0};

const struct dtype_info *dtype_info(enum dtype t)
{
    if (dtype_is_sequence(t))
        return &sequence;
    return &table[t > 0 && t < N_DTYPES ? t : DTYPE_NONE];
}

enum dtype dtype_find(const char *name)
{
    for (int i = 1; i < N_DTYPES; i++)
        if (!strcmp(table[i].name, name))
            return (enum dtype)i;
    return DTYPE_NONE;
}

size_t dtype_size(enum dtype t, int64_t n)
{
    size_t bits = dtype_info(t)->bits, count = n > 0 ? (size_t)n : 0;
    return bits % 8 ? (count * bits + 7) / 8 : count * (bits / 8);
}

/* A small binary float: exponent and mantissa widths, bias, and which codes are not numbers. */
struct small_float {
    int exponent, mantissa, bias;
    bool infinite; /* the highest exponent means infinity and NaN, as in IEEE 754 */
    bool unsigned_zero; /* the code of -0 is the only NaN (fnuz) */
    bool has_nan;  /* all ones is NaN (fn) */
};

static struct small_float small_float(enum dtype t)
{
    switch (t) {
    case DTYPE_F16: return (struct small_float){5, 10, 15, true, false, false};
    case DTYPE_BF16: return (struct small_float){8, 7, 127, true, false, false};
    case DTYPE_F8E4M3FN: return (struct small_float){4, 3, 7, false, false, true};
    case DTYPE_F8E4M3FNUZ: return (struct small_float){4, 3, 8, false, true, false};
    case DTYPE_F8E5M2: return (struct small_float){5, 2, 15, true, false, false};
    case DTYPE_F8E5M2FNUZ: return (struct small_float){5, 2, 16, false, true, false};
    case DTYPE_F4E2M1: return (struct small_float){2, 1, 1, false, false, false};
    case DTYPE_F6E2M3: return (struct small_float){2, 3, 1, false, false, false};
    default: return (struct small_float){3, 2, 3, false, false, false}; /* F6E3M2 */
    }
}

static double small_load(enum dtype t, unsigned code)
{
    if (t == DTYPE_F8E8M0)
        return code == 255 ? NAN : ldexp(1, (int)code - 127);
    struct small_float f = small_float(t);
    unsigned sign = code >> (f.exponent + f.mantissa) & 1;
    unsigned e = code >> f.mantissa & ((1u << f.exponent) - 1), m = code & ((1u << f.mantissa) - 1);
    unsigned top = (1u << f.exponent) - 1, ones = (1u << f.mantissa) - 1;
    if (f.infinite && e == top)
        return m ? NAN : sign ? -INFINITY : INFINITY;
    if ((f.has_nan && e == top && m == ones) || (f.unsigned_zero && sign && !e && !m))
        return NAN;
    double v = e ? ldexp(1 + ldexp(m, -f.mantissa), (int)e - f.bias)
                 : ldexp(m, 1 - f.bias - f.mantissa);
    return sign ? -v : v;
}

static unsigned small_store(enum dtype t, double v)
{
    if (t == DTYPE_F8E8M0) {
        if (isnan(v))
            return 255;
        double e = nearbyint(log2(fabs(v)));
        return e < -127 || !(v > 0) ? 0 : e > 127 ? 254 : (unsigned)(e + 127);
    }
    struct small_float f = small_float(t);
    unsigned sign_bit = 1u << (f.exponent + f.mantissa), sign = signbit(v) ? sign_bit : 0;
    unsigned top = (1u << f.exponent) - 1, ones = (1u << f.mantissa) - 1;
    if (isnan(v))
        return f.unsigned_zero ? sign_bit
                               : sign | top << f.mantissa
                                     | (f.infinite ? 1u << (f.mantissa - 1) : ones);
    /* largest finite code */
    unsigned e_max = f.infinite ? top - 1 : top, m_max = f.has_nan ? ones - 1 : ones;
    unsigned code_max = e_max << f.mantissa | m_max;
    double a = fabs(v);
    int e;
    frexp(a, &e); /* a = m * 2^e, m in [0.5, 1) */
    int lowest = 1 - f.bias;
    int exponent = e - 1 < lowest ? lowest : e - 1;
    double q = nearbyint(ldexp(a, f.mantissa - exponent)); /* in units of the last place */
    unsigned code;
    if (a == 0)
        code = 0;
    else if (isinf(a) || exponent + f.bias > (int)top)
        code = code_max + 1;
    else
        code = (unsigned)((exponent + f.bias - 1) * (1 << f.mantissa) + (int)q);
    if (code > code_max) /* 8 bits and below saturate, half types overflow to infinity */
        code = f.infinite && f.mantissa > 3 ? top << f.mantissa : code_max;
    if (f.unsigned_zero && !code)
        return 0;
    return sign | code;
}

static unsigned bits_at(const void *data, int64_t i, unsigned bits)
{
    uint64_t at = (uint64_t)i * bits;
    const uint8_t *p = (const uint8_t *)data + at / 8;
    unsigned shift = at % 8, v = p[0] >> shift;
    if (shift + bits > 8)
        v |= (unsigned)p[1] << (8 - shift);
    return v & ((1u << bits) - 1);
}

static void bits_set(void *data, int64_t i, unsigned bits, unsigned v)
{
    uint64_t at = (uint64_t)i * bits;
    uint8_t *p = (uint8_t *)data + at / 8;
    unsigned shift = at % 8, mask = (1u << bits) - 1;
    p[0] = (uint8_t)((p[0] & ~(mask << shift)) | (v & mask) << shift);
    if (shift + bits > 8)
        p[1] = (uint8_t)((p[1] & ~(mask >> (8 - shift))) | (v & mask) >> (8 - shift));
}

#define ELEMENT(type) (((const type *)data)[i])

int64_t dtype_load_int(enum dtype t, const void *data, int64_t i)
{
    switch (t) {
    case DTYPE_U8: case DTYPE_BOOL: return ELEMENT(uint8_t);
    case DTYPE_I8: return ELEMENT(int8_t);
    case DTYPE_U16: return ELEMENT(uint16_t);
    case DTYPE_I16: return ELEMENT(int16_t);
    case DTYPE_I32: return ELEMENT(int32_t);
    case DTYPE_I64: case DTYPE_U64: return ELEMENT(int64_t);
    case DTYPE_U32: return ELEMENT(uint32_t);
    case DTYPE_U4: return bits_at(data, i, 4);
    case DTYPE_I4: return (int)(bits_at(data, i, 4) ^ 8) - 8;
    case DTYPE_U2: return bits_at(data, i, 2);
    case DTYPE_I2: return (int)(bits_at(data, i, 2) ^ 2) - 2;
    default: {
        double v = dtype_load(t, data, i);
        return isnan(v) ? 0 : v >= 9223372036854775807.0 ? INT64_MAX
             : v <= -9223372036854775808.0 ? INT64_MIN : (int64_t)v;
    }
    }
}

double dtype_load(enum dtype t, const void *data, int64_t i)
{
    switch (t) {
    case DTYPE_F32: return (double)ELEMENT(float);
    case DTYPE_F64: return ELEMENT(double);
    case DTYPE_F16: case DTYPE_BF16: return small_load(t, ELEMENT(uint16_t));
    case DTYPE_U64: return (double)ELEMENT(uint64_t);
    case DTYPE_C64: case DTYPE_C128: case DTYPE_STRING: case DTYPE_NONE: return NAN;
    default:
        if (dtype_info(t)->is_float)
            return small_load(t, bits_at(data, i, dtype_info(t)->bits));
        return (double)dtype_load_int(t, data, i);
    }
}

void dtype_store_int(enum dtype t, void *data, int64_t i, int64_t v)
{
    const struct dtype_info *info = dtype_info(t);
    if (info->is_integer)
        v = v < info->min ? info->min : v > info->max ? info->max : v;
    bool is_whole = info->is_integer || t == DTYPE_BOOL;
    switch (is_whole ? info->bits : 0) {
    case 64: ((int64_t *)data)[i] = v; break;
    case 32: ((uint32_t *)data)[i] = (uint32_t)v; break;
    case 16: ((uint16_t *)data)[i] = (uint16_t)v; break;
    case 8: ((uint8_t *)data)[i] = t == DTYPE_BOOL ? v != 0 : (uint8_t)v; break;
    case 4: case 2: bits_set(data, i, info->bits, (unsigned)v); break;
    default: dtype_store(t, data, i, (double)v);
    }
}

void dtype_store(enum dtype t, void *data, int64_t i, double v)
{
    const struct dtype_info *info = dtype_info(t);
    if (t == DTYPE_F32) {
        ((float *)data)[i] = (float)v;
    } else if (t == DTYPE_F64) {
        ((double *)data)[i] = v;
    } else if (t == DTYPE_C64) {
        ((float *)data)[2 * i] = (float)v;
        ((float *)data)[2 * i + 1] = 0;
    } else if (t == DTYPE_C128) {
        ((double *)data)[2 * i] = v;
        ((double *)data)[2 * i + 1] = 0;
    } else if (info->is_float) {
        if (info->bits == 16)
            ((uint16_t *)data)[i] = (uint16_t)small_store(t, v);
        else
            bits_set(data, i, info->bits, small_store(t, v));
    } else if (t == DTYPE_BOOL) {
        ((uint8_t *)data)[i] = v != 0;
    } else if (t == DTYPE_U64) {
        v = nearbyint(v);
        ((uint64_t *)data)[i] = !(v > 0)                       ? 0
                              : v >= 18446744073709551615.0 ? UINT64_MAX
                                                            : (uint64_t)v;
    } else if (info->is_integer) {
        v = nearbyint(v);
        double lo = (double)info->min, hi = (double)info->max;
        dtype_store_int(t, data, i, isnan(v) ? 0 : v <= lo ? info->min : v >= hi ? info->max
                                                                                 : (int64_t)v);
    }
}

float dtype_f16_to_f32(uint16_t h)
{
    return (float)small_load(DTYPE_F16, h);
}
uint16_t dtype_f32_to_f16(float f)
{
    return (uint16_t)small_store(DTYPE_F16, (double)f);
}
float dtype_bf16_to_f32(uint16_t h)
{
    return (float)small_load(DTYPE_BF16, h);
}
uint16_t dtype_f32_to_bf16(float f)
{
    return (uint16_t)small_store(DTYPE_BF16, (double)f);
}
