/* SPDX-License-Identifier: Apache-2.0
 *
 * lower_products: values that several layers read are quantized once. Biases stay float.
 */
#include "lower_products.h"

#include "lower.h"
#include "op.h"
#include "place.h"
#include "place_units.h"

struct lowering {
    struct model *m;
    struct node **quantize; /* by id of the value: its DynamicQuantizeLinear ... */
    struct rows *rows;      /* ... or its rows on a grid */
};

struct rows {
    struct value *scale, *grid; /* x = scale * grid, up to rounding */
};

/* False: what it reads is the output of a calibrated layer, and rounded. */
static bool reads_float(const struct qlayer *layer)
{
    return qlayer_source(layer) == layer->input || layer->input->def->in[0].plain;
}

static struct node *quantize(struct lowering *l, const struct qlayer *layer)
{
    struct value *v = qlayer_source(layer);
    struct node **q = &l->quantize[v->id];
    if (*q)
        return *q;
    struct build at = lower_cursor(v);
    *q = build_node(&at, OP_DynamicQuantizeLinear, 1, &v, 3);
    (*q)->in[0].plain = reads_float(layer);
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

static struct value *factor(struct lowering *l, struct build *at, const struct quant *weight,
                            struct value *scale, int spatial)
{
    struct value *ws = lower_scale(at, weight, NULL);
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
static const struct rows *round_rows(struct lowering *l, const struct qlayer *layer)
{
    struct value *v = qlayer_source(layer);
    bool plain = reads_float(layer);
    struct rows *r = &l->rows[v->id];
    if (r->grid)
        return r;
    struct build at = lower_cursor(v);
    struct arena *a = l->m->arena;
    struct node *abs = build_node(&at, OP_Abs, 1, &v, 1), *max;
    abs->in[0].plain = plain;
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
    x->def->in[0].plain = plain;
    struct tensor *zero = tensor_new(a, DTYPE_U8, &(struct shape){0});
    *(uint8_t *)zero->data = QUANT_ROW_MIDDLE;
    struct value *middle = build_constant(&at, "zero_point", zero);
    struct value *codes = build_node(&at, OP_QuantizeLinear, 3,
                                     (struct value *const[]){x, one, middle}, 1)->out[0];
    r->grid = build_node(&at, OP_DequantizeLinear, 3,
                         (struct value *const[]){codes, one, middle}, 1)->out[0];
    return r;
}

static bool is_nothing(const struct tensor *t)
{
    for (int64_t i = 0; i < tensor_count(t); i++)
        if (tensor_get(t, i) != 0)
            return false;
    return true;
}

/* The layer's node is another now, and keeps its name. Gemm's attributes say what is so anyway. */
static void retype(struct node *n, enum op op)
{
    n->op = op;
    n->type = op_table[op].name;
    node_drop_attr(n, "alpha");
    node_drop_attr(n, "beta");
    node_drop_attr(n, "transA");
    node_drop_attr(n, "transB");
}

/* y = n(...) has become the last of the nodes behind n, of which the first reads n. */
static void give_result(struct node *n, struct node *first, struct value *last, enum dtype sums)
{
    lower_give_value(last->def, n->out[0]);
    n->out[0]->type.dtype = sums;
    node_set_input(first, 0, n->out[0]);
}

static struct value *own_bias(const struct qlayer *layer)
{
    struct value *bias = layer->node->op == OP_MatMul ? NULL : qlayer_bias(layer);
    return bias && !is_nothing(bias->constant) ? bias : NULL;
}

static void lower_rows(struct lowering *l, const struct qlayer *layer)
{
    struct node *n = layer->node;
    const struct rows *x = round_rows(l, layer);
    struct value *bias = own_bias(layer);
    if (n->op == OP_Gemm) {
        gemm_turn_weight(n);
        node_set_input(n, 2, NULL);
        n->n_in = 2;
    }
    retype(n, OP_MatMul);
    node_set_input(n, 0, x->grid);
    struct build at = build_after(n);
    struct value *y = two(&at, OP_Mul, n->out[0], x->scale), *first = y;
    if (bias)
        y = two(&at, OP_Add, y, bias);
    give_result(n, first->def, y, DTYPE_F32);
}

/* To sums of codes. */
static void become_product(struct lowering *l, const struct qlayer *layer)
{
    struct node *n = layer->node, *x = quantize(l, layer);
    const struct value *w = qlayer_weight(layer);
    bool conv = n->op == OP_Conv;
    struct build at = build_before(n);
    struct value *codes = build_constant(&at, "quantized",
                                         quant_codes(l->m->arena, w->quant, w->constant));
    /* Runtimes take one zero point for the weight of a convolution; symmetric ones need none. */
    struct value *zero = conv && w->quant->type.grain != GRAIN_TENSOR
                           ? NULL : lower_zero(&at, w->quant, NULL);
    struct value *in[] = {x->out[0], codes, x->out[2], zero};
    for (int i = 0; i < (zero ? 4 : 3); i++) {
        node_set_input(n, i, in[i]);
        n->in[i].plain = false;
    }
    retype(n, conv ? OP_ConvInteger : OP_MatMulInteger);
}

static void lower_layer(struct lowering *l, const struct qlayer *layer)
{
    struct node *n = layer->node;
    const struct value *bias = own_bias(layer);
    if (n->op == OP_Gemm)
        gemm_turn_weight(n);
    const struct value *w = qlayer_weight(layer);
    int spatial = n->op == OP_Conv ? w->constant->shape.rank - 2 : 0;
    become_product(l, layer);
    struct build at = build_after(n);
    struct node *cast = build_node(&at, OP_Cast, 1, n->out, 1);
    node_set_int(cast, "to", DTYPE_F32);
    struct value *scale = factor(l, &at, w->quant, quantize(l, layer)->out[1], spatial);
    struct value *y = two(&at, OP_Mul, cast->out[0], scale);
    if (bias)
        y = two(&at, OP_Add, y, build_constant(&at, "bias", along_channels(
            l->m->arena, bias->constant, spatial)));
    give_result(n, cast, y, DTYPE_I32);
}

int lower_products(struct model *m, struct arena *scratch)
{
    struct lowering l = {m, NEW_ARRAY(scratch, m->n_values, struct node *),
                         NEW_ARRAY(scratch, m->n_values, struct rows)};
    struct placement p;
    int n = 0;
    place_find_layers(m, scratch, &p);
    for (int i = 0; i < p.n_layer; i++) {
        const struct quant *q = p.layer[i].input->quant;
        if (!q || !q->type.dynamic || p.layer[i].node->in[0].plain)
            continue;
        (q->type.rows ? lower_rows : lower_layer)(&l, &p.layer[i]);
        n++;
    }
    graph_sweep(m->graph);
    return n;
}
