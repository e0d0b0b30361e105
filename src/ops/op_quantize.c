/* SPDX-License-Identifier: Apache-2.0
 *
 * op_quantize: QuantizeLinear and DequantizeLinear, per tensor, along an axis, or in blocks.
 *
 * Arithmetic is float32, whatever the types of the inputs: q = clip(rint(x / scale) + zero) and
 * y = (float)(q - zero) * scale; floating codes (float8 and smaller) are x / scale + zero rounded
 * to the type. Since opset 23 the quotient has the precision of the scale's type, or that of the
 * attribute `precision` (where ONNX Runtime stays with float32).
 */
#include "ops.h"

#include "k_convert.h"
#include "k_round.h"

#include <inttypes.h>
#include <math.h>

/* Which scale belongs to which element, in the order of storage: outer, axis, inner. */
struct grid {
    const struct tensor *scale, *zero; /* zero NULL: 0 everywhere */
    int64_t dim, inner, block;         /* block: elements along the axis that share a scale */
    int64_t blocks;                    /* along the axis */
    bool whole;                        /* one scale for all */
};

static int grid_blocks(const struct call *c, struct grid *g, int axis, int64_t size,
                       struct err *err)
{
    const struct shape *x = &c->in[0]->shape, *s = &g->scale->shape;
    bool fits = s->rank == x->rank && size > 0;
    for (int i = 0; fits && i < x->rank; i++)
        fits = s->dim[i] == (i == axis ? (x->dim[i] + size - 1) / size : x->dim[i]);
    if (!fits || (g->scale->layout != c->in[0]->layout && x->rank >= 3))
        return err_set(err, ERR_INPUT, "the scale does not fit blocks of %" PRId64 " along axis %d",
                       size, axis);
    g->block = size;
    g->blocks = s->dim[axis];
    return 0;
}

static int grid_open(const struct call *c, struct grid *g, struct err *err)
{
    const struct tensor *x = c->in[0];
    int64_t size = node_int(c->node, "block_size", 0), n = tensor_count(c->in[1]);
    int order[MAX_RANK];
    *g = (struct grid){.scale = c->in[1], .zero = call_in(c, 2), .inner = 1, .block = 1};
    if (g->zero && tensor_count(g->zero) != n)
        return err_set(err, ERR_INPUT, "scale and zero point differ in shape");
    if (!size && n == 1) {
        g->whole = true;
        return 0;
    }
    int axis = axis_check(node_int(c->node, "axis", 1), x->shape.rank, err);
    if (axis < 0)
        return -1;
    tensor_order(x, order);
    for (int i = x->shape.rank - 1; order[i] != axis; i--)
        g->inner *= x->shape.dim[order[i]];
    g->dim = x->shape.dim[axis];
    if (size)
        return grid_blocks(c, g, axis, size, err);
    if (g->scale->shape.rank != 1 || n != g->dim)
        return err_set(err, ERR_INPUT, "the scale has %" PRId64 " elements, axis %d has %" PRId64,
                       n, axis, g->dim);
    g->blocks = g->dim;
    return 0;
}

/* The scale of element i, and how many elements from there on have it too. */
static int64_t grid_at(const struct grid *g, const struct call *c, int64_t i, int64_t n,
                       int64_t *run)
{
    if (g->whole) {
        *run = n - i;
        return 0;
    }
    int64_t inside = i % g->inner, along = i / g->inner % g->dim, outer = i / g->inner / g->dim;
    bool blocked = node_int(c->node, "block_size", 0) > 0;
    if (!blocked) {
        *run = g->inner - inside;
        return along;
    }
    int64_t rest = g->dim - along, left = g->block - along % g->block;
    *run = g->inner > 1 ? 1 : left < rest ? left : rest;
    return (outer * g->blocks + along / g->block) * g->inner + inside;
}

int infer_quantize(struct call *c, struct err *err)
{
    const struct tensor *zero = call_in(c, 2);
    int64_t given = node_int(c->node, "output_dtype", 0);
    enum dtype t = zero ? zero->dtype : given ? (enum dtype)given : DTYPE_U8;
    if (given < 0 || given >= N_DTYPES || (zero && zero->dtype && given && given != zero->dtype))
        return err_set(err, ERR_INPUT, "output_dtype and zero point differ in type");
    const struct dtype_info *info = dtype_info(t);
    bool code = info->is_integer ? info->bits <= 32
                                 : info->is_float && info->bits <= 8 && t != DTYPE_F8E8M0;
    if (t && !code)
        return call_refuse_dtype(t, err);
    call_set(c, 0, t, &c->in[0]->shape);
    return 0;
}

enum { CHUNK = 256 };

/* The type in which x / scale is rounded. */
static int read_precision(const struct call *c, enum dtype *t, struct err *err)
{
    int64_t given = node_int(c->node, "precision", 0);
    bool own = c->opset >= 23 && !c->node->domain[0];
    *t = DTYPE_F32;
    if (!own)
        return 0;
    if (given && given != DTYPE_F32 && given != DTYPE_F16 && given != DTYPE_BF16
        && given != DTYPE_F64)
        return err_set(err, ERR_INPUT, "attribute precision is no type to divide in");
    if (given)
        *t = (enum dtype)given;
    else if (c->in[1]->dtype == DTYPE_F16 || c->in[1]->dtype == DTYPE_BF16)
        *t = c->in[1]->dtype;
    return 0;
}

static double rounded(double v, enum dtype t)
{
    uint64_t room;
    if (t == DTYPE_F64)
        return v;
    dtype_store(t, &room, 0, v);
    return dtype_load(t, &room, 0);
}

