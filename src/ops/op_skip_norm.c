/* SPDX-License-Identifier: Apache-2.0
 *
 * op_skip_norm: normalizations of sums, as ONNX Runtime's optimizer joins them: of a residual
 * (SkipLayerNormalization, SkipSimplifiedLayerNormalization) and of embeddings
 * (EmbedLayerNormalization). All are over the last axis.
 */
#include "ops.h"

#include "k_binary.h"
#include "k_norm.h"
#include "real.h"

#include <inttypes.h>
#include <math.h>

struct norm {
    bool simplified; /* no mean, no beta */
    double epsilon;
    const float *gamma, *beta; /* beta NULL: none */
    float *mean, *factor;      /* one a row; NULL: not wanted */
};

static void norm_rows(const struct norm *norm, const float *x, float *y, int64_t rows, int64_t n)
{
    double mean = 0, variance;
    for (int64_t r = 0; r < rows && n; r++, x += n, y += n) {
        if (norm->simplified)
            variance = k_mean_square_f32(x, n);
        else
            k_moments_f32(x, n, &mean, &variance);
        float factor = (float)(1 / sqrt(variance + norm->epsilon));
        k_normalize_f32(x, y, n, (float)mean, factor, norm->gamma, 1, norm->beta,
                        norm->beta != NULL);
        if (norm->mean)
            norm->mean[r] = (float)mean;
        if (norm->factor)
            norm->factor[r] = factor;
    }
}

/* Inputs `from` to `to` - 1 are vectors that fit a row of n elements. */
static int check_vectors(const struct call *c, int from, int to, int64_t n, struct err *err)
{
    for (int i = from; i < to; i++) {
        const struct tensor *t = call_in(c, i);
        if (!t || t->shape.rank < 0)
            continue;
        if (t->shape.rank != 1 || (n >= 0 && t->shape.dim[0] >= 0 && t->shape.dim[0] != n))
            return err_set(err, ERR_INPUT, "input %d must be a vector of %" PRId64 " elements", i,
                           n);
    }
    return 0;
}

static bool is_simplified(const struct call *c)
{
    return c->node->op == OP_SkipSimplifiedLayerNormalization;
}

enum { X, SKIP, GAMMA, BETA };

int infer_skip_norm(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[X]->shape, *skip = &c->in[SKIP]->shape;
    struct shape sum = *x, row = *x;
    for (int i = 0; i < c->n_in; i++) {
        TRY(real_check(c, i, err));
        TRY(call_same_dtype(c, X, i, err));
    }
    if (x->rank >= 0) {
        if (x->rank < 1 || skip->rank > x->rank)
            return err_set(err, ERR_INPUT, "input and skip do not fit");
        TRY(shape_broadcast(&sum, skip, err));
        for (int i = 0; sum.rank == x->rank && i < x->rank; i++)
            if (x->dim[i] >= 0 && sum.dim[i] >= 0 && sum.dim[i] != x->dim[i])
                return err_set(err, ERR_INPUT, "skip does not repeat to the input");
        TRY(check_vectors(c, GAMMA, c->n_in, x->dim[x->rank - 1], err));
        row.dim[row.rank - 1] = 1;
    }
    call_set(c, 0, c->in[X]->dtype, x);
    call_set(c, 1, DTYPE_F32, &row);
    call_set(c, 2, DTYPE_F32, &row);
    call_set(c, 3, c->in[X]->dtype, x);
    return 0;
}

/* input + skip + bias; skip repeats over leading axes. */
static int add_skip(const struct call *c, const float *bias, float *sum, int64_t n,
                    struct err *err)
{
    const struct tensor *skip = c->in[SKIP];
    int64_t count = tensor_count(c->in[X]), period = tensor_count(skip);
    const float *x = real_in(c, X), *s = real_in(c, SKIP);
    int inner = skip->shape.rank;
    while (inner > 0 && skip->shape.dim[skip->shape.rank - inner] == 1)
        inner--;
    for (int i = 1; i <= inner; i++)
        if (skip->shape.dim[skip->shape.rank - i]
            != c->in[X]->shape.dim[c->in[X]->shape.rank - i])
            return err_set(err, ERR_INPUT, "skip may repeat only over leading axes");
    for (int64_t i = 0; i < count; i += period)
        k_binary_f32(K_ADD, x + i, 1, s, 1, sum + i, period);
    for (int64_t i = 0; i < count && bias; i += n)
        k_binary_f32(K_ADD, sum + i, 1, bias, 1, sum + i, n);
    return 0;
}

int eval_skip_norm(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[X]->shape;
    int64_t n = x->dim[x->rank - 1], rows = shape_span(x, 0, x->rank - 1);
    struct norm norm = {
        .simplified = is_simplified(c),
        .epsilon = (double)node_float(c->node, "epsilon", 1e-12f),
        .gamma = real_in(c, GAMMA),
        .beta = is_simplified(c) ? NULL : real_in(c, BETA),
        .mean = real_out(c, 1),
        .factor = real_out(c, 2),
    };
    float *y = real_out(c, 0), *sum = real_out(c, 3);
    if (tensor_count(c->in[X]) == 0)
        return 0;
    if (!y)
        y = NEW_ARRAY(c->scratch, rows * n, float);
    if (!sum)
        sum = y;
    TRY(add_skip(c, real_in(c, is_simplified(c) ? BETA : BETA + 1), sum, n, err));
    norm_rows(&norm, sum, y, rows, n);
    real_store(c, 0, y);
    if (sum != y)
        real_store(c, 3, sum);
    return 0;
}

enum { WORDS, SEGMENTS, WORD_TABLE, PLACE_TABLE, SEGMENT_TABLE, EMBED_GAMMA, EMBED_BETA, MASK,
       PLACES };

