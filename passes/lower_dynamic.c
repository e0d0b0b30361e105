/* SPDX-License-Identifier: Apache-2.0
 *
 * lower-dynamic: annotations become products of codes whose activations are quantized at run time.
 *
 *     MatMul(x, w)  =>  q, s, z = DynamicQuantizeLinear(x)
 *                       Mul(Cast(MatMulInteger(q, codes of w, z, zero of w)), Mul(s, scale of w))
 *     Gemm(x, w, b) =>  the same, and an Add of b
 *     Conv(x, w, b) =>  the same with ConvInteger; scales and bias along the channel axis
 *
 * These are the shapes that ONNX Runtime fuses into DynamicQuantizeMatMul. Values that several
 * layers read are quantized once. Biases stay float. Weights of other operators that have a quant
 * get a DequantizeLinear.
 */
#include "lower.h"
#include "op.h"
#include "pass.h"
#include "place.h"

struct lowering {
    struct model *m;
    struct node **quantize; /* by id of the value: its DynamicQuantizeLinear */
};

static struct node *quantize(struct lowering *l, struct value *v)
{
    struct node **q = &l->quantize[v->id];
    if (*q)
        return *q;
    struct build at = lower_cursor(v);
    *q = build_node(&at, OP_DynamicQuantizeLinear, 1, &v, 3);
    (*q)->in[0].plain = true;
    (*q)->out[0]->type = (struct tensor){.dtype = DTYPE_U8, .shape = v->type.shape};
    return *q;
}

/* A vector of channels as it broadcasts over the output: along the last axis, or along axis 1 of a
 * convolution with so many spatial axes. */
static const struct tensor *along_channels(struct arena *a, const struct tensor *t, int spatial)
{
    if (!spatial || t->shape.rank == 0)
        return t;
    struct tensor *r = arena_copy(a, t, sizeof *t);
    r->shape.rank = spatial + 1;
    for (int i = 1; i <= spatial; i++)
        r->shape.dim[i] = 1;
    return r;
}

static struct value *factor(struct lowering *l, struct build *at, const struct qlayer *layer,
                            struct value *scale, int spatial)
{
    struct value *ws = lower_scale(at, qlayer_weight(layer)->quant, NULL);
    const struct tensor *shaped = along_channels(l->m->arena, ws->constant, spatial);
    if (shaped != ws->constant)
        ws = build_constant(at, "scale", shaped);
    return build_node(at, OP_Mul, 2, (struct value *const[]){scale, ws}, 1)->out[0];
}

static void lower_layer(struct lowering *l, const struct qlayer *layer)
{
    struct node *n = layer->node, *x = quantize(l, layer->input);
    const struct value *w = qlayer_weight(layer);
    bool conv = n->op == OP_Conv;
    int spatial = conv ? w->constant->shape.rank - 2 : 0;
    struct build at = build_before(n);
    struct value *codes = build_constant(&at, "quantized",
                                         quant_codes(l->m->arena, w->quant, w->constant));
    /* Runtimes take one zero point for the weight of a convolution; symmetric ones need none. */
    struct value *zero = conv && w->quant->type.grain != GRAIN_TENSOR
                           ? NULL : lower_zero(&at, w->quant, NULL);
    struct value *in[] = {x->out[0], codes, x->out[2], zero};
    enum op op = conv ? OP_ConvInteger : OP_MatMulInteger;
    struct node *sum = build_node(&at, op, zero ? 4 : 3, in, 1);
    if (conv)
        node_copy_attrs(sum, n);
    struct node *cast = build_node(&at, OP_Cast, 1, sum->out, 1);
    node_set_int(cast, "to", DTYPE_F32);
    struct value *scale = factor(l, &at, layer, x->out[1], spatial);
    struct node *y = build_node(&at, OP_Mul, 2, (struct value *const[]){cast->out[0], scale}, 1);
    struct value *bias = n->op == OP_MatMul ? NULL : qlayer_bias(layer);
    if (bias) {
        const struct tensor *b = along_channels(l->m->arena, bias->constant, spatial);
        if (b != bias->constant)
            bias = build_constant(&at, "bias", b);
        y = build_node(&at, OP_Add, 2, (struct value *const[]){y->out[0], bias}, 1);
    }
    lower_give_value(y, n->out[0]);
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    struct lowering l = {.m = m};
    struct placement p;
    struct value **list;
    int n = lower_collect(m, ctx->scratch, &list);
    place_find_layers(m, ctx->scratch, &p);
    l.quantize = NEW_ARRAY(ctx->scratch, m->n_values, struct node *);
    for (int i = 0; i < p.n_layer; i++)
        if (p.layer[i].input->quant && !p.layer[i].node->in[0].plain)
            lower_layer(&l, &p.layer[i]);
    graph_sweep(m->graph);
    for (int i = 0; i < n; i++) {
        if (list[i]->constant && lower_is_wanted(list[i]))
            lower_constant(list[i]);
        lower_finish(list[i]);
    }
    graph_sweep(m->graph);
    return p.n_layer;
}

const struct pass pass_lower_dynamic = {
    .name = "lower-dynamic",
    .summary = "write layers as MatMulInteger and ConvInteger of inputs quantized at run time",
    .needs = FACT_SOLVED,
    .gives = FACT_LOWERED,
    .breaks = FACT_PLACED | FACT_RANGED | FACT_SOLVED | FACT_TYPES,
    .run = run,
};
