/* SPDX-License-Identifier: Apache-2.0
 *
 * op_attention: Attention of ONNX's own domain, since opset 23. Q, K and V are [batch][head][row]
 * [size], or [batch][row][head * size] with the counts of heads as attributes. Caches are always in
 * the first form. Scores are computed in float whatever softmax_precision asks for.
 */
#include "ops.h"

#include "attention.h"
#include "real.h"

#include <inttypes.h>
#include <math.h>

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, SEEN };

struct sizes { /* -1: not known */
    bool packed; /* rank 3 */
    int64_t batch, heads, kv_heads, rows, added, past, keys, d, dv;
};

static int read_packed(const struct call *c, struct sizes *s, struct err *err)
{
    const int64_t *q = c->in[Q]->shape.dim, *k = c->in[K]->shape.dim, *v = c->in[V]->shape.dim;
    int64_t d;
    s->heads = node_int(c->node, "q_num_heads", 0);
    s->kv_heads = node_int(c->node, "kv_num_heads", 0);
    if (s->heads < 1 || s->kv_heads < 1)
        return err_set(err, ERR_INPUT,
                       "inputs of rank 3 need attributes q_num_heads and kv_num_heads");
    s->rows = q[1];
    s->added = k[1];
    TRY(dim_share(q[2], s->heads, Q, &s->d, err));
    TRY(dim_share(k[2], s->kv_heads, K, &d, err));
    TRY(dim_agree(&s->d, d, K, "the size of a head", err));
    return dim_share(v[2], s->kv_heads, V, &s->dv, err);
}

static int read_plain(const struct call *c, struct sizes *s, struct err *err)
{
    const int64_t *q = c->in[Q]->shape.dim, *k = c->in[K]->shape.dim, *v = c->in[V]->shape.dim;
    s->heads = q[1];
    s->kv_heads = k[1];
    s->rows = q[2];
    s->added = k[2];
    s->d = q[3];
    s->dv = v[3];
    TRY(dim_agree(&s->kv_heads, v[1], V, "the number of heads", err));
    return dim_agree(&s->d, k[3], K, "the size of a head", err);
}

static int read_past(const struct call *c, struct sizes *s, struct err *err)
{
    const struct tensor *key = call_in(c, PAST_KEY), *value = call_in(c, PAST_VALUE);
    s->past = 0;
    if (!key != !value)
        return err_set(err, ERR_INPUT, "past_key and past_value must be given together");
    if (key && call_in(c, SEEN))
        return err_set(err, ERR_INPUT, "nonpad_kv_seqlen cannot be used with past_key");
    if (key && key->shape.rank < 0) {
        s->past = -1;
    } else if (key) {
        const struct shape *k = &key->shape, *v = &value->shape;
        if (k->rank != 4 || (v->rank >= 0 && v->rank != 4))
            return err_set(err, ERR_INPUT, "past_key and past_value must be of rank 4");
        s->past = k->dim[2];
        TRY(dim_agree(&s->batch, k->dim[0], PAST_KEY, "the batch", err));
        TRY(dim_agree(&s->kv_heads, k->dim[1], PAST_KEY, "the number of heads", err));
        TRY(dim_agree(&s->d, k->dim[3], PAST_KEY, "the size of a head", err));
        if (v->rank == 4) {
            TRY(dim_agree(&s->past, v->dim[2], PAST_VALUE, "the length", err));
            TRY(dim_agree(&s->dv, v->dim[3], PAST_VALUE, "the size of a head", err));
            TRY(dim_agree(&s->kv_heads, v->dim[1], PAST_VALUE, "the number of heads", err));
            TRY(dim_agree(&s->batch, v->dim[0], PAST_VALUE, "the batch", err));
        }
    }
    s->keys = dim_sum(s->past, s->added);
    return 0;
}

