/* SPDX-License-Identifier: Apache-2.0
 *
 * op_quantize: QuantizeLinear and DequantizeLinear, per tensor, along an axis, or in blocks.
 *
 * All arithmetic is float32, whatever the types of the inputs: q = clip(rint(x / scale) + zero) and
 * y = (float)(q - zero) * scale. Floating codes (float8 and smaller) have no zero point: they are
 * x / scale rounded to the type.
 */
#include "ops.h"

#include "k_convert.h"
#include "k_round.h"

#include <inttypes.h>

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
    call_set(c, 0, t, &c->in[0]->shape);
    return 0;
}

enum { CHUNK = 256 };

/* m elements from i on, which share scale and zero point. */
static void quantize_piece(struct tensor *y, const float *x, int64_t i, int64_t m, float scale,
                           int32_t zero, bool saturate)
{
    const struct dtype_info *info = dtype_info(y->dtype);
    int8_t code[CHUNK];
    if (info->is_float) {
        for (int64_t k = 0; k < m; k++)
            store_small(y->dtype, y->data, i + k, (double)(x[k] / scale), saturate);
    } else if (info->bits >= 8) {
        k_quantize_f32(x, y->dtype, (char *)y->data + (size_t)i * (info->bits / 8), m, scale, zero,
                       info->min, info->max);
    } else {
        k_quantize_f32(x, DTYPE_I8, code, m, scale, zero, info->min, info->max);
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
    struct grid g;
    float buf[CHUNK];
    TRY(grid_open(c, &g, err));
    if (!dtype_info(y->dtype)->bits || dtype_info(y->dtype)->bits > 32
        || dtype_info(x->dtype)->bits > 32)
        return call_refuse_dtype(y->dtype, err);
    for (int64_t i = 0; i < n; i += run) {
        k = grid_at(&g, c, i, n, &run);
        float scale = (float)tensor_get(g.scale, k);
        int32_t zero = g.zero ? (int32_t)tensor_get_int(g.zero, k) : 0;
        bool direct = x->dtype == DTYPE_F32 && dtype_info(y->dtype)->bits >= 8;
        for (int64_t j = 0; j < run; j += CHUNK) {
            int64_t m = direct ? run : run - j < CHUNK ? run - j : CHUNK;
            const float *from = direct ? tensor_f32(x) + i : buf;
            if (!direct)
                k_load_f32(x->dtype, x->data, i + j, 1, m, buf);
            quantize_piece(y, from, i + j, m, scale, zero, saturate);
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
    TRY(call_in(c, 2) ? call_same_dtype(c, 0, 2, err) : 0);
    call_set(c, 0, given ? (enum dtype)given : c->in[1]->dtype, &c->in[0]->shape);
    return 0;
}

static void dequantize_piece(const struct tensor *x, float *y, int64_t i, int64_t m, float scale,
                             int32_t zero)
{
    if (!dtype_info(x->dtype)->is_float) {
        k_dequantize_f32(x->dtype, x->data, i, y, m, scale, zero);
        return;
    }
    k_load_f32(x->dtype, x->data, i, 1, m, y);
    for (int64_t k = 0; k < m; k++)
        y[k] *= scale;
}

int eval_dequantize(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    int64_t n = tensor_count(x), run, k;
    struct grid g;
    float buf[CHUNK];
    TRY(grid_open(c, &g, err));
    if (!dtype_info(y->dtype)->is_float || (!dtype_info(x->dtype)->is_float
                                            && !dtype_info(x->dtype)->is_integer))
        return call_refuse_dtype(dtype_info(y->dtype)->is_float ? x->dtype : y->dtype, err);
    for (int64_t i = 0; i < n; i += run) {
        k = grid_at(&g, c, i, n, &run);
        float scale = (float)tensor_get(g.scale, k);
        int32_t zero = g.zero ? (int32_t)tensor_get_int(g.zero, k) : 0;
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
