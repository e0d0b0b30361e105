/* SPDX-License-Identifier: Apache-2.0
 *
 * quant: limits, scales and rounding. The arithmetic is that of ONNX Runtime's kernels: division
 * in float32, ties to even, saturation to the limits of the type.
 */
#include "quant.h"

#include "k_round.h"
#include "k_stats.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

bool qtype_is_float(const struct qtype *t)
{
    return dtype_info(t->dtype)->is_float;
}

int64_t quant_min(const struct qtype *t)
{
    if (qtype_is_float(t))
        return -quant_max(t);
    const struct dtype_info *d = dtype_info(t->dtype);
    if (t->short_sums && !t->symmetric)
        return d->min / 2;
    return t->narrow && t->symmetric && d->min < 0 ? d->min + 1 : d->min;
}

int64_t quant_max(const struct qtype *t)
{
    switch (t->dtype) {
    case DTYPE_F8E4M3FN: return 448;
    case DTYPE_F8E5M2: return 57344;
    default: break;
    }
    int64_t max = dtype_info(t->dtype)->max;
    return t->short_sums && !t->symmetric ? max / 2 : max;
}

/* The code of 0 in a symmetric type. */
static int64_t quant_middle(const struct qtype *t)
{
    const struct dtype_info *d = dtype_info(t->dtype);
    return d->min < 0 || d->is_float ? 0 : d->max / 2 + 1;
}

int64_t quant_count(const struct qtype *t, const struct shape *s)
{
    switch (t->grain) {
    case GRAIN_TENSOR: return 1;
    case GRAIN_CHANNEL: return s->dim[t->axis];
    case GRAIN_BLOCK: break;
    }
    int64_t blocks = (s->dim[t->axis] + t->block - 1) / t->block;
    return shape_span(s, 0, t->axis) * blocks * shape_span(s, t->axis + 1, s->rank);
}

int64_t quant_index(const struct qtype *t, const struct shape *s, int64_t i)
{
    if (t->grain == GRAIN_TENSOR)
        return 0;
    int64_t inner = shape_span(s, t->axis + 1, s->rank), dim = s->dim[t->axis];
    int64_t at = i / inner % dim;
    if (t->grain == GRAIN_CHANNEL)
        return at;
    int64_t blocks = (dim + t->block - 1) / t->block;
    return (i / inner / dim * blocks + at / t->block) * inner + i % inner;
}

static void widen(struct range *r, const float *x, int64_t n)
{
    enum { LONG = 32 }; /* elements, from which a vector pays */
    struct range found;
    if (n >= LONG && !k_extremes(x, n, &found.lo, &found.hi)) {
        r->lo = fminf(r->lo, found.lo);
        r->hi = fmaxf(r->hi, found.hi);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        r->lo = x[i] < r->lo ? x[i] : r->lo;
        r->hi = x[i] > r->hi ? x[i] : r->hi;
    }
}

/* Is the axis of the scales the last in memory? Then the tensor is rows of q->n elements. */
static bool is_rows(const struct quant *q, const struct tensor *t)
{
    int last = t->layout == LAYOUT_CHANNELS_LAST ? 1 : t->shape.rank - 1;
    return q->type.grain == GRAIN_CHANNEL && q->type.axis == last;
}

void quant_ranges(const struct quant *q, const struct tensor *t, struct range *range)
{
    int64_t n = tensor_count(t), run = n;
    if (q->type.grain != GRAIN_TENSOR)
        run = shape_span(&t->shape, q->type.axis + 1, t->shape.rank);
    for (int64_t i = 0; i < q->n; i++)
        range[i] = (struct range){0, 0};
    if (is_rows(q, t)) {
        for (int64_t i = 0; i < n; i += q->n)
            for (int64_t k = 0; k < q->n; k++)
                widen(&range[k], tensor_f32(t) + i + k, 1);
        return;
    }
    for (int64_t i = 0; i < n; i += run)
        if (q->type.grain == GRAIN_BLOCK)
            for (int64_t k = i; k < i + run; k++)
                widen(&range[quant_index(&q->type, &t->shape, k)], tensor_f32(t) + k, 1);
        else
            widen(&range[quant_index(&q->type, &t->shape, i)], tensor_f32(t) + i, run);
}

/* A zero point half-way between two codes puts data that lie on a grid of their own, as pixels from
 * -1 to 1 do, half-way between codes everywhere: which way they go then hangs on the last bit of a
 * float, and no two runtimes agree. A scale that reaches both ends from the upper code does not. */
static double off_the_ties(double s, double lo, double hi, double qmin, double qmax)
{
    double z = qmin - lo / s, upper = ceil(z);
    if (!(fabs(z - floor(z) - 0.5) < 1.0 / 1024) || upper >= qmax)
        return s;
    return fmax(-lo / (upper - qmin), hi / (qmax - upper));
}

void quant_solve_range(const struct qtype *t, struct range r, float *scale, int32_t *zero)
{
    double lo = fmin((double)r.lo, 0), hi = fmax((double)r.hi, 0);
    double qmin = (double)quant_min(t), qmax = (double)quant_max(t);
    double middle = (double)quant_middle(t), s;
    hi = fmax(hi, lo + (double)t->least);
    if (t->symmetric)
        s = qmin < middle ? fmax(hi / (qmax - middle), -lo / (middle - qmin)) : hi / qmax;
    else
        s = (hi - lo) / (qmax - qmin);
    if (!t->symmetric)
        s = off_the_ties(s, lo, hi, qmin, qmax);
    if (!(s >= (double)FLT_MIN) || !isfinite(s))
        s = hi > lo ? (double)FLT_MIN : 1;
    *scale = (float)s;
    if (t->symmetric) {
        *zero = (int32_t)middle;
    } else {
        double z = nearbyint(qmin - lo / (double)*scale);
        *zero = (int32_t)fmin(fmax(z, qmin), qmax);
    }
}

