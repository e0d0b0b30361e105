/* SPDX-License-Identifier: Apache-2.0
 *
 * attention: heads that lie apart are reached by steps, never gathered.
 */
#include "attention.h"

#include "ops.h"

#include <inttypes.h>
#include <string.h>

struct heads heads_first(const float *at, int64_t heads, int64_t rows, int64_t size)
{
    return (struct heads){(float *)at, heads * rows * size, rows * size, size};
}

struct heads heads_inside(const float *at, int64_t rows, int64_t heads, int64_t size)
{
    return (struct heads){(float *)at, rows * heads * size, size, heads * size};
}

void heads_copy(const struct heads *x, const struct heads *y, const struct head_sizes *n,
                int64_t at)
{
    for (int64_t b = 0; b < n->batch; b++)
        for (int64_t h = 0; h < n->heads; h++)
            for (int64_t i = 0; i < n->rows; i++)
                memcpy(heads_row(y, b, h, at + i), heads_row(x, b, h, i),
                       (size_t)n->size * sizeof(float));
}

struct heads heads_join(struct arena *scratch, const float *past, int64_t n_past,
                        const struct heads *added, const struct head_sizes *n, float *present)
{
    int64_t rows = n_past + n->rows;
    struct head_sizes before = *n;
    before.rows = n_past;
    if (!past && !present)
        return *added;
    if (!present)
        present = NEW_ARRAY(scratch, n->batch * n->heads * rows * n->size, float);
    struct heads all = heads_first(present, n->heads, rows, n->size);
    struct heads old = heads_first(past, n->heads, n_past, n->size);
    if (past)
        heads_copy(&old, &all, &before, 0);
    heads_copy(added, &all, n, n_past);
    return all;
}

/* The window of sample b, in rows of its own. */
static void set_window(const struct attention *a, int64_t b, struct k_attention *k)
{
    int64_t at = a->position ? a->position[b] : 0;
    k->from = a->left < 0 ? -K_FAR : at - a->left;
    k->to = a->right < 0 ? K_FAR : at + a->right + 1;
    if (a->causal && k->to > at + 1)
        k->to = at + 1;
    k->seen = a->seen ? a->seen[b] : a->keys;
}

void attention_run(const struct attention *a, struct arena *scratch)
{
    struct k_attention k = {
        .rows = a->rows, .keys = a->keys, .d = a->d, .dv = a->dv, .q_step = a->q.row,
        .k_step = a->k.row, .v_step = a->v.row, .y_step = a->y.row, .scale = a->scale,
        .softcap = a->softcap, .bias_row = a->bias_step[2], .bias_key = a->bias_step[3],
        .stage = a->stage,
    };
    int64_t group = a->kv_heads ? a->heads / a->kv_heads : 1;
    float *space = NEW_ARRAY(scratch, k_attention_scratch(&k), float);
    for (int64_t b = 0; b < a->batch; b++) {
        set_window(a, b, &k);
        for (int64_t h = 0; h < a->heads; h++) {
            if (a->bias)
                k.bias = a->bias + b * a->bias_step[0] + h * a->bias_step[1];
            k.sink = a->sink ? a->sink + h : NULL;
            if (a->scores)
                k.scores = a->scores + (b * a->heads + h) * a->rows * a->keys;
            k_attention(&k, heads_row(&a->q, b, h, 0), heads_row(&a->k, b, h / group, 0),
                        heads_row(&a->v, b, h / group, 0), heads_row(&a->y, b, h, 0), space);
        }
    }
}

int attention_bias_steps(const struct tensor *t, const struct attention *a, int64_t step[4],
                         struct err *err)
{
    const int64_t want[4] = {a->batch, a->heads, a->rows, a->keys};
    struct shape to = shape_of(4, want), s = to;
    char text[SHAPE_TEXT], other[SHAPE_TEXT];
    int64_t own[MAX_RANK];
    struct err ignored = {0};
    if (t->shape.rank > 4 || shape_broadcast(&s, &t->shape, &ignored) || !shape_equal(&s, &to))
        return err_set(err, ERR_INPUT, "a mask or bias of shape %s does not fit scores of shape %s",
                       shape_text(&t->shape, text), shape_text(&to, other));
    tensor_strides_in(t, &to, own);
    memcpy(step, own, 4 * sizeof *step);
    return 0;
}

int dim_share(int64_t dim, int64_t parts, int slot, int64_t *size, struct err *err)
{
    *size = -1;
    if (dim < 0 || parts < 0)
        return 0;
    if (parts == 0 || dim % parts)
        return err_set(err, ERR_INPUT,
                       "input %d has %" PRId64 " elements a row for %" PRId64 " heads", slot, dim,
                       parts);
    *size = dim / parts;
    return 0;
}

int dim_agree(int64_t *dim, int64_t other, int slot, const char *what, struct err *err)
{
    if (*dim < 0)
        *dim = other;
    else if (other >= 0 && *dim != other)
        return err_set(err, ERR_INPUT,
                       "input %d: %s is %" PRId64 ", elsewhere %" PRId64, slot, what, other, *dim);
    return 0;
}
