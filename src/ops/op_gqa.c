/* SPDX-License-Identifier: Apache-2.0
 *
 * op_gqa: GroupQueryAttention of ONNX Runtime. Each sample has its own count of keys, seqlens_k + 1
 * (what is new included), in a cache with room for more. Unused rows of the new cache are zeros.
 */
#include "ops.h"

#include "attention.h"
#include "k_rotary.h"
#include "real.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { Q, K, V, PAST_KEY, PAST_VALUE, LENGTHS, TOTAL, COS, SIN, POSITIONS, BIAS, SINK };

struct sizes { /* -1: not known */
    bool packed; /* Q, K and V side by side in input 0 */
    int64_t batch, heads, kv_heads, rows, d;
    int64_t past, total, room; /* rows of the old cache; the largest count; rows of the new cache */
};

static int check_attributes(const struct call *c, struct err *err)
{
    static const char *const refused[] = {"qk_output", "sliding_window_cache",
                                          "kv_cache_bit_width"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (node_int(c->node, refused[i], 0))
            return err_set(err, ERR_INPUT, "attribute %s is not supported", refused[i]);
    if (!node_string_is(c->node, "k_quant_type", "NONE", "NONE")
        || !node_string_is(c->node, "v_quant_type", "NONE", "NONE"))
        return err_set(err, ERR_INPUT, "quantized caches are not supported");
    for (int i = SINK + 1; i < c->n_in; i++)
        if (c->in[i])
            return err_set(err, ERR_INPUT, "input %d is not supported", i);
    for (int i = LENGTHS; i <= TOTAL; i++) {
        const struct tensor *t = call_in(c, i);
        if (!t || (t->dtype && t->dtype != DTYPE_I32))
            return err_set(err, ERR_INPUT, "input %d must be there, and int32", i);
    }
    if (call_out(c, 3))
        return err_set(err, ERR_INPUT, "output 3 is not supported");
    return 0;
}

static int read_total(const struct call *c, struct sizes *s, struct err *err)
{
    const struct tensor *t = call_in(c, TOTAL);
    s->total = -1;
    if (t->data && tensor_count(t) != 1)
        return err_set(err, ERR_INPUT, "total_sequence_length must have one element");
    if (t->data)
        s->total = tensor_get_int(t, 0);
    if (t->data && s->total < 1)
        return err_set(err, ERR_INPUT, "total_sequence_length is %" PRId64, s->total);
    s->room = s->total < 0 || s->past < 0 ? -1 : s->total > s->past ? s->total : s->past;
    return 0;
}

static int read_past(const struct call *c, struct sizes *s, struct err *err)
{
    s->past = 0;
    if (!call_in(c, PAST_KEY) != !call_in(c, PAST_VALUE))
        return err_set(err, ERR_INPUT, "past_key and past_value must be given together");
    for (int i = PAST_KEY; i <= PAST_VALUE && call_in(c, i); i++) {
        const struct shape *x = &c->in[i]->shape;
        if (i == PAST_KEY)
            s->past = -1;
        if (x->rank < 0)
            continue;
        if (x->rank != 4)
            return err_set(err, ERR_INPUT, "input %d must be of rank 4", i);
        TRY(dim_agree(&s->batch, x->dim[0], i, "the batch", err));
        TRY(dim_agree(&s->kv_heads, x->dim[1], i, "the number of heads", err));
        TRY(dim_agree(&s->past, x->dim[2], i, "the length", err));
        TRY(dim_agree(&s->d, x->dim[3], i, "the size of a head", err));
    }
    return 0;
}

static int read_sizes(const struct call *c, struct sizes *s, struct err *err)
{
    *s = (struct sizes){.packed = !call_in(c, K), .heads = node_int(c->node, "num_heads", 0),
                        .kv_heads = node_int(c->node, "kv_num_heads", 0), .batch = -1, .rows = -1,
                        .d = -1};
    if (s->heads < 1 || s->kv_heads < 1 || s->heads % s->kv_heads)
        return err_set(err, ERR_INPUT, "num_heads must be a multiple of kv_num_heads");
    if (s->packed != !call_in(c, V))
        return err_set(err, ERR_INPUT, "key and value must be given together");
    for (int i = Q; i <= V; i++) {
        const struct shape *x = call_in(c, i) ? &c->in[i]->shape : NULL;
        int64_t n = i == Q ? s->heads : s->kv_heads, size;
        if (!x || x->rank < 0)
            continue;
        if (x->rank != 3)
            return err_set(err, ERR_INPUT, "input %d must be of rank 3", i);
        TRY(dim_agree(&s->batch, x->dim[0], i, "the batch", err));
        TRY(dim_agree(&s->rows, x->dim[1], i, "the length", err));
        TRY(dim_share(x->dim[2], s->packed ? n + 2 * s->kv_heads : n, i, &size, err));
        TRY(dim_agree(&s->d, size, i, "the size of a head", err));
    }
    TRY(read_past(c, s, err));
    return read_total(c, s, err);
}

int infer_gqa(struct call *c, struct err *err)
{
    static const int floats[] = {Q, K, V, PAST_KEY, PAST_VALUE, COS, SIN, BIAS, SINK};
    struct sizes s;
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
        TRY(real_check(c, floats[i], err));
        TRY(call_same_dtype(c, Q, floats[i], err));
    }
    TRY(check_attributes(c, err));
    TRY(read_sizes(c, &s, err));
    struct shape y = {3, {s.batch, s.rows, s.d < 0 ? -1 : s.heads * s.d}};
    struct shape cache = {4, {s.batch, s.kv_heads, s.room, s.d}};
    call_set(c, 0, c->in[Q]->dtype, &y);
    call_set(c, 1, c->in[Q]->dtype, &cache);
    call_set(c, 2, c->in[Q]->dtype, &cache);
    return 0;
}