char *qtype_text(const struct qtype *t, char buf[QTYPE_TEXT])
{
    char grain[48] = "";
    if (t->grain == GRAIN_CHANNEL)
        snprintf(grain, sizeof grain, " per channel (axis %d)", t->axis);
    else if (t->grain == GRAIN_BLOCK)
        snprintf(grain, sizeof grain, " per block of %lld (axis %d)", (long long)t->block, t->axis);
    snprintf(buf, QTYPE_TEXT, "%s%s%s%s", dtype_info(t->dtype)->name, grain,
             t->symmetric ? " symmetric" : "",
             t->rows      ? " per row at run time"
             : t->dynamic ? " at run time"
                          : "");
    return buf;
}

void quant_round(const struct qtype *t, float scale, int32_t zero, const float *x, float *y,
                 int64_t n)
{
    if (!qtype_is_float(t)) {
        k_round_f32(x, y, n, scale, zero, quant_min(t), quant_max(t));
        return;
    }
    bool wide = t->dtype == DTYPE_F8E5M2;
    struct k_small_float f = {wide ? 2 : 3, wide ? -14 : -6, (float)quant_max(t)};
    k_round_small(x, y, n, scale, f);
}

/* The operations are those that lower-dynamic writes, in their order. */
void quant_round_rows(const struct tensor *x, struct tensor *y)
{
    int64_t n = x->shape.rank ? x->shape.dim[x->shape.rank - 1] : 1, all = tensor_count(x);
    const float unit = 1.0f / QUANT_ROW_LIMIT;
    for (int64_t i = 0; i < all; i += n) {
        const float *row = tensor_f32(x) + i;
        float scale = k_greatest_f32(row, n) * unit;
        scale = scale > QUANT_ROW_LEAST ? scale : QUANT_ROW_LEAST;
        k_round_f32(row, tensor_f32(y) + i, n, scale, 0, -QUANT_ROW_LIMIT, QUANT_ROW_LIMIT);
    }
}

static void round_rows(const struct quant *q, const struct tensor *x, struct tensor *y)
{
    int64_t n = q->n, rows = tensor_count(x) / n;
    int64_t lo = quant_min(&q->type), hi = quant_max(&q->type);
    if (y->dtype == DTYPE_F32)
        k_round_rows_f32(tensor_f32(x), tensor_f32(y), rows, n, q->scale, q->zero, lo, hi);
    else
        k_quantize_rows_f32(tensor_f32(x), y->dtype, y->data, rows, n, q->scale, q->zero, lo, hi);
}

/* n elements from `at` on, which share scale k. */
static void round_part(const struct quant *q, int64_t k, const struct tensor *x, struct tensor *y,
                       int64_t at, int64_t n)
{
    const float *from = tensor_f32(x) + at;
    if (y->dtype == DTYPE_F32)
        quant_round(&q->type, q->scale[k], q->zero[k], from, tensor_f32(y) + at, n);
    else
        k_quantize_f32(from, y->dtype, (char *)y->data + dtype_size(y->dtype, at), n, q->scale[k],
                       q->zero[k], quant_min(&q->type), quant_max(&q->type));
}

void quant_round_tensor(const struct quant *q, const struct tensor *x, struct tensor *y)
{
    if (q->type.rows) {
        quant_round_rows(x, y);
        return;
    }
    int64_t n = tensor_count(x);
    const struct shape *s = &x->shape;
    if (q->type.grain == GRAIN_TENSOR) {
        round_part(q, 0, x, y, 0, n);
        return;
    }
    if (is_rows(q, x) && !qtype_is_float(&q->type)) {
        round_rows(q, x, y);
        return;
    }
    /* Runs of elements that share a scale: inner axes in plain layout, one element otherwise. */
    bool last = x->layout == LAYOUT_CHANNELS_LAST;
    int64_t run = last || q->type.grain == GRAIN_BLOCK
                    ? 1 : shape_span(s, q->type.axis + 1, s->rank);
    for (int64_t i = 0; i < n; i += run) {
        int64_t k = last ? i % s->dim[1] : quant_index(&q->type, s, i);
        round_part(q, k, x, y, i, run);
    }
}

struct tensor *quant_codes(struct arena *a, const struct quant *q, const struct tensor *x)
{
    struct tensor *codes = tensor_new(a, q->type.dtype, &x->shape);
    int bits = dtype_info(q->type.dtype)->bits;
    if (x->dtype == DTYPE_F32 && !qtype_is_float(&q->type) && (bits == 8 || bits == 16)) {
        quant_round_tensor(q, x, codes);
        return codes;
    }
    float lo = (float)quant_min(&q->type), hi = (float)quant_max(&q->type);
    for (int64_t i = 0, n = tensor_count(x); i < n; i++) {
        int64_t k = quant_index(&q->type, &x->shape, i);
        float real = (float)tensor_get(x, i) / q->scale[k];
        if (qtype_is_float(&q->type)) {
            dtype_store(q->type.dtype, codes->data, i, (double)real);
            continue;
        }
        double code = (double)rintf(real) + q->zero[k];
        code = !(code > (double)lo) ? (double)lo : code > (double)hi ? (double)hi : code;
        dtype_store_int(q->type.dtype, codes->data, i,
                        code >= 2147483647.0 && hi > 2e9f ? INT32_MAX : (int64_t)code);
    }
    return codes;
}
