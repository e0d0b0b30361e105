/* SPDX-License-Identifier: Apache-2.0
 *
 * op_softmax: Softmax, LogSoftmax and Hardmax. Before opset 13 the input counts as a matrix, cut at
 * `axis` (1 unless given), and each of its rows is normalized as a whole; since then it is the one
 * axis, -1 unless given.
 */
#include "ops.h"

#include "k_convert.h"
#include "k_softmax.h"
#include "k_unary.h"

#include <math.h>

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

/* A line of a half type, in float. */
struct half_line {
    enum dtype t;
    int64_t n;
    float *x, *e;   /* what is left of the largest, and its exp */
    uint16_t *code; /* on the way to the type and back */
};

/* To the nearest numbers of the type. */
static void half_round(const struct half_line *l, float *v)
{
    k_store_f32(l->t, l->code, 0, l->n, v);
    k_load_f32(l->t, l->code, 0, 1, l->n, v);
}

static double half_rounded(enum dtype t, double v)
{
    uint16_t code;
    dtype_store(t, &code, 0, v);
    return dtype_load(t, &code, 0);
}

static double exp_sum(const struct half_line *l)
{
    double sum = 0;
    for (int64_t i = 0; i < l->n; i++)
        sum += (double)l->e[i];
    return sum;
}

/* Half types are rounded after each step, as in the body that ONNX gives for the operator: maximum,
 * difference, exp, sum, and quotient or logarithm. Differences and quotients of such numbers round
 * as exact ones would, since a float has more than twice their bits. */
static void half_softmax(const struct half_line *l, const uint16_t *x, uint16_t *y, int64_t inner,
                         bool logs)
{
    float largest = -INFINITY;
    k_load_f32(l->t, x, 0, inner, l->n, l->x);
    for (int64_t i = 0; i < l->n; i++)
        largest = l->x[i] > largest ? l->x[i] : largest;
    for (int64_t i = 0; i < l->n; i++)
        l->x[i] -= largest;
    half_round(l, l->x);
    k_unary_f32(K_EXP, l->x, l->e, l->n, 0, 0);
    half_round(l, l->e);
    float sum = (float)half_rounded(l->t, exp_sum(l));
    float log_sum = logs ? (float)half_rounded(l->t, log((double)sum)) : 0;
    for (int64_t i = 0; i < l->n; i++)
        l->e[i] = logs ? l->x[i] - log_sum : l->e[i] / sum;
    k_store_f32(l->t, l->code, 0, l->n, l->e);
    for (int64_t i = 0; i < l->n; i++)
        y[i * inner] = l->code[i];
}

int eval_softmax(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    bool logs = c->node->op == OP_LogSoftmax;
    struct view v;
    TRY(view_open(c, &v, err));
    if (x->dtype == DTYPE_F32) {
        k_softmax_f32(x->data, y->data, v.outer, v.n, v.inner, logs);
    } else if (x->dtype == DTYPE_F64) {
        k_softmax_f64(x->data, y->data, v.outer, v.n, v.inner, logs);
    } else if (x->dtype == DTYPE_F16 || x->dtype == DTYPE_BF16) {
        struct half_line l = {x->dtype, v.n, NEW_BUFFER(c->scratch, v.n, float),
                              NEW_BUFFER(c->scratch, v.n, float),
                              NEW_BUFFER(c->scratch, v.n, uint16_t)};
        for (int64_t i = 0; i < v.outer * v.inner; i++) {
            int64_t at = i / v.inner * v.n * v.inner + i % v.inner;
            half_softmax(&l, (const uint16_t *)x->data + at, (uint16_t *)y->data + at, v.inner,
                         logs);
        }
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
