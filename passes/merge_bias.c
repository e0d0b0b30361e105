/* SPDX-License-Identifier: Apache-2.0
 *
 * merge-bias: a matrix product and the bias behind it become one operator.
 *
 *     MatMul(x, W) + b, MatMul(x, W) - b    =>  Gemm(x, W, b)      x and W matrices, b constant
 *
 * For targets whose layer with a bias is Gemm. Here a MatMul and its Add are one layer as they are,
 * and a bias behind a Conv, ConvTranspose or Gemm is fold-bn's affair.
 */
#include "channel.h"
#include "match.h"
#include "pass.h"
#include "target.h"

/* b as a constant that Gemm takes, times sign; NULL: it is not one number for each column. */
static struct value *build_bias(struct build *at, struct value *b, const struct value *y,
                                double sign, struct arena *scratch)
{
    const struct shape *s = &y->type.shape;
    int64_t n = s->dim[1];
    double *v = NEW_ARRAY(scratch, n, double);
    if (!b->constant || b->constant->dtype != y->type.dtype
        || !channel_vector(b->constant, 2, 1, n, v))
        return NULL;
    for (int64_t i = 0; i < n; i++)
        v[i] *= sign;
    struct shape vector = shape_of(1, &n);
    struct arena *a = at->graph->model->arena;
    const struct tensor *t = channel_tensor(a, y->type.dtype, &vector, v);
    return t ? build_constant(at, "bias", t) : NULL;
}

static int merge(struct node *n, void *scratch)
{
    if ((n->op != OP_Add && n->op != OP_Sub) || n->n_in != 2)
        return 0;
    for (int i = 0; i < (n->op == OP_Add ? 2 : 1); i++) {
        struct value *product = n->in[i].value, *b = n->in[!i].value;
        struct node *mul = product ? match_inner(product, OP_MatMul) : NULL;
        if (!mul || !b)
            continue;
        const struct value *x = mul->in[0].value, *w = mul->in[1].value;
        bool matrices = x->type.shape.rank == 2 && w->type.shape.rank == 2
                     && product->type.shape.rank == 2 && product->type.shape.dim[1] > 0
                     && dtype_info(product->type.dtype)->is_float;
        struct build at = build_before(n);
        struct value *bias = matrices ? build_bias(&at, b, product, n->op == OP_Sub ? -1 : 1,
                                                   scratch) : NULL;
        if (!bias)
            continue;
        struct value *in[] = {mul->in[0].value, mul->in[1].value, bias};
        struct node *gemm = build_node(&at, OP_Gemm, 3, in, 1);
        gemm->name = mul->name;
        match_put(n, gemm->out[0]);
        return 1;
    }
    return 0;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    if (!target_writes(ctx->target, OP_Gemm) || model_opset(m, "") < 7)
        return 0;
    int changes = match_each(m->graph, merge, ctx->scratch);
    graph_sweep(m->graph);
    return changes;
}

const struct pass pass_merge_bias = {
    .name = "merge-bias",
    .summary = "write a matrix product and its bias as Gemm, where the target wants it",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
