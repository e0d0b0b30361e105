/* SPDX-License-Identifier: Apache-2.0
 *
 * suit_sums: OpenVINO moves the scales of a matrix product's columns behind a Reshape. Where it
 * does not know how many rows there are, and the second axis behind is as long as the matrix is
 * wide or longer, it takes that axis for the columns: what it computes is wrong, or it does not
 * load the model (2026.4, by experiment). It moves no scales across a sum:
 *
 *     Reshape(MatMul(x, w))  =>  Reshape(MatMul(x, w) + tiny)
 *
 * Of products of few rows in a row, with Relu or nothing between, it makes one kernel, which is
 * wrong where one but the last has no bias (or one of zeros):
 *
 *     MatMul(Relu(MatMul(x, w)), v)  =>  MatMul(Relu(MatMul(x, w) + tiny), v)
 *
 * Where something needs the size of a batch that is not known, it looks for it as far up as it can
 * and finds it in the result of a convolution before its bias, which it then drops in front of a
 * quantizer; not where the bias is a sum of its own:
 *
 *     Conv(x, w, b)  =>  Conv(x, w) + b
 */
#include "channel.h"
#include "op.h"
#include "predict_layer.h"
#include "suit.h"

static const double least_sum = 1e-37;

/* The matrix product with an integer weight that v comes from, and no bias but zeros; NULL: it does
 * not. */
static struct node *bare_product(const struct value *v)
{
    struct node *n = v->def;
    for (int i = 0; n && n->op == OP_Add && i < 2; i++)
        if (node_constant(n, i) && tensor_is_all(node_constant(n, i), 0))
            n = node_input(n, !i)->def;
    const struct tensor *bias = n ? node_constant(n, 2) : NULL;
    bool bare = n && (n->op == OP_MatMul
                      || (n->op == OP_Gemm && (bias ? tensor_is_all(bias, 0) : !node_input(n, 2))));
    return bare && (suit_has_integer_weight(n, 0) || suit_has_integer_weight(n, 1)) ? n : NULL;
}

/* Puts the least sum in front of a Reshape that would lose scales, and of the Cast that a product
 * of another type than float has behind it; how many. */
static int hold_scales(struct node *n)
{
    if (n->op != OP_Reshape || !node_input(n, 0))
        return 0;
    struct node *cast = value_def(node_input(n, 0), OP_Cast), *reader = cast ? cast : n;
    struct value *y = node_input(reader, 0);
    if (!y || y->type.dtype != DTYPE_F32 || !openvino_mistakes_columns(y, n->out[0])
        || !bare_product(y))
        return 0;
    struct build at = build_before(reader);
    struct value *in[] = {y, suit_scalar(&at, "tiny", least_sum)};
    struct value *sum = build_node(&at, OP_Add, 2, in, 1)->out[0];
    sum->type = y->type;
    node_set_input(reader, 0, sum);
    return 1;
}

/* What the codes that a matrix product reads are made of, across Relu. */
static const struct value *product_source(const struct node *n)
{
    const struct value *v = node_input(n, 0);
    while (v && v->def
           && (v->def->op == OP_DequantizeLinear || v->def->op == OP_QuantizeLinear
               || v->def->op == OP_FakeQuantize || v->def->op == OP_Relu))
        v = node_input(v->def, 0);
    return v;
}

/* Puts the least sum behind a product of few rows that another one reads; how many. */
static int part_products(struct node *n)
{
    enum { FEW = 12 };
    const struct value *v = n->op == OP_MatMul ? product_source(n) : NULL;
    struct node *product = v && v->graph == n->graph ? bare_product(v) : NULL;
    if (!product || product->op != OP_MatMul || product->graph != n->graph)
        return 0;
    struct value *y = product->out[0];
    const struct shape *s = &y->type.shape;
    if (s->rank != 2 || s->dim[0] < 0 || s->dim[0] >= FEW || s->dim[1] < 0)
        return 0;
    struct build at = build_after(product);
    struct tensor *bias = tensor_new(n->graph->model->arena, DTYPE_F32,
                                     &(struct shape){.rank = 1, .dim = {s->dim[1]}});
    for (int64_t i = 0; i < s->dim[1]; i++) /* all alike would be one number, which is no bias */
        tensor_f32(bias)[i] = (float)(least_sum * (double)(1 + i % 2));
    struct value *in[] = {y, build_constant(&at, "tiny", bias)};
    struct node *sum = build_node(&at, OP_Add, 2, in, 1);
    sum->out[0]->type = y->type;
    value_replace(y, sum->out[0]);
    node_set_input(sum, 0, y);
    return 1;
}

/* Does something need the size of a batch that is not known before the model runs? */
static bool asks_for_sizes(const struct graph *g)
{
    for (const struct node *n = g->first; n; n = n->next)
        if (n->op == OP_Shape || n->op == OP_LSTM || n->op == OP_GRU || n->op == OP_RNN)
            return true;
    return false;
}

/* Writes the bias of a convolution of an unknown batch as a sum of its own; how many. */
static int part_bias(struct node *n)
{
    const struct tensor *bias = n->op == OP_Conv ? node_constant(n, 2) : NULL;
    struct value *y = n->n_out ? n->out[0] : NULL;
    if (!bias || y->type.shape.rank < 3 || y->type.shape.dim[0] >= 0 || y->type.dtype != DTYPE_F32)
        return 0;
    struct tensor *along = arena_copy(n->graph->model->arena, bias, sizeof *bias);
    along->shape = channel_shape(y->type.shape.rank, 1, tensor_count(bias));
    struct build at = build_after(n);
    struct node *sum = build_node(&at, OP_Add, 2,
                                  (struct value *[]){y, build_constant(&at, "bias", along)}, 1);
    sum->out[0]->type = y->type;
    value_replace(y, sum->out[0]);
    node_set_input(sum, 0, y);
    value_swap_names(y, sum->out[0]);
    node_set_input(n, 2, NULL);
    return 1;
}

int suit_sums(struct graph *g)
{
    int changes = 0;
    bool asked = asks_for_sizes(g);
    graph_each(g, n) {
        changes += asked ? part_bias(n) : 0;
        changes += hold_scales(n);
        changes += part_products(n);
    }
    return changes;
}
