/* SPDX-License-Identifier: Apache-2.0
 *
 * op_matmul: MatMul (numpy's rules for any rank) and Gemm.
 */
#include "codes.h"
#include "ops.h"

#include "k_convert.h"
#include "k_gemm.h"
#include "k_tail.h"
#include "real.h"
#include "stacks.h"

#include <inttypes.h>
#include <string.h>

/* An element type is computed in one of three ways; see k_convert.h. */
enum way { WAY_F32, WAY_F64, WAY_I64 };

static enum way way_of(enum dtype t)
{
    return t == DTYPE_F64 ? WAY_F64 : dtype_info(t)->is_float ? WAY_F32 : WAY_I64;
}

static int check_dtypes(const struct call *c, struct err *err)
{
    enum dtype t = call_in(c, 0)->dtype;
    if (t && !dtype_info(t)->is_float && !dtype_info(t)->is_integer)
        return call_refuse_dtype(t, err);
    return call_same_dtype(c, 0, 1, err);
}

/* The data of t in the given way: where it lies, or a copy in the call's scratch. */
static const void *load(const struct call *c, const struct tensor *t, enum way way)
{
    int64_t n = tensor_count(t);
    if (way == WAY_F32) {
        if (t->dtype == DTYPE_F32)
            return t->data;
        float *x = NEW_BUFFER(c->scratch, n, float);
        k_load_f32(t->dtype, t->data, 0, 1, n, x);
        return x;
    }
    if (way == WAY_F64) {
        if (t->dtype == DTYPE_F64)
            return t->data;
        double *x = NEW_BUFFER(c->scratch, n, double);
        k_load_f64(t->dtype, t->data, 0, 1, n, x);
        return x;
    }
    if (t->dtype == DTYPE_I64)
        return t->data;
    int64_t *x = NEW_BUFFER(c->scratch, n, int64_t);
    k_load_i64(t->dtype, t->data, 0, 1, n, x);
    return x;
}

static size_t way_size(enum way way)
{
    return way == WAY_F32 ? sizeof(float) : sizeof(double);
}

static bool is_own_type(enum dtype t, enum way way)
{
    return t == (way == WAY_F32 ? DTYPE_F32 : way == WAY_F64 ? DTYPE_F64 : DTYPE_I64);
}

static void *result(const struct call *c, enum way way)
{
    const struct tensor *y = call_out(c, 0);
    if (is_own_type(y->dtype, way))
        return y->data;
    return arena_buffer(c->scratch, (size_t)tensor_count(y), way_size(way));
}

static void store(const struct call *c, enum way way, const void *y)
{
    const struct tensor *t = call_out(c, 0);
    int64_t n = tensor_count(t);
    if (is_own_type(t->dtype, way))
        return;
    if (way == WAY_F32)
        k_store_f32(t->dtype, t->data, 0, n, y);
    else if (way == WAY_F64)
        k_store_f64(t->dtype, t->data, 0, n, y);
    else
        k_store_i64(t->dtype, t->data, 0, n, y);
}

/* One product, a, b, y counted in elements from their starts. */
static void multiply(enum way way, const struct gemm *g, const void *a, int64_t a_at,
                     const void *b, int64_t b_at, void *y, int64_t y_at)
{
    if (way == WAY_F32)
        k_gemm_f32(g, (const float *)a + a_at, (const float *)b + b_at, (float *)y + y_at);
    else if (way == WAY_F64)
        k_gemm_f64(g, (const double *)a + a_at, (const double *)b + b_at, (double *)y + y_at);
    else
        k_gemm_i64(g, (const int64_t *)a + a_at, (const int64_t *)b + b_at, (int64_t *)y + y_at);
}

int infer_matmul(struct call *c, struct err *err)
{
    struct stacks s;
    TRY(check_dtypes(c, err));
    TRY(stacks_read(&call_in(c, 0)->shape, &call_in(c, 1)->shape, &s, err));
    struct shape y = stacks_result(&s);
    call_set(c, 0, call_in(c, 0)->dtype, &y);
    return 0;
}

/* What the result is added to, where the tail wants a sum: brings it to y. */
static bool begin_sum(const struct call *c, void *y)
{
    const struct tensor *t = call_out(c, 0);
    if (!c->tail || !c->tail->add)
        return false;
    if (c->tail->add != y)
        memcpy(y, c->tail->add, t->size);
    return true;
}

/* The rest of the tail. */
static void finish(const struct call *c, void *y, int64_t rows, int64_t n)
{
    if (!c->tail)
        return;
    struct tail rest = *c->tail;
    rest.add = NULL;
    k_tail(&rest, y, rows, n);
}

/* Rows of codes times one matrix of codes; by_output: that is stored [n][k]. */
static void multiply_codes(const struct call *c, bool by_output)
{
    const struct shape *b = &call_in(c, 1)->shape;
    int64_t k = b->dim[by_output], n = b->dim[!by_output];
    struct conv_dims d = conv_dims_product(tensor_count(call_in(c, 0)) / k, k, n);
    codes_convolve(c, &d, !by_output);
}

