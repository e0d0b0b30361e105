/* SPDX-License-Identifier: Apache-2.0
 *
 * op_tfidf: TfIdfVectorizer of integers: how often each n-gram of a pool stands in a row. The items
 * of an n-gram may be up to max_skip_count items apart, all equally far; single items count once.
 *
 * The attribute weights belongs to the n-grams of the pool by ONNX's text, and to the coordinates
 * of the output in runtimes. Where that makes a difference the node is refused.
 */
#include "ops.h"

struct vectorizer {
    int64_t shortest, longest, skip;
    const int64_t *pool, *count, *index; /* count[n - 1]: where n-grams begin in the pool */
    size_t n_pool, n_count, n_index;
    const float *weight; /* NULL: none */
    bool once;           /* IDF: found or not */
    int64_t width;       /* of the output */
};

static int read_weights(const struct call *c, struct vectorizer *v, struct err *err)
{
    size_t n;
    bool plain = node_string_is(c->node, "mode", "", "TF");
    v->once = node_string_is(c->node, "mode", "", "IDF");
    if (!plain && !v->once && !node_string_is(c->node, "mode", "", "TFIDF"))
        return err_set(err, ERR_INPUT, "attribute mode must be TF, IDF or TFIDF");
    v->weight = plain ? NULL : node_floats(c->node, "weights", &n);
    if (!v->weight)
        return 0;
    if (n != v->n_index)
        return err_set(err, ERR_INPUT, "attribute weights must have as many elements as "
                                       "ngram_indexes");
    for (size_t i = 0; i < v->n_index; i++)
        if (v->index[i] != (int64_t)i)
            return err_set(err, ERR_INPUT, "attribute weights with ngram_indexes that are not in "
                                           "order is not supported");
    return 0;
}

/* The n-grams of each length fill their part of the pool, and each has an index. */
static int check_pool(const struct vectorizer *v, struct err *err)
{
    int64_t grams = 0;
    for (size_t i = 0; i < v->n_count; i++) {
        int64_t from = v->count[i];
        int64_t to = i + 1 < v->n_count ? v->count[i + 1] : (int64_t)v->n_pool;
        if (from < 0 || to < from || to > (int64_t)v->n_pool || (to - from) % ((int64_t)i + 1))
            return err_set(err, ERR_INPUT, "attribute ngram_counts does not fit the pool");
        grams += (to - from) / ((int64_t)i + 1);
    }
    if (grams != (int64_t)v->n_index || v->longest > (int64_t)v->n_count)
        return err_set(err, ERR_INPUT, "attributes ngram_counts and ngram_indexes do not fit the "
                                       "pool");
    return 0;
}

static int vectorizer_read(const struct call *c, struct vectorizer *v, struct err *err)
{
    const struct node *n = c->node;
    *v = (struct vectorizer){.shortest = node_int(n, "min_gram_length", 0),
                             .longest = node_int(n, "max_gram_length", 0),
                             .skip = node_int(n, "max_skip_count", 0)};
    v->pool = node_ints(n, "pool_int64s", &v->n_pool);
    v->count = node_ints(n, "ngram_counts", &v->n_count);
    v->index = node_ints(n, "ngram_indexes", &v->n_index);
    if (!v->pool)
        return err_set(err, ERR_INPUT, "n-grams of strings are not supported");
    if (v->shortest < 1 || v->longest < v->shortest || v->skip < 0 || !v->count || !v->index)
        return err_set(err, ERR_INPUT, "attributes min_gram_length, max_gram_length, "
                                       "max_skip_count, ngram_counts and ngram_indexes are needed");
    for (size_t i = 0; i < v->n_index; i++) {
        if (v->index[i] < 0 || v->index[i] > INT32_MAX)
            return err_set(err, ERR_INPUT, "attribute ngram_indexes is out of range");
        v->width = v->index[i] >= v->width ? v->index[i] + 1 : v->width;
    }
    TRY(check_pool(v, err));
    return read_weights(c, v, err);
}

int infer_tfidf(struct call *c, struct err *err)
{
    struct vectorizer v;
    const struct tensor *x = c->in[0];
    TRY(vectorizer_read(c, &v, err));
    if (x->dtype && x->dtype != DTYPE_I32 && x->dtype != DTYPE_I64)
        return call_refuse_dtype(x->dtype, err);
    if (x->shape.rank == 0 || x->shape.rank > 2)
        return err_set(err, ERR_INPUT, "the input must have rank 1 or 2, not %d", x->shape.rank);
    struct shape s = x->shape;
    if (s.rank > 0)
        s.dim[s.rank - 1] = v.width;
    call_set(c, 0, DTYPE_F32, &s);
    return 0;
}

/* Counts the n-gram of items x[0], x[step], ... */
static void count_gram(const struct vectorizer *v, const int64_t *x, int64_t n, int64_t step,
                       float *y)
{
    int64_t gram = 0; /* of all lengths */
    for (int64_t i = 0; i < n - 1; i++)
        gram += (v->count[i + 1] - v->count[i]) / (i + 1);
    int64_t to = n < (int64_t)v->n_count ? v->count[n] : (int64_t)v->n_pool;
    for (int64_t at = v->count[n - 1]; at < to; at += n, gram++) {
        int64_t same = 0;
        while (same < n && x[same * step] == v->pool[at + same])
            same++;
        if (same == n) {
            y[v->index[gram]] += 1;
            return;
        }
    }
}

static void count_row(const struct vectorizer *v, const int64_t *x, int64_t items, float *y)
{
    for (int64_t step = 1; step <= v->skip + 1; step++)
        for (int64_t n = v->shortest; n <= v->longest; n++) {
            if (n == 1 && step > 1)
                continue;
            for (int64_t i = 0; i + (n - 1) * step < items; i++)
                count_gram(v, x + i, n, step, y);
        }
    for (int64_t i = 0; i < v->width; i++) {
        if (v->once)
            y[i] = y[i] > 0;
        if (v->weight)
            y[i] *= v->weight[i];
    }
}

int eval_tfidf(struct call *c, struct err *err)
{
    struct vectorizer v;
    const struct tensor *x = c->in[0];
    TRY(vectorizer_read(c, &v, err));
    int64_t items = x->shape.dim[x->shape.rank - 1];
    int64_t rows = x->shape.rank == 2 ? x->shape.dim[0] : 1;
    int64_t *row = NEW_ARRAY(c->scratch, items + 1, int64_t);
    float *y = tensor_f32(c->out[0]);
    for (int64_t r = 0; r < rows; r++, y += v.width) {
        for (int64_t i = 0; i < v.width; i++)
            y[i] = 0;
        for (int64_t i = 0; i < items; i++)
            row[i] = tensor_get_int(x, r * items + i);
        count_row(&v, row, items, y);
    }
    return 0;
}
