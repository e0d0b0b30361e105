/* SPDX-License-Identifier: Apache-2.0
 *
 * k_attention: of each block only the keys that some row of it sees are multiplied, so a causal
 * mask saves half of the work. Keys are turned once, since products with a turned matrix are slow
 * where rows are short; and the result is divided by the sums of weights, not the weights, which
 * are more.
 */
#include "k_attention.h"

#include "k_gemm.h"
#include "k_simd.h"
#include "k_softmax.h"
#include "k_unary.h"

#include <math.h>
#include <string.h>

/* A block's scores fit a processor's second cache, but give the product enough rows. */
enum { BLOCK_SCORES = 1 << 17, MIN_ROWS = 16, MAX_ROWS = 256, LINE = 16 };

struct block { /* rows first .. first + n - 1, keys from .. to - 1 */
    int64_t first, n, from, to;
    int64_t step; /* from row to row of scores; room for the sink */
};

static int64_t block_rows(const struct k_attention *a)
{
    int64_t n = BLOCK_SCORES / (a->keys + 1);
    n = n < MIN_ROWS ? MIN_ROWS : n > MAX_ROWS ? MAX_ROWS : n;
    return n < a->rows ? n : a->rows;
}

/* Elements from row to row of scores of n keys: room for the sink, and whole cache lines. */
static int64_t score_step(int64_t n)
{
    return (n + LINE) / LINE * LINE;
}

/* Few rows do not pay for it. */
static bool turns_keys(const struct k_attention *a)
{
    return a->rows >= MIN_ROWS;
}

size_t k_attention_scratch(const struct k_attention *a)
{
    int64_t turned = turns_keys(a) ? a->d * a->keys : 0;
    return (size_t)(block_rows(a) * (score_step(a->keys) + 1) + turned);
}

static int64_t limited(int64_t at, int64_t most)
{
    return at < 0 ? 0 : at > most ? most : at;
}

/* The keys that row i sees, from .. to - 1. */
static void row_window(const struct k_attention *a, int64_t i, int64_t *from, int64_t *to)
{
    *to = limited(i + a->to, a->seen);
    *from = limited(i + a->from, *to);
}

K_CLONES static void add_row(float *s, const float *bias, int64_t step, int64_t n)
{
    if (step == 1)
        for (int64_t j = 0; j < n; j++)
            s[j] += bias[j];
    else
        for (int64_t j = 0; j < n; j++)
            s[j] += bias[j * step];
}

static bool all_hidden(const float *s, int64_t n)
{
    for (int64_t j = 0; j < n; j++)
        if (s[j] != -INFINITY)
            return false;
    return true;
}

static void keep_scores(const struct k_attention *a, const struct block *b, const float *s,
                        enum k_scores stage)
{
    for (int64_t i = 0; a->scores && a->stage == stage && i < b->n; i++)
        memcpy(a->scores + (b->first + i) * a->keys, s + i * b->step,
               (size_t)a->keys * sizeof *s);
}

static void hide(float *s, int64_t from, int64_t to, float with)
{
    for (int64_t j = from; j < to; j++)
        s[j] = with;
}

/* From biased scores to weights of the keys, which are still to be multiplied with what is
 * returned; s[0] belongs to key b->from. */
static float weigh_row(const struct k_attention *a, const struct block *b, int64_t i, float *s)
{
    float factor = 1;
    int64_t from, to, n = b->to - b->from;
    row_window(a, i, &from, &to);
    from = limited(from - b->from, n);
    to = limited(to - b->from, n);
    if (a->sink)
        s[to] = *a->sink;
    int64_t terms = to - from + (a->sink != NULL);
    if (terms && !all_hidden(s + from, terms))
        factor = k_softmax_terms_f32(s + from, s + from, terms);
    else
        hide(s, from, to, 0);
    hide(s, 0, from, 0);
    hide(s, to, n, 0);
    return factor;
}

K_CLONES static void scale_row(float *x, int64_t n, float factor)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= factor;
}

