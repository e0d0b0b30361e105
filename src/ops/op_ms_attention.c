/* SPDX-License-Identifier: Apache-2.0
 *
 * op_ms_attention: Attention and MultiHeadAttention of ONNX Runtime, the forms that its CPU kernels
 * take. Masks hide by adding mask_filter_value, a finite number; unidirectional attention hides
 * what comes later altogether.
 */
#include "ops.h"

#include "attention.h"
#include "k_gemm.h"
#include "k_tail.h"
#include "ms_attention.h"
#include "real.h"

#include <inttypes.h>
#include <math.h>

struct sizes { /* -1: not known */
    int64_t batch, heads, rows, added, past, keys, d, dv;
};

static int read_heads(const struct call *c, struct sizes *s, struct err *err)
{
    *s = (struct sizes){.heads = node_int(c->node, "num_heads", 0), .batch = -1, .rows = -1,
                        .added = -1, .d = -1, .dv = -1};
    if (s->heads < 1)
        return err_set(err, ERR_INPUT, "attribute num_heads must be given");
    return 0;
}

static int check_rank(const struct call *c, int slot, int rank, struct err *err)
{
    const struct tensor *t = call_in(c, slot);
    if (t && t->shape.rank >= 0 && t->shape.rank != rank)
        return err_set(err, ERR_INPUT, "input %d must be of rank %d; others are not supported",
                       slot, rank);
    return t && t->shape.rank == rank;
}

/* Data of inputs: floats, masks excepted. */
static int check_types(const struct call *c, int mask, struct err *err)
{
    for (int i = 0; i < c->n_in; i++) {
        const struct tensor *t = call_in(c, i);
        if (i == mask && t && t->dtype && t->dtype != DTYPE_I32)
            return err_set(err, ERR_INPUT, "input %d must be int32", i);
        if (i == mask)
            continue;
        TRY(real_check(c, i, err));
        TRY(call_same_dtype(c, 0, i, err));
    }
    return 0;
}

static void steps_of(const int64_t dim[4], int64_t step[4])
{
    int64_t n = 1;
    for (int i = 3; i >= 0; i--) {
        step[i] = dim[i] == 1 ? 0 : n;
        n *= dim[i];
    }
}

/* The mask as dims [batch][1][1 or rows][keys] of numbers to add. */
static int read_mask(const struct call *c, int slot, const struct attention *a, const float **mask,
                     int64_t dim[4], struct err *err)
{
    const struct tensor *t = call_in(c, slot);
    const struct shape *s = &t->shape;
    float filter = node_float(c->node, "mask_filter_value", -10000);
    int64_t rows = s->rank == 3 ? a->rows : 1, n = a->batch * rows * a->keys;
    float *to = NEW_ARRAY(c->scratch, n, float);
    bool ends = s->rank == 1 && (s->dim[0] == a->batch || s->dim[0] == 3 * a->batch + 2);
    bool both = s->rank == 1 && s->dim[0] == 2 * a->batch && !ends;
    bool raw = (s->rank == 2 || s->rank == 3) && s->dim[0] == a->batch
            && s->dim[s->rank - 1] == a->keys && (s->rank == 2 || s->dim[1] == a->rows);
    if (!ends && !both && !raw)
        return err_set(err, ERR_INPUT, "a mask of this shape is not supported");
    for (int64_t i = 0; i < n; i++) {
        int64_t key = i % a->keys, b = i / (rows * a->keys);
        bool seen = raw ? tensor_get_int(t, i) > 0
                        : key < tensor_get_int(t, b)
                              && (!both || key >= tensor_get_int(t, a->batch + b));
        to[i] = seen ? 0 : filter;
    }
    *mask = to;
    dim[0] = a->batch;
    dim[1] = 1;
    dim[2] = rows;
    dim[3] = a->keys;
    return 0;
}

/* Mask and bias in one. */
static int read_biases(const struct call *c, int mask_slot, int bias_slot, struct attention *a,
                       struct err *err)
{
    const struct tensor *bias = call_in(c, bias_slot);
    int64_t dim[4], mask_step[4];
    const float *mask = NULL, *from = real_in(c, bias_slot);
    if (bias)
        TRY(attention_bias_steps(bias, a, a->bias_step, err));
    a->bias = from;
    if (!call_in(c, mask_slot))
        return 0;
    TRY(read_mask(c, mask_slot, a, &mask, dim, err));
    steps_of(dim, mask_step);
    if (bias) {
        dim[1] = a->bias_step[1] ? a->heads : 1;
        dim[2] = a->rows;
        float *sum = NEW_ARRAY(c->scratch, dim[0] * dim[1] * dim[2] * dim[3], float), *to = sum;
        for (int64_t b = 0; b < dim[0]; b++)
            for (int64_t h = 0; h < dim[1]; h++)
                for (int64_t i = 0; i < dim[2]; i++)
                    for (int64_t k = 0; k < dim[3]; k++)
                        *to++ = mask[b * mask_step[0] + i * mask_step[2] + k * mask_step[3]]
                            + from[b * a->bias_step[0] + h * a->bias_step[1]
                                   + i * a->bias_step[2] + k * a->bias_step[3]];
        mask = sum;
    }
    a->bias = mask;
    steps_of(dim, a->bias_step);
    return 0;
}

