/* SPDX-License-Identifier: Apache-2.0
 *
 * op_softmax: Softmax, LogSoftmax and Hardmax. Before opset 13 the input counts as a matrix, cut at
 * `axis` (1 unless given), and each of its rows is normalized as a whole; since then it is the one
 * axis, -1 unless given.
 */
#include "ops.h"

#include "k_convert.h"
#include "k_softmax.h"

struct view { /* x[outer][n][inner] */
    int64_t outer, n, inner;
};

static int view_open(const struct call *c, struct view *v, struct err *err)
{
    const struct shape *s = &c->in[0]->shape;
    bool flat = c->opset < 13;
    int64_t axis = node_int(c->node, "axis", flat ? 1 : -1);
    if (flat && axis == s->rank) {
        *v = (struct view){shape_span(s, 0, s->rank), 1, 1};
        return 0;
    }
    int at = s->rank == 0 && (axis == -1 || axis == 0) ? 0 : axis_check(axis, s->rank, err);
    if (at < 0)
        return -1;
    v->outer = shape_span(s, 0, at);
    v->n = flat ? shape_span(s, at, s->rank) : s->rank ? s->dim[at] : 1;
    v->inner = flat || !s->rank ? 1 : shape_span(s, at + 1, s->rank);
    return 0;
}

int eval_softmax(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    bool logs = c->node->op == OP_LogSoftmax;
    int64_t n = tensor_count(x);
    struct view v;
    TRY(view_open(c, &v, err));
    if (x->dtype == DTYPE_F32) {
        k_softmax_f32(x->data, y->data, v.outer, v.n, v.inner, logs);
    } else if (x->dtype == DTYPE_F64) {
        k_softmax_f64(x->data, y->data, v.outer, v.n, v.inner, logs);
    } else if (x->dtype == DTYPE_F16 || x->dtype == DTYPE_BF16) {
        float *buf = NEW_ARRAY(c->scratch, n + 1, float);
        k_load_f32(x->dtype, x->data, 0, 1, n, buf);
        k_softmax_f32(buf, buf, v.outer, v.n, v.inner, logs);
        k_store_f32(y->dtype, y->data, 0, n, buf);
    } else {
        return call_refuse_dtype(x->dtype, err);
    }
    return 0;
}

/* 1 for the first of the largest, 0 for all others. */
int eval_hardmax(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    struct view v;
    TRY(view_open(c, &v, err));
    if (!dtype_info(x->dtype)->is_float)
        return call_refuse_dtype(x->dtype, err);
    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t j = 0; j < v.inner; j++) {
            int64_t first = o * v.n * v.inner + j, best = 0;
            for (int64_t i = 0; i < v.n; i++) {
                if (tensor_get(x, first + i * v.inner) > tensor_get(x, first + best * v.inner))
                    best = i;
                dtype_store(y->dtype, y->data, first + i * v.inner, 0);
            }
            if (v.n)
                dtype_store(y->dtype, y->data, first + best * v.inner, 1);
        }
    return 0;
}
