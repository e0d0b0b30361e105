/* SPDX-License-Identifier: Apache-2.0
 *
 * op_einsum: Einsum as a sequence of matrix products. The first two factors become matrices
 * [batch, m, k] and [batch, k, n], by what happens to each label; their product is a factor in
 * turn, until one is left. Labels that only one factor has and nobody needs are summed first.
 */
#include "ops.h"

#include "einsum.h"
#include "k_convert.h"
#include "k_gemm.h"
#include "k_loop.h"
#include "k_move.h"
#include "k_reduce.h"

/* A factor: strided data with different labels on its axes. */
struct factor {
    const char *data;
    int n;
    int label[K_LOOP_RANK];
    int64_t dim[K_LOOP_RANK], stride[K_LOOP_RANK];
};

/* What all factors are computed in: F32, F64 or I64. */
static enum dtype compute_type(enum dtype t)
{
    if (t == DTYPE_F64)
        return DTYPE_F64;
    if (dtype_info(t)->is_float)
        return DTYPE_F32;
    return dtype_info(t)->is_integer ? DTYPE_I64 : DTYPE_NONE;
}

int infer_einsum(struct call *c, struct err *err)
{
    struct einsum e;
    struct shape s = shape_unknown();
    bool complete;
    for (int i = 1; i < c->n_in; i++)
        TRY(call_same_dtype(c, 0, i, err));
    TRY(einsum_read(c, &e, &complete, err));
    if (complete) {
        s = shape_of_rank(e.result.n);
        for (int i = 0; i < s.rank; i++)
            s.dim[i] = e.dim[e.result.label[i]];
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

/* Input i as a factor. A label that is there twice is one axis along the diagonal; an axis of 1
 * under an ellipsis stands still. */
static struct factor factor_open(struct call *c, const struct einsum *e, int i, enum dtype t)
{
    const struct tensor *x = c->in[i];
    int64_t n = tensor_count(x), stride[MAX_RANK];
    struct factor f = {.data = x->data};
    void *copy = x->dtype == t ? NULL : arena_alloc(c->scratch, dtype_size(t, n) + 1);
    if (copy && t == DTYPE_F32)
        k_load_f32(x->dtype, x->data, 0, 1, n, copy);
    else if (copy)
        k_load_i64(x->dtype, x->data, 0, 1, n, copy);
    f.data = copy ? copy : x->data;
    tensor_strides(x, stride);
    for (int k = 0; k < x->shape.rank; k++) {
        int label = e->term[i].label[k], at = 0;
        while (at < f.n && f.label[at] != label)
            at++;
        if (at == f.n) {
            f.label[f.n] = label;
            f.dim[f.n] = e->dim[label];
            f.stride[f.n++] = 0;
        }
        f.stride[at] += x->shape.dim[k] == 1 ? 0 : stride[k];
    }
    return f;
}

static int factor_axis(const struct factor *f, int label)
{
    for (int i = 0; i < f->n; i++)
        if (f->label[i] == label)
            return i;
    return -1;
}

static int64_t factor_dense(struct factor *f)
{
    int64_t count = 1;
    for (int i = f->n - 1; i >= 0; i--) {
        f->stride[i] = count;
        count *= f->dim[i];
    }
    return count;
}

/* A dense copy with its axes in the order of `labels`; labels it lacks are left out. */
static struct factor factor_order(struct arena *a, const struct factor *f, const int *labels, int n,
                                  size_t item)
{
    struct factor to = {0};
    int64_t from[K_LOOP_RANK];
    for (int i = 0; i < n; i++) {
        int at = factor_axis(f, labels[i]);
        if (at < 0)
            continue;
        to.label[to.n] = labels[i];
        to.dim[to.n] = f->dim[at];
        from[to.n++] = f->stride[at];
    }
    char *data = arena_alloc(a, (size_t)factor_dense(&to) * item + 1);
    k_move(data, f->data, item, to.n, to.dim, to.stride, from);
    to.data = data;
    return to;
}

/* Sums the labels that are not needed. */
static struct factor factor_sum(struct arena *a, const struct factor *f, const bool *needed,
                                enum dtype t)
{
    size_t item = dtype_size(t, 1);
    int labels[K_LOOP_RANK], n = 0, kept;
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < f->n; i++)
        if (needed[f->label[i]])
            labels[n++] = f->label[i];
    kept = n;
    for (int i = 0; i < f->n; i++)
        if (!needed[f->label[i]])
            labels[n++] = f->label[i];
    if (kept == n)
        return *f;
    struct factor to = factor_order(a, f, labels, n, item);
    for (int i = 0; i < n; i++)
        *(i < kept ? &outer : &inner) *= to.dim[i];
    void *sum = arena_alloc(a, (size_t)outer * item + 1);
    if (t == DTYPE_F32)
        k_reduce_f32(K_REDUCE_SUM, (const float *)to.data, sum, outer, inner, 1);
    else if (t == DTYPE_F64)
        k_reduce_f64(K_REDUCE_SUM, (const double *)to.data, sum, outer, inner, 1);
    else
        k_reduce_i64(K_REDUCE_SUM, (const int64_t *)to.data, sum, outer, inner, 1);
    to.n = kept;
    to.data = sum;
    factor_dense(&to);
    return to;
}

static void multiply(enum dtype t, const struct gemm *g, int64_t batch, const char *a,
                     const char *b, char *y)
{
    int64_t item = (int64_t)dtype_size(t, 1);
    for (int64_t i = 0; i < batch; i++) {
        const char *pa = a + i * g->m * g->k * item, *pb = b + i * g->k * g->n * item;
        char *py = y + i * g->m * g->n * item;
        if (t == DTYPE_F32)
            k_gemm_f32(g, (const float *)pa, (const float *)pb, (float *)py);
        else if (t == DTYPE_F64)
            k_gemm_f64(g, (const double *)pa, (const double *)pb, (double *)py);
        else
            k_gemm_i64(g, (const int64_t *)pa, (const int64_t *)pb, (int64_t *)py);
    }
}

/* The labels of a product: batch, those of a, those of b, and what is summed. */
struct sorting {
    int batch[K_LOOP_RANK], m[K_LOOP_RANK], n[K_LOOP_RANK], k[K_LOOP_RANK];
    int n_batch, n_m, n_n, n_k;
};

static void labels_sort(const struct factor *a, const struct factor *b, const bool *needed,
                        struct sorting *s)
{
    *s = (struct sorting){.n_batch = 0};
    for (int i = 0; i < a->n; i++) {
        int label = a->label[i];
        if (factor_axis(b, label) < 0)
            s->m[s->n_m++] = label;
        else if (needed[label])
            s->batch[s->n_batch++] = label;
        else
            s->k[s->n_k++] = label;
    }
    for (int i = 0; i < b->n; i++)
        if (factor_axis(a, b->label[i]) < 0)
            s->n[s->n_n++] = b->label[i];
}

static int join(int *to, int n, const int *labels, int count)
{
    for (int i = 0; i < count; i++)
        to[n++] = labels[i];
    return n;
}

static int64_t span(const struct factor *f, const int *labels, int n)
{
    int64_t count = 1;
    for (int i = 0; i < n; i++)
        count *= f->dim[factor_axis(f, labels[i])];
    return count;
}

static struct factor factor_product(struct arena *arena, const struct factor *a,
                                    const struct factor *b, const bool *needed, enum dtype t)
{
    struct sorting s;
    struct factor y = {0};
    size_t item = dtype_size(t, 1);
    int order[3 * K_LOOP_RANK], n;
    labels_sort(a, b, needed, &s);
    n = join(order, join(order, join(order, 0, s.batch, s.n_batch), s.m, s.n_m), s.k, s.n_k);
    struct factor left = factor_order(arena, a, order, n, item);
    n = join(order, join(order, join(order, 0, s.batch, s.n_batch), s.k, s.n_k), s.n, s.n_n);
    struct factor right = factor_order(arena, b, order, n, item);
    int64_t batch = span(a, s.batch, s.n_batch);
    struct gemm g = gemm_dense(span(a, s.m, s.n_m), span(b, s.n, s.n_n), span(a, s.k, s.n_k));
    char *data = arena_alloc(arena, (size_t)(batch * g.m * g.n) * item + 1);
    multiply(t, &g, batch, left.data, right.data, data);
    y.data = data;
    y.n = join(y.label, join(y.label, join(y.label, 0, s.batch, s.n_batch), s.m, s.n_m), s.n,
               s.n_n);
    for (int i = 0; i < y.n; i++) {
        int at = factor_axis(a, y.label[i]);
        y.dim[i] = at >= 0 ? a->dim[at] : b->dim[factor_axis(b, y.label[i])];
    }
    factor_dense(&y);
    return y;
}

/* Labels that the result or an input after `i` has, and those of `other`. */
static void labels_needed(const struct einsum *e, int i, const struct factor *other, bool *needed)
{
    for (int label = 0; label < EINSUM_LABELS; label++)
        needed[label] = other && factor_axis(other, label) >= 0;
    for (int k = 0; k < e->result.n; k++)
        needed[e->result.label[k]] = true;
    for (int j = i + 1; j < e->n_terms; j++)
        for (int k = 0; k < e->term[j].n; k++)
            needed[e->term[j].label[k]] = true;
}

int eval_einsum(struct call *c, struct err *err)
{
    struct tensor *y = c->out[0];
    enum dtype t = compute_type(y->dtype);
    struct einsum e;
    bool complete, needed[EINSUM_LABELS];
    TRY(einsum_read(c, &e, &complete, err));
    if (!t)
        return call_refuse_dtype(y->dtype, err);
    struct factor f = factor_open(c, &e, 0, t);
    labels_needed(&e, 0, NULL, needed);
    f = factor_sum(c->scratch, &f, needed, t);
    for (int i = 1; i < c->n_in; i++) {
        struct factor g = factor_open(c, &e, i, t);
        labels_needed(&e, i, &f, needed);
        g = factor_sum(c->scratch, &g, needed, t);
        labels_needed(&e, i, &g, needed);
        f = factor_sum(c->scratch, &f, needed, t);
        labels_needed(&e, i, NULL, needed);
        if (f.n + g.n > K_LOOP_RANK)
            return err_set(err, ERR_INPUT, "the equation has too many letters");
        f = factor_product(c->scratch, &f, &g, needed, t);
    }
    f = factor_order(c->scratch, &f, e.result.label, e.result.n, dtype_size(t, 1));
    int64_t n = tensor_count(y);
    if (t == DTYPE_F32)
        k_store_f32(y->dtype, y->data, 0, n, (const float *)f.data);
    else if (t == DTYPE_F64)
        k_store_f64(y->dtype, y->data, 0, n, (const double *)f.data);
    else
        k_store_i64(y->dtype, y->data, 0, n, (const int64_t *)f.data);
    return 0;
}