/* What both operators take from attributes and sizes. */
static struct attention attention_of(const struct call *c, const struct sizes *s)
{
    int64_t *position = NEW_ARRAY(c->scratch, s->batch, int64_t);
    float scale = node_float(c->node, "scale", 0);
    for (int64_t b = 0; b < s->batch; b++)
        position[b] = s->past;
    return (struct attention){
        .batch = s->batch, .heads = s->heads, .kv_heads = s->heads, .rows = s->rows,
        .keys = s->keys, .d = s->d, .dv = s->dv,
        .scale = scale != 0 ? scale : (float)(1 / sqrt((double)s->d)),
        .causal = node_int(c->node, "unidirectional", 0) != 0,
        .left = -1, .right = -1, .position = position,
    };
}

enum { X, WEIGHTS, BIAS, MASK, PAST, SCORE_BIAS, PAST_LENGTH };

/* The widths of Q, K and V in a row of the projection. */
static int read_widths(const struct call *c, struct sizes *s, struct err *err)
{
    size_t n = 0;
    const int64_t *width = node_ints(c->node, "qkv_hidden_sizes", &n);
    int64_t all = c->in[WEIGHTS]->shape.rank == 2 ? c->in[WEIGHTS]->shape.dim[1] : -1;
    if (!width) {
        TRY(dim_share(all, 3 * s->heads, WEIGHTS, &s->d, err));
        s->dv = s->d;
        return 0;
    }
    if (n != 3 || width[0] != width[1] || width[0] < 0 || width[2] < 0
        || (all >= 0 && all != width[0] + width[1] + width[2]))
        return err_set(err, ERR_INPUT, "attribute qkv_hidden_sizes does not fit the weights");
    TRY(dim_share(width[0], s->heads, WEIGHTS, &s->d, err));
    return dim_share(width[2], s->heads, WEIGHTS, &s->dv, err);
}

static int read_attention(const struct call *c, struct sizes *s, struct err *err)
{
    const struct tensor *past = call_in(c, PAST);
    TRY(read_heads(c, s, err));
    if (check_rank(c, X, 3, err) > 0) {
        s->batch = c->in[X]->shape.dim[0];
        s->rows = s->added = c->in[X]->shape.dim[1];
    }
    TRY(check_rank(c, X, 3, err));
    TRY(check_rank(c, WEIGHTS, 2, err));
    TRY(read_widths(c, s, err));
    if (call_in(c, PAST_LENGTH) || node_int(c->node, "past_present_share_buffer", 0))
        return err_set(err, ERR_INPUT, "past_present_share_buffer is not supported");
    if (node_int(c->node, "do_rotary", 0))
        return err_set(err, ERR_INPUT, "attribute do_rotary is not supported");
    if ((past || call_out(c, 1)) && s->d >= 0 && s->dv >= 0 && s->d != s->dv)
        return err_set(err, ERR_INPUT, "a cache needs keys and values of one size");
    s->past = past ? -1 : 0;
    if (check_rank(c, PAST, 5, err) > 0) {
        TRY(dim_agree(&s->batch, past->shape.dim[1], PAST, "the batch", err));
        TRY(dim_agree(&s->heads, past->shape.dim[2], PAST, "the number of heads", err));
        TRY(dim_agree(&s->d, past->shape.dim[4], PAST, "the size of a head", err));
        s->past = past->shape.dim[3];
        if (past->shape.dim[0] >= 0 && past->shape.dim[0] != 2)
            return err_set(err, ERR_INPUT, "input past must be of keys and values");
    }
    TRY(check_rank(c, PAST, 5, err));
    s->keys = dim_sum(s->past, s->added);
    return 0;
}

static int64_t product(int64_t a, int64_t b)
{
    return a < 0 || b < 0 ? -1 : a * b;
}

int infer_ms_attention(struct call *c, struct err *err)
{
    struct sizes s;
    TRY(check_types(c, MASK, err));
    TRY(read_attention(c, &s, err));
    struct shape y = {3, {s.batch, s.rows, product(s.heads, s.dv)}};
    struct shape present = {5, {2, s.batch, s.heads, s.keys, s.d}};
    call_set(c, 0, c->in[X]->dtype, &y);
    call_set(c, 1, c->in[X]->dtype, &present);
    return 0;
}