/* How many keys each sample has in all, and how many of them are old. */
static int read_lengths(const struct call *c, const struct sizes *s, int64_t *seen, int64_t *old,
                        struct err *err)
{
    const struct tensor *t = call_in(c, LENGTHS);
    bool first = s->rows == s->total; /* a prompt; shorter samples are padded behind */
    if (tensor_count(t) != s->batch)
        return err_set(err, ERR_INPUT, "seqlens_k must have one element a sample");
    for (int64_t b = 0; b < s->batch; b++) {
        seen[b] = tensor_get_int(t, b) + 1;
        old[b] = first ? 0 : seen[b] - s->rows;
        if (seen[b] < 1 || seen[b] > s->total || old[b] < 0 || old[b] > s->past
            || old[b] + s->rows > s->room)
            return err_set(err, ERR_INPUT, "seqlens_k is %" PRId64 " for a cache of %" PRId64,
                           seen[b] - 1, s->room);
    }
    return 0;
}

/* The cache with what is new behind what is old. */
static struct heads fill_cache(const struct call *c, const struct sizes *s, const float *past,
                               const struct heads *added, const int64_t *old, float *present)
{
    int64_t n = s->batch * s->kv_heads * s->room * s->d;
    if (!present)
        present = NEW_ARRAY(c->scratch, n + 1, float);
    struct heads all = heads_first(present, s->kv_heads, s->room, s->d);
    struct heads from = heads_first(past, s->kv_heads, s->past, s->d);
    memset(present, 0, (size_t)n * sizeof *present);
    for (int64_t b = 0; b < s->batch; b++)
        for (int64_t h = 0; h < s->kv_heads; h++) {
            if (past && old[b])
                memcpy(heads_row(&all, b, h, 0), heads_row(&from, b, h, 0),
                       (size_t)(old[b] * s->d) * sizeof *present);
            for (int64_t i = 0; i < s->rows; i++)
                memcpy(heads_row(&all, b, h, old[b] + i), heads_row(added, b, h, i),
                       (size_t)s->d * sizeof *present);
        }
    return all;
}

/* Where row i of a sample stands in the caches of angles. Of given positions only the first counts
 * where there is more than one row; padding stands at 1. */
static int64_t position(const struct call *c, const struct sizes *s, const int64_t *seen,
                        const int64_t *old, int64_t b, int64_t i)
{
    const struct tensor *given = call_in(c, POSITIONS);
    if (given)
        return s->rows == 1 ? tensor_get_int(given, b) : tensor_get_int(given, 0) + i;
    return old[b] + i < seen[b] ? old[b] + i : 1;
}

