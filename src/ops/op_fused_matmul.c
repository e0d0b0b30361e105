/* SPDX-License-Identifier: Apache-2.0
 *
 * op_fused_matmul: FusedMatMul (and TransposeMatMul, its older name) of ONNX Runtime: alpha times
 * MatMul, where the last two axes of an input may be exchanged, and its first axis may stand where
 * that of the rows should. A transposition of a vector is ignored.
 */
#include "ops.h"

#include "k_gemm.h"
#include "real.h"

#include <inttypes.h>

struct side {
    bool vector, turned; /* turned: stored as its transpose */
    struct shape batch;  /* axes besides the matrix's */
    int64_t rows, columns;
    int64_t step, ld;    /* between matrices, and rows as they are stored; where all is known */
};

static int read_side(const struct call *c, int slot, struct side *s, struct err *err)
{
    static const char *const turn[] = {"transA", "transB"}, *const far[] = {"transBatchA",
                                                                              "transBatchB"};
    const struct shape *x = &c->in[slot]->shape;
    int rank = x->rank;
    bool first = node_int(c->node, far[slot], 0) != 0;
    *s = (struct side){.vector = rank == 1};
    if (rank == 0)
        return err_set(err, ERR_INPUT, "a scalar cannot be an input");
    if (s->vector) {
        s->rows = slot ? x->dim[0] : 1;
        s->columns = slot ? 1 : x->dim[0];
        s->ld = s->columns;
        return 0;
    }
    if (first && rank < 3)
        return err_set(err, ERR_INPUT, "attribute %s needs an input of rank 3 or more",
                       far[slot]);
    s->turned = node_int(c->node, turn[slot], 0) != 0;
    s->batch = shape_of(rank - 2, x->dim + first);
    int64_t stored[2] = {x->dim[first ? 0 : rank - 2], x->dim[rank - 1]};
    s->rows = stored[s->turned];
    s->columns = stored[!s->turned];
    if (!shape_known(x))
        return 0;
    s->step = first ? stored[1] : stored[0] * stored[1];
    s->ld = first ? shape_count(&s->batch) * stored[1] : stored[1];
    return 0;
}

static int read_sides(const struct call *c, struct side s[2], struct shape *batch, struct err *err)
{
    TRY(read_side(c, 0, &s[0], err));
    TRY(read_side(c, 1, &s[1], err));
    if (s[0].columns >= 0 && s[1].rows >= 0 && s[0].columns != s[1].rows)
        return err_set(err, ERR_INPUT, "the inner sizes differ: %" PRId64 " and %" PRId64,
                       s[0].columns, s[1].rows);
    *batch = s[0].batch;
    return shape_broadcast(batch, &s[1].batch, err);
}

int infer_fused_matmul(struct call *c, struct err *err)
{
    struct side s[2];
    struct shape y = shape_unknown();
    TRY(real_check(c, 0, err));
    TRY(call_same_dtype(c, 0, 1, err));
    if (c->in[0]->shape.rank >= 0 && c->in[1]->shape.rank >= 0) {
        TRY(read_sides(c, s, &y, err));
        if (!s[0].vector)
            y.dim[y.rank++] = s[0].rows;
        if (!s[1].vector)
            y.dim[y.rank++] = s[1].columns;
    }
    call_set(c, 0, c->in[0]->dtype, &y);
    return 0;
}

/* Which matrix of a side is used for matrix i of the result. */
static int64_t matrix_at(const struct shape *side, const struct shape *batch, int64_t i)
{
    struct tensor t = {.shape = *side};
    int64_t step[MAX_RANK], at = 0;
    tensor_strides_in(&t, batch, step);
    for (int k = batch->rank - 1; k >= 0; k--) {
        at += i % batch->dim[k] * step[k];
        i /= batch->dim[k];
    }
    return at;
}

int eval_fused_matmul(struct call *c, struct err *err)
{
    struct side s[2];
    struct shape batch;
    TRY(read_sides(c, s, &batch, err));
    struct gemm g = {.m = s[0].rows, .n = s[1].columns, .k = s[0].columns, .ta = s[0].turned,
                     .tb = s[1].turned, .lda = s[0].ld, .ldb = s[1].ld, .ldc = s[1].columns,
                     .alpha = node_float(c->node, "alpha", 1)};
    bool wide = c->in[0]->dtype == DTYPE_F64;
    const void *a = wide ? c->in[0]->data : real_in(c, 0);
    const void *b = wide ? c->in[1]->data : real_in(c, 1);
    void *y = wide ? c->out[0]->data : real_out(c, 0);
    for (int64_t i = 0, n = shape_count(&batch); i < n; i++) {
        int64_t p = matrix_at(&s[0].batch, &batch, i) * s[0].step;
        int64_t q = matrix_at(&s[1].batch, &batch, i) * s[1].step, r = i * g.m * g.n;
        if (wide)
            k_gemm_f64(&g, (const double *)a + p, (const double *)b + q, (double *)y + r);
        else
            k_gemm_f32(&g, (const float *)a + p, (const float *)b + q, (float *)y + r);
    }
    if (!wide)
        real_store(c, 0, y);
    return 0;
}