static void bias_rows(const struct k_attention *a, const struct block *b, float *scores)
{
    for (int64_t i = 0; i < b->n && a->bias; i++)
        add_row(scores + i * b->step,
                a->bias + (b->first + i) * a->bias_row + b->from * a->bias_key, a->bias_key,
                b->to - b->from);
    if (!a->scores || a->stage != K_SCORES_BIASED)
        return;
    for (int64_t i = 0; i < b->n; i++) {
        int64_t from, to;
        row_window(a, b->first + i, &from, &to);
        hide(scores + i * b->step, 0, from, -INFINITY);
        hide(scores + i * b->step, to, a->keys, -INFINITY);
    }
}

/* k[keys][d] as turned[d][keys]. */
static void turn_keys(const struct k_attention *a, const float *k, float *turned)
{
    for (int64_t j0 = 0; j0 < a->keys; j0 += LINE) {
        int64_t j1 = j0 + LINE < a->keys ? j0 + LINE : a->keys;
        for (int64_t c = 0; c < a->d; c++)
            for (int64_t j = j0; j < j1; j++)
                turned[c * a->keys + j] = k[j * a->k_step + c];
    }
}

/* Weights of the keys, and what each row of them is still to be multiplied with. k is turned where
 * turns_keys() says so. */
static void block_scores(const struct k_attention *a, const struct block *b, const float *q,
                         const float *k, float *scores, float *factor)
{
    int64_t n = b->to - b->from;
    struct gemm g = {.m = b->n, .n = n, .k = a->d, .tb = !turns_keys(a), .lda = a->q_step,
                     .ldb = a->k_step, .ldc = b->step, .alpha = a->scale};
    if (turns_keys(a))
        g.ldb = a->keys;
    k_gemm_f32(&g, q + b->first * a->q_step,
               k + b->from * (turns_keys(a) ? 1 : a->k_step), scores);
    keep_scores(a, b, scores, K_SCORES_RAW);
    if (a->softcap > 0)
        for (int64_t i = 0; i < b->n; i++) {
            float *s = scores + i * b->step;
            k_unary_f32(K_SCALE, s, s, n, 1 / a->softcap, 0);
            k_unary_f32(K_TANH, s, s, n, 0, 0);
            k_unary_f32(K_SCALE, s, s, n, a->softcap, 0);
        }
    keep_scores(a, b, scores, K_SCORES_CAPPED);
    bias_rows(a, b, scores);
    keep_scores(a, b, scores, K_SCORES_BIASED);
    for (int64_t i = 0; i < b->n; i++)
        factor[i] = weigh_row(a, b, b->first + i, scores + i * b->step);
    if (!a->scores || a->stage != K_SCORES_SOFTMAX)
        return;
    for (int64_t i = 0; i < b->n; i++) {
        scale_row(scores + i * b->step, n, factor[i]);
        factor[i] = 1;
    }
    keep_scores(a, b, scores, K_SCORES_SOFTMAX);
}

/* Both ends of the window move with the row. */
static void block_window(const struct k_attention *a, struct block *b)
{
    int64_t unused;
    if (a->scores) {
        b->from = 0;
        b->to = a->keys;
    } else {
        row_window(a, b->first, &b->from, &unused);
        row_window(a, b->first + b->n - 1, &unused, &b->to);
    }
    b->from = b->from < b->to ? b->from : b->to;
    b->step = score_step(b->to - b->from);
}

void k_attention(const struct k_attention *a, const float *q, const float *k, const float *v,
                 float *y, float *scratch)
{
    int64_t most = block_rows(a);
    float *scores = scratch, *factor = scores + most * score_step(a->keys), *turned = factor + most;
    struct block b = {0};
    if (turns_keys(a)) {
        turn_keys(a, k, turned);
        k = turned;
    }
    for (; b.first < a->rows; b.first += most) {
        b.n = a->rows - b.first < most ? a->rows - b.first : most;
        block_window(a, &b);
        block_scores(a, &b, q, k, scores, factor);
        struct gemm g = {.m = b.n, .n = a->dv, .k = b.to - b.from, .lda = b.step,
                         .ldb = a->v_step, .ldc = a->y_step, .alpha = 1};
        k_gemm_f32(&g, scores, v + b.from * a->v_step, y + b.first * a->y_step);
        for (int64_t i = 0; i < b.n; i++)
            scale_row(y + (b.first + i) * a->y_step, a->dv, factor[i]);
    }
}
