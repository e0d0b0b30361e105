/* SPDX-License-Identifier: Apache-2.0
 *
 * suit-runtime: what a runtime would do with a lowered model that is not meant.
 *
 * ONNX Runtime quantizes by itself, with one scale, the constant weight of a float layer whose
 * input and output are quantized. And it gives each reader of a DequantizeLinear one of its own, so
 * that it finds no x * Sigmoid(x), which it has a kernel for:
 *
 *     Conv(x, w)      =>  Conv(Clip(x), w)                        w float, x dequantized
 *     x * Sigmoid(x)  =>  com.microsoft.QuickGelu(x), alpha = 1   x dequantized
 *
 * The limits of the Clip lie a step outside of what codes stand for: it changes no number, and the
 * runtime looks no further.
 *
 * OpenVINO moves quantizers in front of a Concat, as if it joined channels. Where it joins
 * something else it does not load a matrix product behind it, and runs a convolution in float:
 *
 *     QuantizeLinear(Concat(a, b))  =>  QuantizeLinear(Max(Concat(a, b), lo))
 *
 * with lo a step below what codes stand for. And it makes pictures of tokens for a convolution
 * without moving a byte, but not if they are rounded on the way; rounded before, they are bytes:
 *
 *     DequantizeLinear(QuantizeLinear(Reshape(Transpose(x))))
 *         =>  Reshape(Transpose(DequantizeLinear(QuantizeLinear(x))))
 */
#include "op.h"
#include "pass.h"
#include "predict.h"
#include "target.h"

static struct value *scalar(struct build *at, const char *stem, double x)
{
    struct tensor *t = tensor_new(at->graph->model->arena, DTYPE_F32, &(struct shape){0});
    tensor_f32(t)[0] = (float)x;
    return build_constant(at, stem, t);
}

/* Across operators that move codes. */
static const struct node *dequantize_before(const struct value *v)
{
    const struct node *n = v->def;
    while (n && n->op != OP_DequantizeLinear)
        n = n->n_in && n->in[0].value ? n->in[0].value->def : NULL;
    return n;
}

/* A step below and one above what the codes of a QuantizeLinear or DequantizeLinear stand for;
 * false: they are not known. */
static bool find_limits(const struct node *n, double *lo, double *hi)
{
    const struct tensor *scale = node_constant(n, 1), *zero = node_constant(n, 2);
    if (!scale || !zero || tensor_count(scale) != 1 || !dtype_info(zero->dtype)->is_integer)
        return false;
    double s = tensor_get(scale, 0), z = tensor_get(zero, 0);
    const struct dtype_info *codes = dtype_info(zero->dtype);
    *lo = ((double)codes->min - z - 1) * s;
    *hi = ((double)codes->max - z + 1) * s;
    return true;
}

/* v across a Clip in front of node n; NULL: the limits of its codes are not known. */
static struct value *clip_codes(const struct value *v, struct node *n)
{
    const struct node *dq = dequantize_before(v);
    double lo, hi;
    if (!dq || !find_limits(dq, &lo, &hi))
        return NULL;
    struct build at = build_before(n);
    struct value *in[] = {(struct value *)v, scalar(&at, "least", lo), scalar(&at, "most", hi)};
    return build_node(&at, OP_Clip, 3, in, 1)->out[0];
}

/* The Concat that a value comes from, with operators of one input between that keep its shape but
 * for the order of axes (then *turned); NULL: it comes from none. */
static const struct node *join_before(const struct value *v, bool *turned)
{
    const struct node *n = v->def;
    for (*turned = false; n && n->op != OP_Concat; n = n->in[0].value->def) {
        *turned |= n->op == OP_Transpose;
        bool passes = n->op == OP_Transpose || n->op == OP_Relu || n->op == OP_Clip
                   || n->op == OP_Identity;
        if (!passes || !n->in[0].value)
            return NULL;
    }
    return n;
}

/* The axis of channels of the layer that reads the codes, behind so many operators at most that
 * leave axes where they are; -1: there is none, or several differ. */