/* 1: the ranks are not known. */
static int read_sizes(const struct call *c, struct sizes *s, struct err *err)
{
    const struct shape *q = &c->in[Q]->shape, *k = &c->in[K]->shape, *v = &c->in[V]->shape;
    if (q->rank < 0 || k->rank < 0 || v->rank < 0)
        return 1;
    if ((q->rank != 3 && q->rank != 4) || k->rank != q->rank || v->rank != q->rank)
        return err_set(err, ERR_INPUT, "Q, K and V must all be of rank 3 or all of rank 4");
    *s = (struct sizes){.packed = q->rank == 3, .batch = q->dim[0]};
    TRY(dim_agree(&s->batch, k->dim[0], K, "the batch", err));
    TRY(dim_agree(&s->batch, v->dim[0], V, "the batch", err));
    TRY(s->packed ? read_packed(c, s, err) : read_plain(c, s, err));
    TRY(dim_agree(&s->added, v->dim[s->packed ? 1 : 2], V, "the length", err));
    TRY(read_past(c, s, err));
    if (s->heads >= 0 && s->kv_heads >= 0 && (s->kv_heads ? s->heads % s->kv_heads : s->heads))
        return err_set(err, ERR_INPUT, "%" PRId64 " heads of Q do not share %" PRId64 " of K",
                       s->heads, s->kv_heads);
    return 0;
}

static int check_attributes(const struct call *c, struct err *err)
{
    int64_t stage = node_int(c->node, "qk_matmul_output_mode", 0);
    if (stage < K_SCORES_RAW || stage > K_SCORES_SOFTMAX)
        return err_set(err, ERR_INPUT, "attribute qk_matmul_output_mode must be 0 to 3");
    if (node_int(c->node, "left_window_size", -1) < -1
        || node_int(c->node, "right_window_size", -1) < -1)
        return err_set(err, ERR_INPUT, "a window size must be -1 or more");
    return 0;
}

int infer_attention(struct call *c, struct err *err)
{
    struct sizes s;
    for (int i = Q; i <= PAST_VALUE; i++)
        if (i != MASK)
            TRY(real_check(c, i, err));
    TRY(call_same_dtype(c, Q, K, err));
    TRY(call_same_dtype(c, K, PAST_KEY, err));
    TRY(call_same_dtype(c, V, PAST_VALUE, err));
    TRY(check_attributes(c, err));
    int unknown = read_sizes(c, &s, err);
    struct shape y = shape_unknown(), key = y, value = y, scores = y;
    TRY(unknown);
    if (!unknown) {
        y = s.packed
            ? (struct shape){3, {s.batch, s.rows, s.dv < 0 ? -1 : s.heads * s.dv}}
            : (struct shape){4, {s.batch, s.heads, s.rows, s.dv}};
        key = (struct shape){4, {s.batch, s.kv_heads, s.keys, s.d}};
        value = (struct shape){4, {s.batch, s.kv_heads, s.keys, s.dv}};
        scores = (struct shape){4, {s.batch, s.heads, s.rows, s.keys}};
    }
    call_set(c, 0, c->in[Q]->dtype, &y);
    call_set(c, 1, c->in[K]->dtype, &key);
    call_set(c, 2, c->in[V]->dtype, &value);
    call_set(c, 3, c->in[Q]->dtype, &scores);
    return 0;
}

static struct heads heads_of(const struct sizes *s, const float *x, int64_t heads, int64_t rows,
                             int64_t size)
{
    return s->packed ? heads_inside(x, rows, heads, size) : heads_first(x, heads, rows, size);
}

/* All keys (or values), in `present` where that is wanted. */
static struct heads all_keys(const struct call *c, const struct sizes *s, int slot, int64_t size,
                             float *present)
{
    struct head_sizes n = {s->batch, s->kv_heads, s->added, size};
    struct heads added = heads_of(s, real_in(c, slot), s->kv_heads, s->added, size);
    return heads_join(c->scratch, real_in(c, slot == K ? PAST_KEY : PAST_VALUE), s->past, &added,
                      &n, present);
}

