/* SPDX-License-Identifier: Apache-2.0
 *
 * op_rotary: RotaryEmbedding of ONNX's own domain (opset 23) and of ONNX Runtime's. Both take
 * [batch][head][row][size] or [batch][row][head * size].
 */
#include "ops.h"

#include "attention.h"
#include "k_rotary.h"
#include "real.h"

#include <inttypes.h>

struct rotary {
    int64_t batch, heads, rows, size;
    int64_t half;     /* pairs that are turned */
    bool packed;      /* rank 3 */
    int cos, sin, ids; /* input slots */
};

static bool is_contrib(const struct call *c)
{
    return c->node->op == OP_MsRotaryEmbedding;
}

int infer_rotary(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    TRY(real_check(c, 0, err));
    if (x->rank >= 0 && x->rank != 3 && x->rank != 4)
        return err_set(err, ERR_INPUT, "the input must be of rank 3 or 4");
    if (is_contrib(c) && node_int(c->node, "is_packed_batching", 0))
        return err_set(err, ERR_INPUT, "attribute is_packed_batching is not supported");
    /* what is documented for others is not what its CPU kernel does */
    if (is_contrib(c) && node_float(c->node, "scale", 1) != 1)
        return err_set(err, ERR_INPUT, "attribute scale other than 1 is not supported");
    call_set(c, 0, c->in[0]->dtype, x);
    return 0;
}

/* ONNX Runtime needs num_heads only where a part is turned; else the caches tell the size. */
static int read_rotary(const struct call *c, struct rotary *r, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    int64_t heads = node_int(c->node, "num_heads", 0);
    int64_t part = node_int(c->node, "rotary_embedding_dim", 0);
    *r = is_contrib(c) ? (struct rotary){.cos = 2, .sin = 3, .ids = 1}
                       : (struct rotary){.cos = 1, .sin = 2, .ids = 3};
    const struct shape *cache = &c->in[r->cos]->shape;
    r->packed = x->rank == 3;
    r->batch = x->dim[0];
    if (cache->rank < 1 || !shape_equal(cache, &c->in[r->sin]->shape))
        return err_set(err, ERR_INPUT, "the caches must be of one shape");
    if (!r->packed) {
        r->heads = x->dim[1];
        r->rows = x->dim[2];
        r->size = x->dim[3];
    } else {
        r->rows = x->dim[1];
        r->heads = heads;
        if (heads < 1 && is_contrib(c) && !part && cache->dim[cache->rank - 1] > 0)
            r->heads = x->dim[2] / (2 * cache->dim[cache->rank - 1]);
        if (r->heads < 1)
            return err_set(err, ERR_INPUT, "an input of rank 3 needs attribute num_heads");
        TRY(dim_share(x->dim[2], r->heads, 0, &r->size, err));
    }
    r->half = (part ? part : r->size) / 2;
    if (part < 0 || part > r->size || cache->dim[cache->rank - 1] != r->half)
        return err_set(err, ERR_INPUT,
                       "the caches have %" PRId64 " elements a row for %" PRId64 " pairs",
                       cache->dim[cache->rank - 1], r->half);
    return 0;
}

/* The row of the caches for each row of the input; NULL and a text where one is out of range. */
static const int64_t *cache_rows(const struct call *c, const struct rotary *r, struct err *err)
{
    const struct tensor *ids = call_in(c, r->ids);
    const struct shape *cache = &c->in[r->cos]->shape;
    int64_t n = r->batch * r->rows, given = ids ? tensor_count(ids) : 0;
    int64_t *at = NEW_ARRAY(c->scratch, n + 1, int64_t);
    bool first = ids && is_contrib(c) && given == 1 && ids->shape.rank == 1;
    int64_t limit = ids ? cache->dim[0] : shape_span(cache, 0, cache->rank - 1);
    if (cache->rank != (ids ? 2 : 3)
        || (ids ? given != n && !first
                : cache->dim[0] != r->batch || cache->dim[1] != r->rows)) {
        err_set(err, ERR_INPUT, "the caches or positions do not fit the input");
        return NULL;
    }
    for (int64_t i = 0; i < n; i++) {
        at[i] = first ? tensor_get_int(ids, 0) + i % r->rows : ids ? tensor_get_int(ids, i) : i;
        if (at[i] < 0 || at[i] >= limit) {
            err_set(err, ERR_INPUT, "position %" PRId64 " is not in the caches of %" PRId64 " rows",
                    at[i], limit);
            return NULL;
        }
    }
    return at;
}

int eval_rotary(struct call *c, struct err *err)
{
    struct rotary r;
    TRY(read_rotary(c, &r, err));
    const int64_t *at = cache_rows(c, &r, err);
    if (!at)
        return -1;
    const float *x = real_in(c, 0), *cos = real_in(c, r.cos), *sin = real_in(c, r.sin);
    float *y = real_out(c, 0);
    bool interleaved = node_int(c->node, "interleaved", 0) != 0;
    struct heads from = r.packed ? heads_inside(x, r.rows, r.heads, r.size)
                                 : heads_first(x, r.heads, r.rows, r.size);
    struct heads to = from;
    to.at = y;
    for (int64_t b = 0; b < r.batch; b++)
        for (int64_t h = 0; h < r.heads; h++)
            for (int64_t i = 0; i < r.rows; i++) {
                int64_t turn = at[b * r.rows + i] * r.half;
                k_rotary_f32(heads_row(&from, b, h, i), heads_row(&to, b, h, i), r.size, r.half,
                             cos + turn, sin + turn, interleaved);
            }
    real_store(c, 0, y);
    return 0;
}
