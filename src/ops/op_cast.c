/* SPDX-License-Identifier: Apache-2.0
 *
 * op_cast: from any numeric type to any other. To integers the fraction is cut off and what is too
 * large wraps, as in C; small floats saturate or overflow as attribute `saturate` says. BitCast
 * keeps the bits instead.
 */
#include "ops.h"

#include "k_convert.h"

#include <math.h>
#include <string.h>

int infer_cast(struct call *c, struct err *err)
{
    int64_t to = node_int(c->node, "to", 0);
    if (to <= DTYPE_NONE || to >= N_DTYPES)
        return err_set(err, ERR_INPUT, "attribute to is no type");
    call_set(c, 0, (enum dtype)to, &c->in[0]->shape);
    return 0;
}

int infer_cast_like(struct call *c, struct err *err)
{
    (void)err;
    call_set(c, 0, c->in[1]->dtype, &c->in[0]->shape);
    return 0;
}

enum { CHUNK = 256 };

static void cast_from_int(const struct tensor *x, struct tensor *y, int64_t n)
{
    int64_t whole[CHUNK];
    double real[CHUNK];
    for (int64_t i = 0; i < n; i += CHUNK) {
        int64_t m = n - i < CHUNK ? n - i : CHUNK;
        k_load_i64(x->dtype, x->data, i, 1, m, whole);
        if (!dtype_info(y->dtype)->is_float) {
            k_store_i64(y->dtype, y->data, i, m, whole);
            continue;
        }
        for (int64_t k = 0; k < m; k++)
            real[k] = x->dtype == DTYPE_U64 ? (double)(uint64_t)whole[k] : (double)whole[k];
        k_store_f64(y->dtype, y->data, i, m, real);
    }
}

static int64_t cut(double v)
{
    if (v != v)
        return 0;
    return v >= 0x1p63 ? v >= 0x1p64 ? INT64_MAX : (int64_t)(uint64_t)v
                       : v < -0x1p63 ? INT64_MIN : (int64_t)v;
}

/* Does float hold all numbers of the type? */
static bool fits_float(enum dtype t)
{
    return t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16;
}

static void cast_by_float(const struct tensor *x, struct tensor *y, int64_t n)
{
    float real[CHUNK];
    for (int64_t i = 0; i < n; i += CHUNK) {
        int64_t m = n - i < CHUNK ? n - i : CHUNK;
        k_load_f32(x->dtype, x->data, i, 1, m, real);
        k_store_f32(y->dtype, y->data, i, m, real);
    }
}

static void cast_from_float(const struct tensor *x, struct tensor *y, int64_t n, bool saturate)
{
    double real[CHUNK];
    int64_t whole[CHUNK];
    bool to_int = dtype_info(y->dtype)->is_integer;
    for (int64_t i = 0; i < n; i += CHUNK) {
        int64_t m = n - i < CHUNK ? n - i : CHUNK;
        k_load_f64(x->dtype, x->data, i, 1, m, real);
        if (to_int || y->dtype == DTYPE_BOOL) {
            for (int64_t k = 0; k < m; k++)
                whole[k] = to_int ? cut(real[k]) : real[k] != 0;
            k_store_i64(y->dtype, y->data, i, m, whole);
        } else if (saturate && dtype_info(y->dtype)->bits >= 8) {
            k_store_f64(y->dtype, y->data, i, m, real);
        } else {
            for (int64_t k = 0; k < m; k++)
                store_small(y->dtype, y->data, i + k, real[k], saturate);
        }
    }
}

/* Powers of two: the rounded exponent, upwards unless round_mode says otherwise; half-way goes up.
 * What is below the smallest becomes that, above the largest the largest or NaN. */
static int cast_to_power(const struct call *c, const struct tensor *x, struct tensor *y,
                         struct err *err)
{
    bool up = node_string_is(c->node, "round_mode", "up", "up");
    bool down = node_string_is(c->node, "round_mode", "up", "down");
    bool saturate = node_int(c->node, "saturate", 1);
    if (!up && !down && !node_string_is(c->node, "round_mode", "up", "nearest"))
        return err_set(err, ERR_INPUT, "attribute round_mode must be up, down or nearest");
    for (int64_t i = 0, n = tensor_count(x); i < n; i++) {
        int e;
        double v = fabs(tensor_get(x, i)), m = frexp(v, &e); /* v = m * 2^e, 0.5 <= m < 1 */
        int code = e - 1 + 127 + (up ? m > 0.5 : !down && m >= 0.75);
        if (v == 0 || code < 0)
            code = 0;
        if (!isfinite(v) || (code > 254 && !saturate))
            code = 255;
        ((uint8_t *)y->data)[i] = (uint8_t)(code > 254 && isfinite(v) && saturate ? 254 : code);
    }
    return 0;
}

static bool is_number(enum dtype t)
{
    return dtype_info(t)->is_integer || dtype_info(t)->is_float || t == DTYPE_BOOL;
}

int eval_cast(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    int64_t n = tensor_count(x);
    if (!is_number(x->dtype) || !is_number(y->dtype))
        return call_refuse_dtype(is_number(x->dtype) ? y->dtype : x->dtype, err);
    if (y->dtype == DTYPE_F8E8M0 && x->dtype != y->dtype)
        return cast_to_power(c, x, y, err);
    if (x->dtype == y->dtype)
        memcpy(y->data, x->data, dtype_size(x->dtype, n));
    else if (fits_float(x->dtype) && fits_float(y->dtype))
        cast_by_float(x, y, n);
    else if (dtype_info(x->dtype)->is_float)
        cast_from_float(x, y, n, node_int(c->node, "saturate", 1));
    else
        cast_from_int(x, y, n);
    return 0;
}

int infer_bit_cast(struct call *c, struct err *err)
{
    TRY(infer_cast(c, err));
    unsigned from = dtype_info(c->in[0]->dtype)->bits;
    enum dtype to = (enum dtype)node_int(c->node, "to", 0);
    if (!dtype_info(to)->bits || (c->in[0]->dtype && !from))
        return call_refuse_dtype(from ? to : c->in[0]->dtype, err);
    if (from && from != dtype_info(to)->bits)
        return err_set(err, ERR_INPUT, "types %s and %s differ in size",
                       dtype_info(c->in[0]->dtype)->name, dtype_info(to)->name);
    return 0;
}

int eval_bit_cast(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    (void)err;
    memcpy(c->out[0]->data, x->data, dtype_size(x->dtype, tensor_count(x)));
    return 0;
}