/* How many keys of each sample count, and where its first row stands among them. */
static int read_positions(const struct call *c, const struct sizes *s, struct attention *a,
                          struct err *err)
{
    const struct tensor *given = call_in(c, SEEN);
    int64_t *seen = NEW_ARRAY(c->scratch, s->batch, int64_t);
    int64_t *position = NEW_ARRAY(c->scratch, s->batch, int64_t);
    if (given && tensor_count(given) != s->batch)
        return err_set(err, ERR_INPUT, "nonpad_kv_seqlen must have one element a sample");
    for (int64_t b = 0; b < s->batch; b++) {
        int64_t n = given ? tensor_get_int(given, b) : s->keys;
        if (n < 0 || n > s->keys)
            return err_set(err, ERR_INPUT, "nonpad_kv_seqlen is %" PRId64 " for %" PRId64 " keys",
                           n, s->keys);
        seen[b] = n;
        position[b] = given ? n - s->rows : s->past;
    }
    a->seen = seen;
    a->position = position;
    return 0;
}

/* A boolean mask hides what is false. Since opset 24 one with fewer keys hides the others too. */
static int read_mask(const struct call *c, struct attention *a, struct err *err)
{
    const struct tensor *t = call_in(c, MASK);
    if (!t)
        return 0;
    if (t->dtype != DTYPE_BOOL && !dtype_info(t->dtype)->is_float)
        return call_refuse_dtype(t->dtype, err);
    struct attention fit = *a;
    int64_t last = t->shape.rank ? t->shape.dim[t->shape.rank - 1] : 1;
    if (c->opset >= 24 && t->shape.rank && last < a->keys) {
        fit.keys = last;
        int64_t *seen = NEW_ARRAY(c->scratch, a->batch, int64_t);
        for (int64_t b = 0; b < a->batch; b++)
            seen[b] = a->seen[b] < last ? a->seen[b] : last;
        a->seen = seen;
    }
    TRY(attention_bias_steps(t, &fit, a->bias_step, err));
    if (t->dtype != DTYPE_BOOL) {
        a->bias = real_in(c, MASK);
        return 0;
    }
    int64_t n = tensor_count(t);
    const uint8_t *from = t->data;
    float *bias = NEW_ARRAY(c->scratch, n, float);
    for (int64_t i = 0; i < n; i++)
        bias[i] = from[i] ? 0 : -INFINITY;
    a->bias = bias;
    return 0;
}

int eval_attention(struct call *c, struct err *err)
{
    struct sizes s;
    TRY(read_sizes(c, &s, err));
    float *y = real_out(c, 0), *key = real_out(c, 1), *value = real_out(c, 2);
    struct attention a = {
        .batch = s.batch, .heads = s.heads, .kv_heads = s.kv_heads, .rows = s.rows,
        .keys = s.keys, .d = s.d, .dv = s.dv,
        .q = heads_of(&s, real_in(c, Q), s.heads, s.rows, s.d),
        .k = all_keys(c, &s, K, s.d, key),
        .v = all_keys(c, &s, V, s.dv, value),
        .scale = node_float(c->node, "scale", (float)(1 / sqrt((double)s.d))),
        .softcap = node_float(c->node, "softcap", 0),
        .causal = node_int(c->node, "is_causal", 0) != 0,
        .left = node_int(c->node, "left_window_size", -1),
        .right = node_int(c->node, "right_window_size", -1),
        .scores = real_out(c, 3),
        .stage = (enum k_scores)node_int(c->node, "qk_matmul_output_mode", 0),
    };
    if (!y)
        y = NEW_ARRAY(c->scratch, s.batch * s.heads * s.rows * s.dv, float);
    a.y = heads_of(&s, y, s.heads, s.rows, s.dv);
    TRY(read_positions(c, &s, &a, err));
    TRY(read_mask(c, &a, err));
    attention_run(&a, c->scratch);
    real_store(c, 0, y);
    real_store(c, 1, key);
    real_store(c, 2, value);
    real_store(c, 3, a.scores);
    return 0;
}

int infer_flex_attention(struct call *c, struct err *err)
{
    if (c->in[Q]->shape.rank == 3)
        return err_set(err, ERR_INPUT, "the inputs must be of rank 4");
    return infer_attention(c, err);
}

/* Modifiers are graphs that would be run amid the scores: see inline_attention.h. */
int eval_flex_attention(struct call *c, struct err *err)
{
    if (node_attr(c->node, "score_mod") || node_attr(c->node, "prob_mod"))
        return err_set(err, ERR_INPUT, "attributes score_mod and prob_mod are not supported before "
                                       "pass inline-functions");
    return eval_attention(c, err);
}