/* A copy of heads that is turned by position. */
static int turn(const struct call *c, const struct sizes *s, struct heads *x, int64_t heads,
                const int64_t *seen, const int64_t *old, struct err *err)
{
    const struct tensor *cos = call_in(c, COS), *sin = call_in(c, SIN);
    bool interleaved = node_int(c->node, "rotary_interleaved", 0) != 0;
    if (!cos || !sin || cos->shape.rank != 2 || !shape_equal(&cos->shape, &sin->shape)
        || 2 * cos->shape.dim[1] > s->d)
        return err_set(err, ERR_INPUT, "do_rotary needs cos_cache and sin_cache that fit");
    if (call_in(c, POSITIONS) && tensor_count(c->in[POSITIONS]) < (s->rows == 1 ? s->batch : 1))
        return err_set(err, ERR_INPUT, "position_ids is too short");
    int64_t half = cos->shape.dim[1];
    const float *cosines = real_in(c, COS), *sines = real_in(c, SIN);
    float *to = NEW_ARRAY(c->scratch, s->batch * heads * s->rows * s->d + 1, float);
    struct heads y = heads_first(to, heads, s->rows, s->d);
    for (int64_t b = 0; b < s->batch; b++)
        for (int64_t i = 0; i < s->rows; i++) {
            int64_t at = position(c, s, seen, old, b, i);
            if (at < 0 || at >= cos->shape.dim[0])
                return err_set(err, ERR_INPUT, "position %" PRId64 " is not in cos_cache", at);
            for (int64_t h = 0; h < heads; h++)
                k_rotary_f32(heads_row(x, b, h, i), heads_row(&y, b, h, i), s->d, half,
                             cosines + at * half, sines + at * half, interleaved);
        }
    *x = y;
    return 0;
}

/* Input `slot`, or its part of packed rows, which begins at head `first`. */
static struct heads heads_of(const struct call *c, const struct sizes *s, int slot, int64_t first)
{
    int64_t all = s->heads + 2 * s->kv_heads;
    if (!s->packed)
        return heads_inside(real_in(c, slot), s->rows, slot == Q ? s->heads : s->kv_heads, s->d);
    struct heads x = heads_inside(real_in(c, Q), s->rows, all, s->d);
    x.at += first * s->d;
    return x;
}

/* One more score for each head: head_sink, or 0 for smooth_softmax. */
static int read_sink(const struct call *c, struct attention *a, struct err *err)
{
    a->sink = real_in(c, SINK);
    if (a->sink && tensor_count(c->in[SINK]) != a->heads)
        return err_set(err, ERR_INPUT, "head_sink must have one element a head");
    if (!a->sink && node_int(c->node, "smooth_softmax", 0) == 1) {
        float *zero = NEW_ARRAY(c->scratch, a->heads, float);
        memset(zero, 0, (size_t)a->heads * sizeof *zero);
        a->sink = zero;
    }
    return 0;
}

int eval_gqa(struct call *c, struct err *err)
{
    struct sizes s;
    TRY(read_sizes(c, &s, err));
    int64_t *seen = NEW_ARRAY(c->scratch, s.batch + 1, int64_t);
    int64_t *old = NEW_ARRAY(c->scratch, s.batch + 1, int64_t);
    int64_t window = node_int(c->node, "local_window_size", -1);
    float *y = real_out(c, 0), *key = real_out(c, 1), *value = real_out(c, 2);
    float scale = node_float(c->node, "scale", 0);
    struct heads k = heads_of(c, &s, K, s.heads), v = heads_of(c, &s, V, s.heads + s.kv_heads);
    TRY(read_lengths(c, &s, seen, old, err));
    if (!y)
        y = NEW_ARRAY(c->scratch, s.batch * s.rows * s.heads * s.d, float);
    struct attention a = {
        .batch = s.batch, .heads = s.heads, .kv_heads = s.kv_heads, .rows = s.rows,
        .keys = s.total, .d = s.d, .dv = s.d, .q = heads_of(c, &s, Q, 0),
        .scale = scale != 0 ? scale : (float)(1 / sqrt((double)s.d)),
        .softcap = node_float(c->node, "softcap", 0),
        .causal = node_int(c->node, "causal", 1) != 0,
        .left = window > 0 ? window - 1 : -1, .right = -1, .position = old, .seen = seen,
        .y = heads_inside(y, s.rows, s.heads, s.d),
    };
    if (node_int(c->node, "do_rotary", 0)) {
        TRY(turn(c, &s, &a.q, s.heads, seen, old, err));
        TRY(turn(c, &s, &k, s.kv_heads, seen, old, err));
    }
    a.k = fill_cache(c, &s, real_in(c, PAST_KEY), &k, old, key);
    a.v = fill_cache(c, &s, real_in(c, PAST_VALUE), &v, old, value);
    a.bias = real_in(c, BIAS);
    if (a.bias)
        TRY(attention_bias_steps(c->in[BIAS], &a, a.bias_step, err));
    TRY(read_sink(c, &a, err));
    attention_run(&a, c->scratch);
    real_store(c, 0, y);
    real_store(c, 1, key);
    real_store(c, 2, value);
    return 0;
}