/* Q, K and V side by side in each row. */
static float *project(const struct call *c, const struct sizes *s, int64_t width, struct err *err)
{
    int64_t rows = s->batch * s->rows, in = c->in[X]->shape.dim[2];
    struct tail bias = {.bias = real_in(c, BIAS)};
    if (c->in[WEIGHTS]->shape.dim[0] != in
        || (call_in(c, BIAS) && tensor_count(c->in[BIAS]) != width)) {
        err_set(err, ERR_INPUT, "weights and bias do not fit the input");
        return NULL;
    }
    float *all = NEW_ARRAY(c->scratch, rows * width + 1, float);
    struct gemm g = gemm_dense(rows, width, in);
    k_gemm_f32(&g, real_in(c, X), real_in(c, WEIGHTS), all);
    k_tail(&bias, all, rows, width);
    return all;
}

int ms_attention_run(struct call *c, const float *projected, struct err *err)
{
    struct sizes s;
    TRY(read_attention(c, &s, err));
    int64_t hidden = s.heads * s.d, width = 2 * hidden + s.heads * s.dv;
    const float *all = projected ? projected : project(c, &s, width, err), *past = real_in(c, PAST);
    if (!all)
        return -1;
    float *y = real_out(c, 0), *present = real_out(c, 1);
    struct attention a = attention_of(c, &s);
    struct head_sizes n = {s.batch, s.heads, s.rows, s.d};
    struct heads k = {(float *)all + hidden, s.rows * width, s.d, width};
    struct heads v = {(float *)all + 2 * hidden, s.rows * width, s.dv, width};
    int64_t half = s.batch * s.heads * s.d; /* of both caches, for each row */
    a.q = (struct heads){(float *)all, s.rows * width, s.d, width};
    a.k = heads_join(c->scratch, past, s.past, &k, &n, present);
    n.size = s.dv;
    a.v = heads_join(c->scratch, past ? past + half * s.past : NULL, s.past, &v, &n,
                     present ? present + half * s.keys : NULL);
    if (!y)
        y = NEW_ARRAY(c->scratch, s.batch * s.rows * s.heads * s.dv, float);
    a.y = heads_inside(y, s.rows, s.heads, s.dv);
    TRY(read_biases(c, MASK, SCORE_BIAS, &a, err));
    attention_run(&a, c->scratch);
    real_store(c, 0, y);
    real_store(c, 1, present);
    return 0;
}

int eval_ms_attention(struct call *c, struct err *err)
{
    return ms_attention_run(c, NULL, err);
}

enum { Q, K, V, QKV_BIAS, PADDING, BIASES, PAST_KEY, PAST_VALUE, SHARED, BEAMS };

static bool is_cached(const struct call *c) /* keys as a cache has them: [batch][head][row][size] */
{
    return call_in(c, K)->shape.rank == 4;
}

static int read_past(const struct call *c, struct sizes *s, struct err *err)
{
    s->past = 0;
    if (!call_in(c, PAST_KEY) != !call_in(c, PAST_VALUE))
        return err_set(err, ERR_INPUT, "past_key and past_value must be given together");
    for (int i = PAST_KEY; i <= PAST_VALUE && call_in(c, i); i++) {
        int known = check_rank(c, i, 4, err);
        TRY(known);
        if (i == PAST_KEY)
            s->past = -1;
        if (!known)
            continue;
        const int64_t *dim = c->in[i]->shape.dim;
        TRY(dim_agree(&s->batch, dim[0], i, "the batch", err));
        TRY(dim_agree(&s->heads, dim[1], i, "the number of heads", err));
        TRY(dim_agree(&s->past, dim[2], i, "the length", err));
        TRY(dim_agree(i == PAST_KEY ? &s->d : &s->dv, dim[3], i, "the size of a head", err));
    }
    s->keys = dim_sum(s->past, s->added);
    return 0;
}

