/* SPDX-License-Identifier: Apache-2.0
 *
 * attention: what the attention operators of all domains share: heads in whatever order their data
 * lies, caches of keys and values, and the loop over samples and heads.
 */
#ifndef ATTENTION_H
#define ATTENTION_H

#include "k_attention.h"
#include "op.h"

/* x[batch][head][row][size] somewhere in a tensor. */
struct heads {
    float *at;                /* never written where it is an input */
    int64_t batch, head, row; /* steps in elements; the last axis is dense */
};
/* [batch][head][row][size], and [batch][row][head][size]. */
struct heads heads_first(const float *at, int64_t heads, int64_t rows, int64_t size);
struct heads heads_inside(const float *at, int64_t rows, int64_t heads, int64_t size);
static inline float *heads_row(const struct heads *h, int64_t batch, int64_t head, int64_t row)
{
    return h->at + batch * h->batch + head * h->head + row * h->row;
}

struct head_sizes {
    int64_t batch, heads, rows, size;
};
/* Rows of x become rows at, at + 1 ... of y. */
void heads_copy(const struct heads *x, const struct heads *y, const struct head_sizes *n,
                int64_t at);
/* All keys or values: those that are added, of sizes n, behind the `n_past` rows of a cache (NULL:
 * none) in the order of heads_first(). They are in `present` where that is wanted, and may stay
 * where they are where there is no cache. */
struct heads heads_join(struct arena *scratch, const float *past, int64_t n_past,
                        const struct heads *added, const struct head_sizes *n, float *present);

struct attention {
    int64_t batch, heads, kv_heads; /* heads is a multiple of kv_heads */
    int64_t rows, keys, d, dv;
    struct heads q, k, v, y;
    float scale, softcap;
    const float *bias;         /* NULL: none; steps along [batch][head][row][key] */
    int64_t bias_step[4];
    bool causal;
    int64_t left, right;       /* keys that a row sees besides its own position; -1: all */
    const int64_t *position;   /* of row 0 among the keys, one a sample; NULL: 0 */
    const int64_t *seen;       /* keys that count, one a sample; NULL: all */
    const float *sink;         /* one a head; NULL: none */
    float *scores;             /* [batch][head][row][key]; NULL: not wanted */
    enum k_scores stage;
};
void attention_run(const struct attention *a, struct arena *scratch);

/* Steps of a tensor that repeats over [batch][head][row][key]; -1 with a text where it does not. */
int attention_bias_steps(const struct tensor *t, const struct attention *a, int64_t step[4],
                         struct err *err);

/* sum = a + b where both are known; else -1. */
static inline int64_t dim_sum(int64_t a, int64_t b)
{
    return a < 0 || b < 0 ? -1 : a + b;
}
/* size = dim / parts. -1 with a text naming the input where it does not divide. */
int dim_share(int64_t dim, int64_t parts, int slot, int64_t *size, struct err *err);
/* Takes the other dim where *dim is unknown; -1 with a text where both are known and differ. */
int dim_agree(int64_t *dim, int64_t other, int slot, const char *what, struct err *err);

#endif
