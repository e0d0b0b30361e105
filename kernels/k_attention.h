/* SPDX-License-Identifier: Apache-2.0
 *
 * k_attention: scaled dot product attention of one head of one sample,
 *
 *     y = softmax(cap(scale * q k') + bias) v,   cap(s) = softcap * tanh(s / softcap)
 *
 * in blocks of query rows, so that the scores of a block are all that is kept. A row whose keys are
 * all hidden, by the window or by a bias of -infinity, gives zeros.
 */
#ifndef K_ATTENTION_H
#define K_ATTENTION_H

#include <stddef.h>
#include <stdint.h>

enum k_scores { /* what `scores` receives */
    K_SCORES_RAW,
    K_SCORES_CAPPED,
    K_SCORES_BIASED, /* -infinity where a key is hidden */
    K_SCORES_SOFTMAX,
};

#define K_FAR (INT64_MAX / 4) /* as a limit of the window: none */

struct k_attention {
    int64_t rows, keys;           /* of q; of k and v */
    int64_t d, dv;                /* elements in a row of q and k; of v and y */
    int64_t q_step, k_step, v_step, y_step; /* from row to row */
    float scale, softcap;         /* softcap 0: none */
    const float *bias;            /* NULL: none */
    int64_t bias_row, bias_key;   /* steps; 0 repeats */
    int64_t from, to;             /* row i sees key j where i + from <= j < i + to ... */
    int64_t seen;                 /* ... and j < seen <= keys */
    const float *sink;            /* one more score, of a key whose v is zero; NULL: none */
    float *scores;                /* [rows][keys]; NULL: not wanted */
    enum k_scores stage;
};

/* Elements of scratch. */
size_t k_attention_scratch(const struct k_attention *a);
void k_attention(const struct k_attention *a, const float *q, const float *k, const float *v,
                 float *y, float *scratch);

#endif
