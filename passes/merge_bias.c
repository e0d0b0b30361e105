/* SPDX-License-Identifier: Apache-2.0
 *
 * merge-bias: a matrix product and the bias behind it become one layer.
 *
 *     Reshape(MatMul(x, W)) + b             =>  Reshape(MatMul(x, W) + b)
 *     MatMul(x, W) + b, MatMul(x, W) - b    =>  Gemm(x, W, b)      x and W matrices, b constant
 *
 * b has a number for each column of W, and the Reshape keeps them last: so dense layers come from
 * TensorFlow. The second is for targets whose layer with a bias is Gemm. Here a MatMul and its Add
 * are one layer as they are, and a bias behind a Conv, ConvTranspose or Gemm is fold-bn's affair.
 */
#include "channel.h"
#include "match.h"
#include "pass.h"
#include "target.h"

/* An Add or Sub of something and a constant, as a sum. */
struct sum {
    const struct value *y;
    struct value *b;
    double sign; /* of b */
};

/* Takes what stands at input i of n for y; false: it is no such sum. */
static bool read_sum(const struct node *n, int i, struct sum *s)
{
    *s = (struct sum){n->in[i].value, n->in[!i].value, n->op == OP_Sub ? -1 : 1};
    return s->y && s->b && s->b->constant && (n->op == OP_Add || i == 0);
}

/* b as a constant vector, times its sign; NULL: it is not one number for each of the last axis. */
static struct value *build_bias(struct build *at, const struct sum *sum, struct arena *scratch)
{
    const struct tensor *type = &sum->y->type;
    int rank = type->shape.rank;
    int64_t n = rank > 0 ? type->shape.dim[rank - 1] : -1;
    if (n <= 0 || !dtype_info(type->dtype)->is_float || sum->b->constant->dtype != type->dtype)
        return NULL;
    double *v = NEW_ARRAY(scratch, n, double);
    if (!channel_vector(sum->b->constant, rank, rank - 1, n, v))
        return NULL;
    for (int64_t i = 0; i < n; i++)
        v[i] *= sum->sign;
    struct shape vector = shape_of(1, &n);
    struct arena *a = at->graph->model->arena;
    const struct tensor *t = channel_tensor(a, type->dtype, &vector, v);
    return t ? build_constant(at, "bias", t) : NULL;
}

/* The product by a constant matrix in front of a Reshape that keeps its columns last; NULL: there
 * is none. */
static const struct value *product_before(const struct node *reshape)
{
    const struct value *product = node_input(reshape, 0);
    const struct node *mul = match_inner(product, OP_MatMul);
    const struct tensor *w = mul ? node_constant(mul, 1) : NULL;
    const struct shape *s = &product->type.shape, *out = &reshape->out[0]->type.shape;
    bool kept = w && w->shape.rank == 2 && s->rank > 0 && out->rank > 0
             && s->dim[s->rank - 1] == w->shape.dim[1]
             && out->dim[out->rank - 1] == w->shape.dim[1];
    return kept ? product : NULL;
}

static int advance(struct node *n, void *scratch)
{
    struct sum sum;
    for (int i = 0; i < 2 && (n->op == OP_Add || n->op == OP_Sub) && n->n_in == 2; i++) {
        struct node *reshape = read_sum(n, i, &sum) ? match_inner(sum.y, OP_Reshape) : NULL;
        const struct value *product = reshape ? product_before(reshape) : NULL;
        if (!product || reshape->out[0]->type.shape.rank != n->out[0]->type.shape.rank)
            continue;
        struct build at = build_before(reshape);
        struct value *bias = build_bias(&at, &sum, scratch);
        if (!bias)
            continue;
        struct value *in[] = {(struct value *)product, bias};
        struct node *add = build_node(&at, OP_Add, 2, in, 1);
        add->out[0]->type = product->type;
        node_set_input(reshape, 0, add->out[0]);
        match_put(n, reshape->out[0]);
        return 1;
    }
    return 0;
}

static int merge(struct node *n, void *scratch)
{
    struct sum sum;
    for (int i = 0; i < 2 && (n->op == OP_Add || n->op == OP_Sub) && n->n_in == 2; i++) {
        struct node *mul = read_sum(n, i, &sum) ? match_inner(sum.y, OP_MatMul) : NULL;
        bool matrices = mul && mul->in[0].value->type.shape.rank == 2
                     && mul->in[1].value->type.shape.rank == 2 && sum.y->type.shape.rank == 2;
        struct build at = build_before(n);
        struct value *bias = matrices ? build_bias(&at, &sum, scratch) : NULL;
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
    if (model_opset(m, "") < 7)
        return 0;
    int changes = match_each(m->graph, advance, ctx->scratch);
    if (target_writes(ctx->target, OP_Gemm))
        changes += match_each(m->graph, merge, ctx->scratch);
    graph_sweep(m->graph);
    return changes;
}

const struct pass pass_merge_bias = {
    .name = "merge-bias",
    .summary = "move biases to their matrix products, as Gemm where the target wants it",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
