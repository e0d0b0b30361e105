/* SPDX-License-Identifier: Apache-2.0
 *
 * lower-dynamic: annotations become products of codes whose activations are quantized at run time.
 *
 *     MatMul(x, w)  =>  q, s, z = DynamicQuantizeLinear(x)
 *                       Mul(Cast(MatMulInteger(q, codes of w, z, zero of w)), Mul(s, scale of w))
 *     Gemm(x, w, b) =>  the same, and an Add of b
 *     Conv(x, w, b) =>  the same with ConvInteger; scales and bias along the channel axis
 *
 * With a scale a row, s = max |x| / 127 of each:
 *
 *     MatMul(x, w)  =>  Mul(MatMul(DQ(Q(Div(x, s), 1, 128), 1, 128), DQ(codes of w)), s)
 *
 * The first are the shapes that ONNX Runtime fuses into DynamicQuantizeMatMul; the second looks
 * like one of calibrated activations, and runs in integers where that does. Values that several
 * layers read are quantized once. Biases stay float. Weights of other operators that have a quant
 * get a DequantizeLinear.
 */
#include "lower.h"
#include "op.h"
#include "pass.h"
#include "place.h"

struct lowering {
    struct model *m;
    struct node **quantize; /* by id of the value: its DynamicQuantizeLinear ... */
    struct rows *rows;      /* ... or its rows on a grid */
};

struct rows {
    struct value *scale, *grid; /* x = scale * grid, up to rounding */
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

static struct value *scalar(struct build *at, const char *name, float x)
{
    struct tensor *t = tensor_new(at->graph->model->arena, DTYPE_F32, &(struct shape){0});
    tensor_f32(t)[0] = x;
    return build_constant(at, name, t);
}

static struct value *two(struct build *at, enum op op, struct value *a, struct value *b)
{
    return build_node(at, op, 2, (struct value *const[]){a, b}, 1)->out[0];
}

/* The rows of v between -127 and 127, rounded there: a grid that is the same for every row. */
static const struct rows *round_rows(struct lowering *l, struct value *v)
{
    struct rows *r = &l->rows[v->id];
    if (r->grid)
        return r;
    struct build at = lower_cursor(v);
    struct arena *a = l->m->arena;
    struct node *abs = build_node(&at, OP_Abs, 1, &v, 1), *max;
    abs->in[0].plain = true;
    if (model_opset(l->m, "") < 18) {
        max = build_node(&at, OP_ReduceMax, 1, abs->out, 1);
        node_set_ints(max, "axes", (const int64_t[]){-1}, 1);
    } else {
        struct tensor *axes = tensor_new(a, DTYPE_I64, &(struct shape){1, {1}});
        *(int64_t *)axes->data = -1;
        struct value *in[] = {abs->out[0], build_constant(&at, "axes", axes)};
        max = build_node(&at, OP_ReduceMax, 2, in, 1);
    }
    struct value *unit = scalar(&at, "unit", 1.0f / QUANT_ROW_LIMIT);
    r->scale = two(&at, OP_Max, two(&at, OP_Mul, max->out[0], unit),
                   scalar(&at, "least", QUANT_ROW_LEAST));
    struct value *x = two(&at, OP_Div, v, r->scale), *one = scalar(&at, "one", 1);
    x->def->in[0].plain = true;
    struct tensor *zero = tensor_new(a, DTYPE_U8, &(struct shape){0});
    *(uint8_t *)zero->data = QUANT_ROW_MIDDLE;
    struct value *middle = build_constant(&at, "zero_point", zero);
    struct value *codes = build_node(&at, OP_QuantizeLinear, 3,
                                     (struct value *const[]){x, one, middle}, 1)->out[0];
    r->grid = build_node(&at, OP_DequantizeLinear, 3,
                         (struct value *const[]){codes, one, middle}, 1)->out[0];
    return r;
}

static void lower_rows(struct lowering *l, const struct qlayer *layer)
{
    struct node *n = layer->node;
    const struct rows *x = round_rows(l, layer->input);
    struct build at = build_before(n);
    struct value *sum = two(&at, OP_MatMul, x->grid, qlayer_weight(layer));
    struct value *y = two(&at, OP_Mul, sum, x->scale);
    struct value *bias = n->op == OP_MatMul ? NULL : qlayer_bias(layer);
    if (bias)
        y = two(&at, OP_Add, y, bias);
    lower_give_value(y->def, n->out[0]);
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
    l.rows = NEW_ARRAY(ctx->scratch, m->n_values, struct rows);
    for (int i = 0; i < p.n_layer; i++) {
        const struct quant *q = p.layer[i].input->quant;
        if (q && !p.layer[i].node->in[0].plain)
            (q->type.rows ? lower_rows : lower_layer)(&l, &p.layer[i]);
    }
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
