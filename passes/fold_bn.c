/* SPDX-License-Identifier: Apache-2.0
 *
 * fold-bn: BatchNormalization disappears into the layer before or behind it.
 *
 *     Conv(x, W, b) -> BatchNormalization     =>  Conv(x, k W, k b + t)
 *     BatchNormalization -> Conv(., W, b)     =>  Conv(x, W k, b + W t)       without padding
 *     BatchNormalization                      =>  Mul(k) -> Add(t)            anywhere else
 *
 *     k = scale / sqrt(var + epsilon),    t = bias - mean k,     a number for each channel
 *
 * The layer is a Conv, a ConvTranspose (only in front), a Gemm, or a MatMul with or without the Add
 * of a vector; see linear.h. Mul, Div, Add and Sub with a constant for each channel behind a layer
 * are the same thing written by other exporters, and fold as well. Between a BatchNormalization and
 * the Gemm or MatMul behind it a Flatten or Reshape may stand. Only chains without a second reader
 * fold. Weights are replaced for the one node, so that others may share the old ones; what does not
 * fit the dtype of the weight is left alone.
 */
#include "affine.h"
#include "channel.h"
#include "linear.h"
#include "pass.h"

#include <math.h>

/* Why a BatchNormalization is not a fixed function of its input by channel; NULL: it is one. */
static const char *bn_obstacle(const struct node *bn)
{
    int64_t opset = node_opset(bn);
    if (node_int(bn, "training_mode", 0) || (opset < 7 && !node_int(bn, "is_test", 0)))
        return "it is in training mode";
    if (!node_int(bn, "spatial", 1))
        return "it has statistics for every position (spatial is 0)";
    for (int i = 1; i < bn->n_out; i++)
        if (bn->out[i] && bn->out[i]->uses)
            return "its statistics are used";
    for (int i = 1; i < 5; i++) {
        const struct tensor *t = node_constant(bn, i), *scale = node_constant(bn, 1);
        if (!t || !dtype_info(t->dtype)->is_float || tensor_count(t) != tensor_count(scale))
            return "its parameters are not constant";
    }
    return NULL;
}

/* y stands in front of the layer:  the layer computes with W k and b + W t. */
static bool take_forward(struct arena *scratch, struct linear *l, const struct affine *y)
{
    double *bias = NEW_ARRAY(scratch, l->n_out, double);
    const struct tensor *w = linear_scaled(l, NULL, y->k);
    if (!w || !linear_bias(l, bias))
        return false;
    linear_add_product(l, y->t, bias);
    if (!affine_all(y->t, y->n, 0) && !linear_set_bias(l, "folded", bias))
        return false;
    linear_set_weight(l, "folded", w);
    return true;
}

/* The layer that alone reads v, which has channels on axis 1, perhaps through a Flatten or Reshape
 * that makes several inputs of each channel. */
static bool layer_behind(struct value *v, int64_t channels, struct linear *l)
{
    const struct shape *s = &v->type.shape;
    struct node *user = value_only_user(v);
    bool view = user && (user->op == OP_Flatten || user->op == OP_Reshape);
    if (view && v->uses == &user->in[0]) {
        for (int i = 1; i < s->rank; i++)
            if (s->dim[i] < 0)
                return false;
        channels = s->rank > 1 && s->dim[1] == channels ? shape_span(s, 1, s->rank) : 0;
        v = user->out[0];
        user = value_only_user(v);
    }
    if (!user || user->graph != v->graph || !linear_find(user, l) || v->uses != &user->in[0])
        return false;
    switch (user->op) {
    case OP_Conv: return !view && l->n_in == channels && !linear_is_padded(l);
    case OP_Gemm: return l->n_in == channels;
    case OP_MatMul: return l->n_in == channels && l->batch == 1 && v->type.shape.rank == 2;
    default: return false; /* the border of a ConvTranspose sees fewer inputs */
    }
}

static bool fold_forward(struct arena *scratch, struct node *bn)
{
    struct affine y = affine_of_bn(scratch, bn), in;
    struct linear l;
    if (!layer_behind(bn->out[0], y.n, &l))
        return false;
    in = affine_new(scratch, l.n_in);
    for (int64_t c = 0; c < l.n_in; c++) {
        in.k[c] = y.k[c / (l.n_in / y.n)];
        in.t[c] = y.t[c / (l.n_in / y.n)];
    }
    if (!take_forward(scratch, &l, &in))
        return false;
    value_replace(bn->out[0], node_input(bn, 0));
    node_remove(bn);
    return true;
}

/* x op v, with v a constant by channel of axis 1; NULL: v does not fit the dtype of x. */
static struct value *build_arithmetic(struct build *at, enum op op, struct value *x,
                                      const double *v, int64_t n)
{
    struct shape s = channel_shape(x->type.shape.rank, 1, n);
    struct tensor *t = channel_tensor(at->graph->model->arena, x->type.dtype, &s, v);
    if (!t)
        return NULL;
    struct value *in[] = {x, build_constant(at, op == OP_Mul ? "scale" : "shift", t)};
    struct node *node = build_node(at, op, 2, in, 1);
    node->out[0]->type = x->type;
    return node->out[0];
}

/* No layer takes it: a multiplication and an addition, together with those in front of it. */
static bool bn_lower(struct arena *scratch, struct node *bn)
{
    struct value *x = node_input(bn, 0), *result;
    struct affine y = affine_of_bn(scratch, bn);
    if (x->type.shape.rank < 2 || !dtype_info(x->type.dtype)->is_float)
        return false;
    x = affine_gather(scratch, x, 1, &y);
    struct build at = build_before(bn);
    result = affine_all(y.k, y.n, 1) ? x : build_arithmetic(&at, OP_Mul, x, y.k, y.n);
    if (result && !affine_all(y.t, y.n, 0))
        result = build_arithmetic(&at, OP_Add, result, y.t, y.n);
    if (!result)
        return false;
    if (result != x)
        value_swap_names(bn->out[0], result);
    value_replace(bn->out[0], result);
    node_remove(bn);
    return true;
}

static bool fold_bn(struct pass_ctx *ctx, struct node *bn)
{
    const char *why = bn_obstacle(bn);
    struct affine y = {0};
    if (!why) {
        y = affine_of_bn(ctx->scratch, bn);
        if (!affine_is_finite(&y))
            why = "its parameters give no finite numbers";
    }
    if (!why
        && (affine_fold(ctx->scratch, bn, node_input(bn, 0)) || fold_forward(ctx->scratch, bn)
            || bn_lower(ctx->scratch, bn)))
        return true;
    str_printf(&ctx->notes, "%s: left as it is: %s\n", node_title(bn),
               why ? why : "no layer can take it, and the type of its input is not known");
    return false;
}

static int fold_graph(struct pass_ctx *ctx, struct graph *g)
{
    int changes = 0;
    graph_each(g, n) {
        for (int i = 0; i < n->n_attr; i++)
            if (n->attr[i].kind == ATTR_GRAPH)
                changes += fold_graph(ctx, n->attr[i].g);
        int slot = affine_slot(n);
        if (n->op == OP_BatchNormalization)
            changes += fold_bn(ctx, n);
        else if (slot >= 0)
            changes += affine_fold(ctx->scratch, n, n->in[!slot].value);
    }
    return changes;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    int changes = fold_graph(ctx, m->graph);
    graph_sweep(m->graph);
    return changes;
}

const struct pass pass_fold_bn = {
    .name = "fold-bn",
    .summary = "fold BatchNormalization into the layer before or behind it",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
