/* SPDX-License-Identifier: Apache-2.0
 *
 * lower-qoperator: annotations become operators that compute on codes.
 *
 *     Conv of x, w, bias, [Relu | Clip] and y with quants  =>  QLinearConv
 *     Gemm of x, w and bias with quants     =>  com.microsoft.QGemm, with codes or floats as output
 *     MatMul of two values with quants      =>  QLinearMatMul; where the output is float,
 *                                               com.microsoft.MatMulIntegerToFloat with the bias
 *     Add, Concat, ... with quants on all sides            =>  com.microsoft.QLinearAdd, ...
 *     what only moves codes, one quant on both sides       =>  itself, on codes
 *
 * A value has codes where such an operator makes them, or else a QuantizeLinear; whoever reads the
 * rounded value as float gets a DequantizeLinear. Nodes that do not fit stay as they are between
 * the two.
 */
#include "lower.h"
#include "op.h"
#include "pass.h"
#include "place.h"

#include <string.h>

struct lowering {
    struct model *m;
    const struct target *target;
    struct value **codes;          /* by id of the value; NULL: none yet */
    const struct qlayer **layer;   /* by id of the node */
    struct lower_parameters *known;
};

static bool is_byte(const struct quant *q)
{
    return q->type.dtype == DTYPE_U8 || q->type.dtype == DTYPE_I8;
}

/* Does input i arrive as codes? */
static bool reads_codes(const struct node *n, int i)
{
    const struct value *v = node_input(n, i);
    return v && v->quant && is_byte(v->quant) && !n->in[i].plain;
}

/* Do all readers of v take it rounded? */
static bool writes_codes(const struct value *v)
{
    if (!v->quant || !is_byte(v->quant))
        return false;
    value_each_use(v, u)
        if (u->plain)
            return false;
    return true;
}

/* Does the operator leave the values of the grid alone? */
static bool is_idle_on(const struct node *n, const struct quant *q)
{
    double lo = (double)(quant_min(&q->type) - q->zero[0]) * (double)q->scale[0];
    double hi = (double)(quant_max(&q->type) - q->zero[0]) * (double)q->scale[0];
    if (n->op == OP_Relu)
        return lo >= 0;
    const struct tensor *low = node_constant(n, 1), *high = node_constant(n, 2);
    return n->op == OP_Clip && (!node_input(n, 1) || low) && (!node_input(n, 2) || high)
        && (!low || lo >= tensor_get(low, 0)) && (!high || hi <= tensor_get(high, 0));
}

/* The value that v's codes are: v itself, or what a Relu or Clip behind it gives that vanishes in
 * the rounding. NULL: v is needed as float. */
static struct value *coded_output(struct value *v)
{
    struct node *n = v->quant ? NULL : value_user_behind(v);
    if (n && !node_is_result(n) && node_input(n, 0) == v && n->n_out && n->out[0]->quant
        && is_idle_on(n, n->out[0]->quant))
        v = n->out[0];
    return writes_codes(v) ? v : NULL;
}

static const struct lower_parameters *sides(struct lowering *l, const struct value *v)
{
    struct build at = {.graph = v->graph, .before = v->graph->first, .stem = v->name};
    return lower_parameters(l->known, &at, v->quant);
}

static struct value *codes_of(struct lowering *l, struct value *v)
{
    struct value **codes = &l->codes[v->id];
    if (*codes)
        return *codes;
    struct build at = lower_cursor(v);
    if (v->constant)
        return *codes = build_constant(&at, "quantized",
                                       quant_codes(l->m->arena, v->quant, v->constant));
    const struct lower_parameters *p = sides(l, v);
    struct node *q = lower_node(&at, OP_QuantizeLinear, v, p->scale, p->zero, v->quant);
    q->in[0].plain = true;
    return *codes = q->out[0];
}

/* The codes, scale and zero point of input i of n, at in[0..2]. */
static void put_side(struct lowering *l, const struct node *n, int i, struct value **codes,
                     struct value **scale, struct value **zero)
{
    struct value *v = node_input(n, i);
    const struct lower_parameters *p = sides(l, v);
    *codes = codes_of(l, v);
    *scale = p->scale;
    *zero = p->zero;
}

/* The new node computes the codes of y. */
static void give_codes(struct lowering *l, struct node *made, struct value *y)
{
    made->out[0]->type.shape = y->type.shape;
    made->out[0]->type.dtype = y->quant->type.dtype;
    l->codes[y->id] = made->out[0];
}

/* The int32 codes of a layer's bias; NULL: it has none. False: it is float. */
static bool bias_codes(struct lowering *l, const struct qlayer *layer, struct value **codes)
{
    struct value *b = qlayer_bias(layer);
    *codes = NULL;
    if (!b)
        return true;
    if (!b->quant || b->quant->type.dtype != DTYPE_I32)
        return false;
    *codes = codes_of(l, b);
    return true;
}