static int read_multi_head(const struct call *c, struct sizes *s, struct err *err)
{
    TRY(read_heads(c, s, err));
    if (!call_in(c, K) || !call_in(c, V))
        return err_set(err, ERR_INPUT, "packed inputs are not supported");
    if (call_in(c, SHARED) || call_in(c, BEAMS))
        return err_set(err, ERR_INPUT, "shared caches are not supported");
    int known = check_rank(c, Q, 3, err);
    TRY(known);
    if (known) {
        s->batch = c->in[Q]->shape.dim[0];
        s->rows = c->in[Q]->shape.dim[1];
        TRY(dim_share(c->in[Q]->shape.dim[2], s->heads, Q, &s->d, err));
    }
    for (int i = K; i <= V; i++) {
        int64_t *size = i == K ? &s->d : &s->dv, own;
        known = check_rank(c, i, is_cached(c) ? 4 : 3, err);
        TRY(known);
        if (!known)
            continue;
        const int64_t *dim = c->in[i]->shape.dim;
        TRY(dim_agree(&s->batch, dim[0], i, "the batch", err));
        TRY(dim_agree(&s->added, dim[is_cached(c) ? 2 : 1], i, "the length", err));
        if (is_cached(c))
            TRY(dim_agree(&s->heads, dim[1], i, "the number of heads", err));
        own = dim[3];
        if (!is_cached(c))
            TRY(dim_share(dim[2], s->heads, i, &own, err));
        TRY(dim_agree(size, own, i, "the size of a head", err));
    }
    return read_past(c, s, err);
}

int infer_multi_head(struct call *c, struct err *err)
{
    struct sizes s;
    TRY(check_types(c, PADDING, err));
    TRY(read_multi_head(c, &s, err));
    if (node_int(c->node, "unidirectional", 0)) {
        if (call_out(c, 3))
            return err_set(err, ERR_INPUT, "output 3 is not supported where unidirectional is set");
        /* there ONNX Runtime lets the last row see all keys, its GPU kernels do not */
        if (s.rows >= 0 && s.added >= 0 && s.rows != s.added)
            return err_set(err, ERR_INPUT,
                           "attribute unidirectional needs as many keys as queries");
    }
    struct shape y = {3, {s.batch, s.rows, product(s.heads, s.dv)}};
    struct shape key = {4, {s.batch, s.heads, s.keys, s.d}};
    struct shape value = {4, {s.batch, s.heads, s.keys, s.dv}};
    struct shape scores = {4, {s.batch, s.heads, s.rows, s.keys}};
    call_set(c, 0, c->in[Q]->dtype, &y);
    call_set(c, 1, c->in[Q]->dtype, &key);
    call_set(c, 2, c->in[Q]->dtype, &value);
    call_set(c, 3, c->in[Q]->dtype, &scores);
    return 0;
}

/* Input `slot` with its part of the bias, which begins at `at`. Keys that come as a cache have had
 * theirs. */
static struct heads with_bias(const struct call *c, const struct sizes *s, int slot, int64_t rows,
                              int64_t size, int64_t at)
{
    const float *x = real_in(c, slot), *bias = real_in(c, QKV_BIAS);
    if (slot != Q && is_cached(c))
        return heads_first(x, s->heads, rows, size);
    if (bias) {
        int64_t width = s->heads * size, n = s->batch * rows;
        float *y = NEW_ARRAY(c->scratch, n * width + 1, float);
        struct tail tail = {.bias = bias + at, .add = x};
        for (int64_t i = 0; i < n * width; i++)
            y[i] = 0;
        k_tail(&tail, y, n, width);
        x = y;
    }
    return heads_inside(x, rows, s->heads, size);
}

int eval_multi_head(struct call *c, struct err *err)
{
    struct sizes s;
    TRY(read_multi_head(c, &s, err));
    int64_t hidden = s.heads * s.d;
    if (call_in(c, QKV_BIAS) && tensor_count(c->in[QKV_BIAS]) != 2 * hidden + s.heads * s.dv)
        return err_set(err, ERR_INPUT, "the bias does not fit the inputs");
    float *y = real_out(c, 0), *key = real_out(c, 1), *value = real_out(c, 2);
    struct attention a = attention_of(c, &s);
    struct head_sizes n = {s.batch, s.heads, s.added, s.d};
    struct heads k = with_bias(c, &s, K, s.added, s.d, hidden);
    struct heads v = with_bias(c, &s, V, s.added, s.dv, 2 * hidden);
    a.q = with_bias(c, &s, Q, s.rows, s.d, 0);
    a.k = heads_join(c->scratch, real_in(c, PAST_KEY), s.past, &k, &n, key);
    n.size = s.dv;
    a.v = heads_join(c->scratch, real_in(c, PAST_VALUE), s.past, &v, &n, value);
    if (!y)
        y = NEW_ARRAY(c->scratch, s.batch * s.rows * s.heads * s.dv, float);
    a.y = heads_inside(y, s.rows, s.heads, s.dv);
    a.scores = real_out(c, 3);
    a.stage = K_SCORES_BIASED;
    TRY(read_biases(c, PADDING, BIASES, &a, err));
    attention_run(&a, c->scratch);
    real_store(c, 0, y);
    real_store(c, 1, key);
    real_store(c, 2, value);
    real_store(c, 3, a.scores);
    return 0;
}
