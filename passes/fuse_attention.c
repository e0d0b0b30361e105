/* SPDX-License-Identifier: Apache-2.0
 *
 * fuse-attention: attention that is spelled out becomes one operator, whose scores are never whole
 * in memory.
 *
 *     MatMul(Softmax(number * MatMul(q, k')), v)  =>  Attention(q, k, v)
 *
 * All are of rank 4, with the same known samples and heads; the number may be a Mul or a Div. The
 * Transpose that made k' from k goes, or gets another order. Scores with a mask are left alone: a
 * row that is hidden whole is NaN where it is spelled out, and zero in the operator.
 */
#include "match.h"
#include "pass.h"

#include <math.h>

enum { RANK = 4, FIRST = 23 /* opset that has Attention */ };

static bool is_along_keys(const struct node *softmax)
{
    int64_t axis = node_int(softmax, "axis", node_opset(softmax) < 13 ? 1 : -1);
    return axis == -1 || axis == RANK - 1;
}

/* The product of q and k' behind the number; NULL: there is none. */
static struct node *scores_of(const struct value *v, double *scale)
{
    struct node *n = v->def ? match_inner(v, v->def->op) : NULL;
    *scale = 1;
    while (n && (n->op == OP_Mul || n->op == OP_Div)) {
        double c;
        struct value *x = match_operand(n, &c);
        if (!x || !x->def)
            return NULL;
        *scale = n->op == OP_Mul ? *scale * c : *scale / c;
        n = match_inner(x, x->def->op);
    }
    return n && n->op == OP_MatMul ? n : NULL;
}

static bool is_float_of_rank(const struct value *v)
{
    return v && v->type.dtype == DTYPE_F32 && v->type.shape.rank == RANK;
}

static bool same_heads(const struct value *a, const struct value *b)
{
    const int64_t *p = a->type.shape.dim, *q = b->type.shape.dim;
    return p[0] > 0 && p[0] == q[0] && p[1] > 0 && p[1] == q[1];
}

/* The order of a Transpose of rank 4 whose last two axes are exchanged afterwards. */
static bool turned_order(const struct node *n, int64_t order[RANK])
{
    size_t count;
    const int64_t *perm = node_ints(n, "perm", &count);
    if (!perm || count != RANK)
        return false;
    order[0] = perm[0];
    order[1] = perm[1];
    order[2] = perm[3];
    order[3] = perm[2];
    return true;
}

static bool is_idle(const int64_t order[RANK])
{
    for (int i = 0; i < RANK; i++)
        if (order[i] != i)
            return false;
    return true;
}

/* k from k'. */
static struct value *build_keys(struct build *at, struct value *turned)
{
    int64_t order[RANK] = {0, 1, 3, 2};
    struct node *n = value_def(turned, OP_Transpose);
    struct value *x = turned;
    if (n && turned_order(n, order))
        x = n->in[0].value;
    if (is_idle(order))
        return x;
    struct node *made = build_node(at, OP_Transpose, 1, &x, 1);
    node_set_ints(made, "perm", order, RANK);
    struct tensor *type = &made->out[0]->type;
    *type = turned->type;
    type->shape.dim[2] = turned->type.shape.dim[3];
    type->shape.dim[3] = turned->type.shape.dim[2];
    return made->out[0];
}

static int fuse_node(struct node *n, void *data)
{
    const int64_t *opset = data;
    double scale;
    if (n->op != OP_MatMul || !n->in[0].value || *opset < FIRST)
        return 0;
    struct value *v = n->in[1].value;
    struct node *softmax = match_inner(n->in[0].value, OP_Softmax), *scores;
    if (!softmax || !is_float_of_rank(n->in[0].value) || !is_along_keys(softmax)
        || !(scores = scores_of(softmax->in[0].value, &scale)))
        return 0;
    struct value *q = scores->in[0].value, *turned = scores->in[1].value;
    if (!is_float_of_rank(q) || !is_float_of_rank(turned) || !is_float_of_rank(v)
        || !same_heads(q, turned) || !same_heads(q, v) || !isfinite((float)scale))
        return 0;
    struct build at = build_before(n);
    struct value *in[] = {q, build_keys(&at, turned), v};
    struct node *made = build_node(&at, OP_Attention, 3, in, 1);
    node_set_float(made, "scale", (float)scale);
    pass_made(made);
    match_put(n, made->out[0]);
    return 1;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    int64_t opset = pass_opset(ctx, m);
    int changes = match_each(m->graph, fuse_node, &opset);
    graph_sweep(m->graph);
    return changes;
}

const struct pass pass_fuse_attention = {
    .name = "fuse-attention",
    .summary = "write attention that is spelled out as one operator",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT | PASS_ON_REQUEST,
    .run = run,
};