static bool lower_conv(struct lowering *l, struct node *n, const struct qlayer *layer)
{
    enum { X, XS, XZ, W, WS, WZ, YS, YZ, B };
    struct value *y = coded_output(n->out[0]), *in[9] = {0};
    if (!y || !bias_codes(l, layer, &in[B]))
        return false;
    put_side(l, n, 0, &in[X], &in[XS], &in[XZ]);
    put_side(l, n, 1, &in[W], &in[WS], &in[WZ]);
    in[YS] = sides(l, y)->scale;
    in[YZ] = sides(l, y)->zero;
    struct build at = build_before(n);
    struct node *made = build_node(&at, OP_QLinearConv, in[B] ? 9 : 8, in, 1);
    node_copy_attrs(made, n);
    give_codes(l, made, y);
    return true;
}

/* Its factors are in its constants (place), and its input is not transposed. */
static bool lower_gemm(struct lowering *l, struct node *n, const struct qlayer *layer)
{
    enum { A, AS, AZ, B, BS, BZ, C, YS, YZ };
    struct value *y = coded_output(n->out[0]), *in[9] = {0};
    if (!bias_codes(l, layer, &in[C]))
        return false;
    put_side(l, n, 0, &in[A], &in[AS], &in[AZ]);
    put_side(l, n, 1, &in[B], &in[BS], &in[BZ]);
    in[YS] = y ? sides(l, y)->scale : NULL;
    in[YZ] = y ? sides(l, y)->zero : NULL;
    struct build at = build_before(n);
    struct node *made = build_node(&at, OP_QGemm, y ? 9 : in[C] ? 7 : 6, in, 1);
    node_set_int(made, "transB", node_int(n, "transB", 0));
    if (y)
        give_codes(l, made, y);
    else
        lower_give_value(made, n->out[0]);
    return true;
}

/* What the bias is when it has been rounded. */
static struct value *rounded_bias(struct lowering *l, const struct qlayer *layer)
{
    struct value *b = layer ? qlayer_bias(layer) : NULL;
    if (!b || !b->quant)
        return b;
    struct build at = lower_cursor(b);
    struct tensor *t = tensor_new(l->m->arena, DTYPE_F32, &b->constant->shape);
    quant_round_tensor(b->quant, b->constant, t);
    return build_constant(&at, "rounded", t);
}

/* layer: NULL for a product of two activations. */
static bool lower_matmul(struct lowering *l, struct node *n, const struct qlayer *layer)
{
    struct value *a[3], *b[3], *bias = rounded_bias(l, layer);
    struct value *y = bias ? NULL : coded_output(n->out[0]);
    put_side(l, n, 0, &a[0], &a[1], &a[2]);
    put_side(l, n, 1, &b[0], &b[1], &b[2]);
    if (y) {
        struct build at = build_before(n);
        const struct lower_parameters *p = sides(l, y);
        struct value *in[] = {a[0], a[1], a[2], b[0], b[1], b[2], p->scale, p->zero};
        give_codes(l, build_node(&at, OP_QLinearMatMul, 8, in, 1), y);
        return true;
    }
    struct build at = build_before(bias ? layer->bias_node : n);
    struct value *in[] = {a[0], b[0], a[1], b[1], a[2], b[2], bias};
    struct node *made = build_node(&at, OP_MatMulIntegerToFloat, bias ? 7 : 6, in, 1);
    lower_give_value(made, bias ? layer->bias_node->out[0] : n->out[0]);
    return true;
}

/* Operators that are the same on codes, with parameters around. */
static const struct unit {
    enum op op, coded;
    bool output_first; /* Concat: the output's parameters lead */
    bool channels;     /* has the attribute channels_last */
} units[] = {
    {OP_Add, OP_QLinearAdd, false, false},
    {OP_Mul, OP_QLinearMul, false, false},
    {OP_Concat, OP_QLinearConcat, true, false},
    {OP_AveragePool, OP_QLinearAveragePool, false, true},
    {OP_GlobalAveragePool, OP_QLinearGlobalAveragePool, false, true},
    {OP_LeakyRelu, OP_QLinearLeakyRelu, false, false},
    {OP_Sigmoid, OP_QLinearSigmoid, false, false},
    {OP_Softmax, OP_QLinearSoftmax, false, false},
};