int eval_matmul(struct call *c, struct err *err)
{
    struct stacks s;
    TRY(stacks_read(&call_in(c, 0)->shape, &call_in(c, 1)->shape, &s, err));
    if (tensor_count(call_out(c, 0)) == 0)
        return 0;
    if (c->codes) {
        multiply_codes(c, false);
        return 0;
    }
    enum way way = way_of(call_in(c, 0)->dtype);
    const void *a = load(c, call_in(c, 0), way), *b = load(c, call_in(c, 1), way);
    void *y = result(c, way);
    int64_t m = s.y.dim[s.y.rank - 2], n = s.y.dim[s.y.rank - 1], k = s.a.dim[s.a.rank - 1];
    int64_t count = shape_span(&s.y, 0, s.y.rank - 2);
    float beta = begin_sum(c, y) ? 1 : 0;
    if (shape_span(&s.b, 0, s.b.rank - 2) == 1) { /* one matrix on the right: all rows at once */
        struct gemm g = gemm_dense(count * m, n, k);
        g.beta = beta;
        multiply(way, &g, a, 0, b, 0, y, 0);
    } else {
        struct gemm g = gemm_dense(m, n, k);
        g.beta = beta;
        for (int64_t i = 0; i < count; i++)
            multiply(way, &g, a, stacks_matrix(&s.a, &s.y, i) * m * k, b,
                     stacks_matrix(&s.b, &s.y, i) * k * n, y, i * m * n);
    }
    finish(c, y, count * m, n);
    store(c, way, y);
    return 0;
}

static int gemm_read(const struct call *c, struct gemm *g, struct err *err)
{
    const struct shape *a = &call_in(c, 0)->shape, *b = &call_in(c, 1)->shape;
    *g = (struct gemm){.m = -1, .n = -1, .k = -1};
    g->ta = node_int(c->node, "transA", 0) != 0;
    g->tb = node_int(c->node, "transB", 0) != 0;
    g->alpha = node_float(c->node, "alpha", 1);
    g->beta = node_float(c->node, "beta", 1);
    if ((a->rank >= 0 && a->rank != 2) || (b->rank >= 0 && b->rank != 2))
        return err_set(err, ERR_INPUT, "inputs 0 and 1 must be matrices");
    int64_t l = -1;
    if (a->rank == 2) {
        g->m = a->dim[g->ta];
        g->k = a->dim[!g->ta];
        g->lda = a->dim[1];
    }
    if (b->rank == 2) {
        g->n = b->dim[!g->tb];
        l = b->dim[g->tb];
        g->ldb = b->dim[1];
    }
    if (g->k >= 0 && l >= 0 && g->k != l)
        return err_set(err, ERR_INPUT, "the inner sizes differ: %" PRId64 " and %" PRId64, g->k,
                       l);
    g->ldc = g->n;
    return 0;
}

int infer_gemm(struct call *c, struct err *err)
{
    struct gemm g;
    TRY(check_dtypes(c, err));
    TRY(call_same_dtype(c, 0, 2, err));
    TRY(gemm_read(c, &g, err));
    struct shape y = {.rank = 2, .dim = {g.m, g.n}};
    if (call_in(c, 2)) {
        struct shape sum = y;
        TRY(shape_broadcast(&sum, &call_in(c, 2)->shape, err));
        for (int i = 0; sum.rank >= 0 && i < 2; i++)
            if (sum.rank > 2 || (y.dim[i] >= 0 && sum.dim[i] > y.dim[i]))
                return err_set(err, ERR_INPUT, "input 2 does not broadcast to the product");
    }
    call_set(c, 0, call_in(c, 0)->dtype, &y);
    return 0;
}

/* y += beta * input 2, repeated as needed. */
static void add_repeated(const struct tensor *t, enum way way, const void *from,
                         const struct gemm *g, void *y)
{
    struct shape s = {.rank = 2, .dim = {g->m, g->n}};
    int64_t stride[MAX_RANK];
    tensor_strides_in(t, &s, stride);
    for (int64_t i = 0; i < g->m; i++) {
        for (int64_t j = 0; j < g->n; j++) {
            int64_t at = i * stride[0] + j * stride[1];
            if (way == WAY_F32)
                ((float *)y)[i * g->n + j] += g->beta * ((const float *)from)[at];
            else
                ((double *)y)[i * g->n + j] += (double)g->beta * ((const double *)from)[at];
        }
    }
}

int eval_gemm(struct call *c, struct err *err)
{
    struct gemm g;
    TRY(gemm_read(c, &g, err));
    if (tensor_count(call_out(c, 0)) == 0)
        return 0;
    if (c->codes) {
        multiply_codes(c, g.tb);
        return 0;
    }
    /* Integers go through double, since alpha and beta need not be integers. */
    enum way way = way_of(call_in(c, 0)->dtype) == WAY_F32 ? WAY_F32 : WAY_F64;
    const void *a = load(c, call_in(c, 0), way), *b = load(c, call_in(c, 1), way);
    void *y = result(c, way);
    const struct tensor *bias = call_in(c, 2);
    bool sum = begin_sum(c, y);
    if (bias && g.beta != 0) {
        if (!sum)
            memset(y, 0, way_size(way) * (size_t)(g.m * g.n));
        add_repeated(bias, way, load(c, bias, way), &g, y);
        sum = true;
    }
    g.beta = sum ? 1 : 0;
    multiply(way, &g, a, 0, b, 0, y, 0);
    finish(c, y, g.m, g.n);
    store(c, way, y);
    return 0;
}