static int channel_axis(const struct value *codes, int most)
{
    int axis = -1, rank = codes->type.shape.rank;
    value_each_use(codes, u) {
        const struct node *n = u->user;
        bool keeps = n->op == OP_DequantizeLinear || n->op == OP_MaxPool || n->op == OP_Slice
                  || n->op == OP_Identity;
        int here = n->op == OP_Conv || n->op == OP_ConvTranspose ? 1
                 : n->op == OP_MatMul || n->op == OP_Gemm        ? rank - 1
                 : keeps && most                                 ? channel_axis(n->out[0], most - 1)
                                                                 : -1;
        if (here < 0 || (axis >= 0 && here != axis))
            return -1;
        axis = here;
    }
    return axis;
}

/* Puts a Max in front of a QuantizeLinear that would be moved; how many. */
static int hold_quantizer(struct node *n)
{
    bool turned;
    double lo, hi;
    const struct value *x = node_input(n, 0);
    const struct node *join = n->op == OP_QuantizeLinear && x ? join_before(x, &turned) : NULL;
    if (!join || x->type.shape.rank < 0 || !find_limits(n, &lo, &hi))
        return 0;
    int64_t axis = node_int(join, "axis", 0);
    axis += axis < 0 ? x->type.shape.rank : 0;
    if (!turned && axis == channel_axis(n->out[0], 8))
        return 0;
    struct build at = build_before(n);
    struct value *in[] = {(struct value *)x, scalar(&at, "least", lo)};
    struct value *max = build_node(&at, OP_Max, 2, in, 1)->out[0];
    max->type = x->type;
    node_set_input(n, 0, max);
    return 1;
}

static bool has_integer_weight(const struct node *n, int slot)
{
    const struct node *dq = value_def(node_input(n, slot), OP_DequantizeLinear);
    return dq && node_constant(dq, 0);
}

/* A matrix product with an integer weight, with or without the Add of a constant, or a
 * LayerNormalization. (What is behind other products would have them quantized.) */
static bool makes_tokens(const struct value *v)
{
    const struct node *n = v->def;
    if (n && n->op == OP_Add) {
        bool first = node_constant(n, 0) || has_integer_weight(n, 0);
        n = first || node_constant(n, 1) || has_integer_weight(n, 1) ? node_input(n, first)->def
                                                                     : NULL;
    }
    if (n && (n->op == OP_MatMul || n->op == OP_Gemm))
        return has_integer_weight(n, 0) || has_integer_weight(n, 1);
    return n && n->op == OP_LayerNormalization;
}

/* The first of the operators that turn tokens into v, which one node reads, all of one graph;
 * NULL: v is no such. */
static struct node *first_mover(const struct value *v, const struct graph *g)
{
    struct node *first = NULL;
    bool turned = false;
    for (; v->def && v->graph == g && value_used_once(v); v = node_input(first, 0)) {
        enum op op = v->def->op;
        if (op != OP_Transpose && op != OP_Reshape && op != OP_Flatten && op != OP_Squeeze
            && op != OP_Unsqueeze)
            break;
        turned |= op == OP_Transpose;
        first = v->def;
    }
    return turned && v->graph == g && value_used_once(v) && makes_tokens(v) ? first : NULL;
}

static bool only_convolutions_read(const struct value *v)
{
    value_each_use(v, u)
        if (u->user->op != OP_Conv || u->user->graph != v->graph || u != &u->user->in[0])
            return false;
    return v->uses;
}

/* The same operator in front of `at`, of another value. */
static struct value *again(struct build *at, const struct node *n, struct value *x)
{
    struct value **in = NEW_ARRAY(at->graph->model->arena, n->n_in, struct value *);
    for (int i = 0; i < n->n_in; i++)
        in[i] = i ? n->in[i].value : x;
    struct node *made = build_node(at, n->op, n->n_in, in, 1);
    node_copy_attrs(made, n);
    made->out[0]->type.dtype = n->out[0]->type.dtype;
    made->out[0]->type.shape = x->type.shape;
    return made->out[0];
}

/* The node that quantizes what n gives, with one scale for all: n, or the only one in front of it;
 * NULL: there is none. */