static bool lower_unit(struct lowering *l, struct node *n)
{
    const struct unit *u = units;
    while (u < units + sizeof units / sizeof units[0] && u->op != n->op)
        u++;
    bool known = u < units + sizeof units / sizeof units[0] && !node_attr(n, "dilations");
    struct value *y = known ? coded_output(n->out[0]) : NULL;
    for (int i = 0; y && i < n->n_in; i++)
        if (!reads_codes(n, i) || node_input(n, i)->quant->type.dtype != y->quant->type.dtype)
            return false;
    if (!y)
        return false;
    struct value **in = NEW_ARRAY(l->m->arena, 3 * n->n_in + 2, struct value *);
    int at_input = u->output_first ? 2 : 0, at_output = u->output_first ? 0 : 3 * n->n_in;
    for (int i = 0; i < n->n_in; i++)
        put_side(l, n, i, &in[at_input + 3 * i], &in[at_input + 3 * i + 1],
                 &in[at_input + 3 * i + 2]);
    in[at_output] = sides(l, y)->scale;
    in[at_output + 1] = sides(l, y)->zero;
    struct build at = build_before(n);
    struct node *made = build_node(&at, u->coded, 3 * n->n_in + 2, in, 1);
    node_copy_attrs(made, n);
    if (u->channels)
        node_set_int(made, "channels_last", 0);
    if (n->op == OP_Softmax)
        node_set_int(made, "opset", node_opset(n));
    give_codes(l, made, y);
    return true;
}

static bool lower_mover(struct lowering *l, struct node *n)
{
    if (target_rule(l->target, n) != TARGET_CODES || !reads_codes(n, 0) || n->in[0].value->constant)
        return false;
    for (int i = 0; i < n->n_out; i++)
        if (!n->out[i] || !writes_codes(n->out[i]) || n->out[i]->quant != n->in[0].value->quant)
            return false;
    struct value **in = NEW_ARRAY(l->m->arena, n->n_in, struct value *);
    for (int i = 0; i < n->n_in; i++)
        in[i] = i ? node_input(n, i) : codes_of(l, node_input(n, 0));
    struct build at = build_before(n);
    struct node *made = build_node(&at, n->op, n->n_in, in, n->n_out);
    node_copy_attrs(made, n);
    made->opset = n->opset;
    for (int i = 0; i < n->n_out; i++) {
        made->out[i]->type.shape = n->out[i]->type.shape;
        made->out[i]->type.dtype = n->out[i]->quant->type.dtype;
        l->codes[n->out[i]->id] = made->out[i];
    }
    return true;
}

static bool lower_operator(struct lowering *l, struct node *n)
{
    const struct qlayer *layer = l->layer[n->id];
    bool both = reads_codes(n, 0) && reads_codes(n, 1);
    switch (n->op) {
    case OP_Conv: return both && layer && lower_conv(l, n, layer);
    case OP_Gemm: return both && layer && lower_gemm(l, n, layer);
    case OP_MatMul: return both && lower_matmul(l, n, layer);
    default: return lower_unit(l, n) || lower_mover(l, n);
    }
}

/* Readers of the rounded value that take floats. */
static void give_floats(struct lowering *l, struct value *v)
{
    if (v->constant && !l->codes[v->id]) {
        lower_constant(v);
        return;
    }
    struct value *codes = codes_of(l, v);
    const struct lower_parameters *p = sides(l, v);
    lower_dequantize(v, codes, p->scale, p->zero);
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    struct lowering l = {.m = m, .target = ctx->target};
    int n_nodes = m->n_nodes; /* the others are made here */
    struct placement p;
    struct value **list;
    place_find_layers(m, ctx->scratch, &p);
    l.layer = NEW_ARRAY(ctx->scratch, m->n_nodes, const struct qlayer *);
    for (int i = 0; i < p.n_layer; i++)
        l.layer[p.layer[i].node->id] = &p.layer[i];
    l.codes = NEW_ARRAY(ctx->scratch, m->n_values, struct value *);
    int n = lower_collect(m, ctx->scratch, &list), changes = 0;
    l.known = NEW_ARRAY(ctx->scratch, n + 1, struct lower_parameters);
    int n_graphs;
    struct graph **graph = model_graphs(m, ctx->scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        graph_each(graph[i], node)
            changes += node->id < n_nodes && lower_operator(&l, node);
    for (int i = 0; i < n; i++) {
        if (lower_is_wanted(list[i]))
            give_floats(&l, list[i]);
        lower_finish(list[i]);
    }
    graph_sweep(m->graph);
    return changes;
}

const struct pass pass_lower_qoperator = {
    .name = "lower-qoperator",
    .summary = "write annotations as operators on codes: QLinearConv, QGemm, QLinearAdd, ...",
    .needs = FACT_SOLVED,
    .gives = FACT_LOWERED,
    .breaks = FACT_PLACED | FACT_RANGED | FACT_SOLVED | FACT_TYPES,
    .run = run,
};