/* m elements from i on, which share scale and zero point, in a precision other than float. A
 * double has room enough for the quotient of two halves to be rounded twice. */
static void quantize_exactly(const struct tensor *x, struct tensor *y, int64_t i, int64_t m,
                             double scale, double zero, enum dtype precision, bool saturate)
{
    const struct dtype_info *info = dtype_info(y->dtype);
    scale = rounded(scale, precision);
    for (int64_t k = i; k < i + m; k++) {
        double v = rounded(rounded(tensor_get(x, k), precision) / scale, precision);
        if (info->is_float) {
            store_small(y->dtype, y->data, k, zero != 0 ? v + zero : v, saturate);
            continue;
        }
        v = rint(v) + zero;
        v = v > (double)info->min ? v : (double)info->min;
        dtype_store(y->dtype, y->data, k, v);
    }
}

/* The same in float, x at hand in float. */
static void quantize_piece(struct tensor *y, const float *x, int64_t i, int64_t m, float scale,
                           double zero, bool saturate)
{
    const struct dtype_info *info = dtype_info(y->dtype);
    int8_t code[CHUNK];
    if (info->is_float) {
        for (int64_t k = 0; k < m; k++) {
            double v = (double)(x[k] / scale);
            store_small(y->dtype, y->data, i + k, zero != 0 ? v + zero : v, saturate);
        }
    } else if (info->bits >= 8) {
        k_quantize_f32(x, y->dtype, (char *)y->data + (size_t)i * (info->bits / 8), m, scale,
                       (int32_t)zero, info->min, info->max);
    } else {
        k_quantize_f32(x, DTYPE_I8, code, m, scale, (int32_t)zero, info->min, info->max);
        for (int64_t k = 0; k < m; k++)
            dtype_store_int(y->dtype, y->data, i + k, code[k]);
    }
}

int eval_quantize(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    bool saturate = node_int(c->node, "saturate", 1);
    int64_t n = tensor_count(x), run, k;
    enum dtype precision;
    struct grid g;
    float buf[CHUNK];
    TRY(grid_open(c, &g, err));
    TRY(read_precision(c, &precision, err));
    if (!dtype_info(x->dtype)->bits || dtype_info(x->dtype)->bits > 32)
        return call_refuse_dtype(x->dtype, err);
    for (int64_t i = 0; i < n; i += run) {
        k = grid_at(&g, c, i, n, &run);
        double scale = tensor_get(g.scale, k), zero = g.zero ? tensor_get(g.zero, k) : 0;
        if (precision != DTYPE_F32) {
            quantize_exactly(x, y, i, run, scale, zero, precision, saturate);
            continue;
        }
        bool direct = x->dtype == DTYPE_F32 && dtype_info(y->dtype)->bits >= 8;
        for (int64_t j = 0; j < run; j += CHUNK) {
            int64_t m = direct ? run : run - j < CHUNK ? run - j : CHUNK;
            const float *from = direct ? tensor_f32(x) + i : buf;
            if (!direct)
                k_load_f32(x->dtype, x->data, i + j, 1, m, buf);
            quantize_piece(y, from, i + j, m, (float)scale, zero, saturate);
            if (direct)
                break;
        }
    }
    return 0;
}

int infer_dequantize(struct call *c, struct err *err)
{
    int64_t given = node_int(c->node, "output_dtype", 0);
    if (given < 0 || given >= N_DTYPES)
        return err_set(err, ERR_INPUT, "output_dtype is no type");
    enum dtype t = given ? (enum dtype)given : c->in[1]->dtype;
    TRY(call_in(c, 2) ? call_same_dtype(c, 0, 2, err) : 0);
    if (t && (!dtype_info(t)->is_float || dtype_info(t)->bits < 16))
        return err_set(err, ERR_INPUT, "the result cannot be %s; see attribute output_dtype",
                       dtype_info(t)->name);
    call_set(c, 0, t, &c->in[0]->shape);
    return 0;
}

static void dequantize_piece(const struct tensor *x, float *y, int64_t i, int64_t m, float scale,
                             double zero)
{
    if (!dtype_info(x->dtype)->is_float) {
        k_dequantize_f32(x->dtype, x->data, i, y, m, scale, (int32_t)zero);
        return;
    }
    k_load_f32(x->dtype, x->data, i, 1, m, y);
    for (int64_t k = 0; k < m; k++)
        y[k] = (y[k] - (float)zero) * scale;
}

int eval_dequantize(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    int64_t n = tensor_count(x), run, k;
    struct grid g;
    float buf[CHUNK];
    TRY(grid_open(c, &g, err));
    if (!dtype_info(x->dtype)->is_float && !dtype_info(x->dtype)->is_integer)
        return call_refuse_dtype(x->dtype, err);
    for (int64_t i = 0; i < n; i += run) {
        k = grid_at(&g, c, i, n, &run);
        float scale = (float)tensor_get(g.scale, k);
        double zero = g.zero ? tensor_get(g.zero, k) : 0;
        if (y->dtype == DTYPE_F32) {
            dequantize_piece(x, tensor_f32(y) + i, i, run, scale, zero);
            continue;
        }
        for (int64_t j = 0; j < run; j += CHUNK) {
            int64_t m = run - j < CHUNK ? run - j : CHUNK;
            dequantize_piece(x, buf, i + j, m, scale, zero);
            k_store_f32(y->dtype, y->data, i + j, m, buf);
        }
    }
    return 0;
}