static struct node *find_quantizer(struct node *n)
{
    if (n->op == OP_FakeQuantize)
        return n;
    struct node *q = n->op == OP_DequantizeLinear
                   ? value_def(node_input(n, 0), OP_QuantizeLinear) : NULL;
    return q && q->graph == n->graph && value_used_once(q->out[0]) && !node_attr(q, "axis") ? q
                                                                                          : NULL;
}

/* Rounds tokens before they become a picture; n is the last node that rounds it. How many. */
static int round_tokens(struct node *n)
{
    struct node *quantize = find_quantizer(n);
    if (!quantize || !only_convolutions_read(n->out[0]))
        return 0;
    struct value *picture = node_input(quantize, 0);
    struct node *first = first_mover(picture, n->graph);
    if (!first)
        return 0;
    struct build at = build_before(first);
    struct value *rounded = again(&at, quantize, node_input(first, 0));
    if (quantize != n)
        rounded = again(&at, n, rounded);
    value_replace(n->out[0], picture);
    node_set_input(first, 0, rounded);
    node_remove(n);
    if (quantize != n)
        node_remove(quantize);
    return 1;
}

/* The Sigmoid of n = x * Sigmoid(x), where x comes out of a DequantizeLinear and goes nowhere else;
 * NULL: n is another. */
static struct node *gate_of(const struct node *n)
{
    for (int i = 0; n->op == OP_Mul && i < 2; i++) {
        const struct value *x = node_input(n, 1 - i);
        struct node *sigmoid = value_def(node_input(n, i), OP_Sigmoid);
        if (!sigmoid || node_input(sigmoid, 0) != x || !value_def(x, OP_DequantizeLinear))
            continue;
        int uses = 0;
        value_each_use(x, u)
            uses++;
        if (uses == 2 && value_only_user(sigmoid->out[0]) == n && sigmoid->graph == n->graph
            && x->type.dtype == DTYPE_F32)
            return sigmoid;
    }
    return NULL;
}

static void write_gelu(struct node *n, struct node *sigmoid)
{
    struct model *m = n->graph->model;
    struct build at = build_before(n);
    struct value *x = node_input(sigmoid, 0);
    struct node *gelu = build_node(&at, OP_QuickGelu, 1, &x, 1);
    node_set_float(gelu, "alpha", 1);
    gelu->out[0]->type = n->out[0]->type;
    value_replace(n->out[0], gelu->out[0]);
    value_swap_names(n->out[0], gelu->out[0]);
    node_remove(n);
    node_remove(sigmoid);
    if (!model_opset(m, gelu->domain))
        model_set_opset(m, gelu->domain, 1);
}

/* For OpenVINO; changes: Max nodes, and pairs that stand elsewhere. */
static int place_quantizers(struct graph *g)
{
    int changes = 0;
    graph_each(g, n) {
        changes += hold_quantizer(n);
        changes += round_tokens(n);
    }
    return changes;
}

/* For ONNX Runtime; changes: Clip and QuickGelu nodes. */
static int keep_floats(struct graph *g)
{
    int changes = 0;
    graph_each(g, n) {
        struct value *cut = NULL;
        struct node *sigmoid = gate_of(n);
        if (sigmoid) {
            write_gelu(n, sigmoid);
            changes++;
        } else if (predict_ort_rounds_weight(n) && (cut = clip_codes(n->in[0].value, n))) {
            node_set_input(n, 0, cut);
            changes++;
        }
    }
    return changes;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    int n_graphs, changes = 0;
    (void)err;
    if (!ctx->target)
        return 0;
    struct graph **graph = model_graphs(m, ctx->scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++) {
        changes += ctx->target->rounds_floats ? keep_floats(graph[i]) : 0;
        changes += ctx->target->moves_quantizers ? place_quantizers(graph[i]) : 0;
    }
    return changes;
}

const struct pass pass_suit_runtime = {
    .name = "suit-runtime",
    .summary = "keep runtimes from rounding floats, parting gates and moving quantizers or floats",
    .needs = FACT_TYPES,
    .breaks = FACT_TYPES,
    .run = run,
};