int infer_embed_norm(struct call *c, struct err *err)
{
    static const int needed[] = {WORD_TABLE, PLACE_TABLE, EMBED_GAMMA, EMBED_BETA};
    for (int i = 0; i < 4; i++)
        if (!call_in(c, needed[i]))
            return err_set(err, ERR_INPUT, "input %d is left out", needed[i]);
    const struct shape *ids = &c->in[WORDS]->shape, *table = &c->in[WORD_TABLE]->shape;
    struct shape y = shape_of_rank(3);
    for (int i = 0; i < c->n_in; i++) {
        bool real = i >= WORD_TABLE && i <= EMBED_BETA;
        enum dtype t = c->in[i] ? c->in[i]->dtype : DTYPE_NONE;
        if (t && (real ? !dtype_info(t)->is_float : t != DTYPE_I32 && t != DTYPE_I64))
            return err_set(err, ERR_INPUT, "input %d: type %s is not supported", i,
                           dtype_info(t)->name);
    }
    if ((ids->rank >= 0 && ids->rank != 2) || (table->rank >= 0 && table->rank != 2))
        return err_set(err, ERR_INPUT, "input_ids and word_embedding must be of rank 2");
    if (!call_in(c, SEGMENTS) != !call_in(c, SEGMENT_TABLE))
        return err_set(err, ERR_INPUT, "segment_ids and segment_embedding go together");
    for (int i = 0; ids->rank == 2 && i < 2; i++)
        y.dim[i] = ids->dim[i];
    if (table->rank == 2)
        y.dim[2] = table->dim[1];
    TRY(check_vectors(c, EMBED_GAMMA, EMBED_BETA + 1, y.dim[2], err));
    struct shape batch = {1, {y.dim[0]}};
    call_set(c, 0, c->in[WORD_TABLE]->dtype, &y);
    call_set(c, 1, DTYPE_I32, &batch);
    call_set(c, 2, c->in[WORD_TABLE]->dtype, &y);
    return 0;
}

/* One of the three tables, looked up for each position. */
struct lookup {
    const float *table;
    int64_t rows;
    const struct tensor *ids; /* NULL: 0, 1, 2 ... within each sample */
};

static int look_up(const struct call *c, int table, int ids, int64_t n, struct lookup *l,
                   struct err *err)
{
    const struct tensor *t = call_in(c, table), *i = call_in(c, ids);
    const struct shape *words = &c->in[WORDS]->shape;
    *l = (struct lookup){.table = real_in(c, table), .ids = i};
    if (!t)
        return 0;
    if (t->shape.rank != 2 || t->shape.dim[1] != n)
        return err_set(err, ERR_INPUT, "input %d does not fit word_embedding", table);
    l->rows = t->shape.dim[0];
    if (i && (i->shape.rank != 2 || i->shape.dim[1] != words->dim[1]
              || (i->shape.dim[0] != words->dim[0] && i->shape.dim[0] != 1)))
        return err_set(err, ERR_INPUT, "input %d does not fit input_ids", ids);
    return 0;
}

/* The row for position i of `length` a sample. */
static int add_row(const struct lookup *l, int64_t i, int64_t length, int64_t n, float *sum,
                   struct err *err)
{
    int64_t at = l->ids ? tensor_get_int(l->ids, i % tensor_count(l->ids)) : i % length;
    if (!l->table)
        return 0;
    if (at < 0 || at >= l->rows)
        return err_set(err, ERR_INPUT, "id %" PRId64 " is not in a table of %" PRId64 " rows", at,
                       l->rows);
    k_binary_f32(K_ADD, sum, 1, l->table + at * n, 1, sum, n);
    return 0;
}

/* How many words of each sample the mask keeps. */
static void count_words(const struct call *c)
{
    const struct tensor *mask = call_in(c, MASK);
    struct tensor *index = call_out(c, 1);
    if (!index)
        return;
    int64_t batch = c->in[WORDS]->shape.dim[0], length = c->in[WORDS]->shape.dim[1];
    for (int64_t b = 0; b < batch; b++) {
        int64_t n = 0;
        for (int64_t i = 0; mask && i < length; i++)
            n += tensor_get_int(mask, b * length + i) == 1;
        dtype_store_int(index->dtype, index->data, b, n);
    }
}

int eval_embed_norm(struct call *c, struct err *err)
{
    const struct shape *ids = &c->in[WORDS]->shape, *table = &c->in[WORD_TABLE]->shape;
    int64_t rows = shape_count(ids), length = ids->dim[1], n = table->dim[1];
    struct lookup l[3];
    struct norm norm = {.epsilon = (double)node_float(c->node, "epsilon", 1e-12f),
                        .gamma = real_in(c, EMBED_GAMMA), .beta = real_in(c, EMBED_BETA)};
    float *y = real_out(c, 0), *sum = real_out(c, 2);
    if (call_in(c, MASK) && !shape_equal(&c->in[MASK]->shape, ids))
        return err_set(err, ERR_INPUT, "the mask does not fit input_ids");
    TRY(look_up(c, WORD_TABLE, WORDS, n, &l[0], err));
    TRY(look_up(c, PLACE_TABLE, PLACES, n, &l[1], err));
    TRY(look_up(c, SEGMENT_TABLE, SEGMENTS, n, &l[2], err));
    if (!y)
        y = NEW_ARRAY(c->scratch, rows * n, float);
    if (!sum)
        sum = y;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t k = 0; k < n; k++)
            sum[i * n + k] = 0;
        for (int k = 0; k < 3; k++)
            TRY(add_row(&l[k], i, length, n, sum + i * n, err));
    }
    norm_rows(&norm, sum, y, rows, n);
    count_words(c);
    real_store(c, 0, y);
    if (sum != y)
        real_store(c, 2, sum);
    return 0;
}
