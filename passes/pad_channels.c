/* SPDX-License-Identifier: Apache-2.0
 *
 * pad-channels: a multiple of 4 input channels for the integer convolutions that read the outside.
 *
 *     Conv(DQ(Q(x)), w)  =>  Conv(DQ(Q(Pad(x))), w with zeros)     3 channels become 4
 *
 * ONNX Runtime's kernel reads such an input in place, and otherwise copies what is under the filter
 * for each position, which for the three channels of a picture takes longer than the convolution.
 * No number changes: zeros are on every grid, and meet zeros.
 */
#include "op.h"
#include "pass.h"
#include "predict_cost.h"
#include "target.h"

#include <string.h>

enum { MULTIPLE = 4 };

/* What a convolution between quantizers is made of. */
struct ends {
    struct node *quantize, *dequantize, *weight; /* weight: its DequantizeLinear */
    const struct tensor *codes;
};

/* Nothing of what it computes goes into the kernel of a layer, or runs on codes. */
static bool is_outside(const struct value *v)
{
    const struct node *n = v->def;
    if (!n)
        return !v->constant;
    if (op_table[n->op].role == ROLE_WEIGHTED || n->op == OP_Relu || n->op == OP_Clip
        || n->op == OP_Add)
        return false;
    for (int i = 0; i < n->n_in; i++)
        if (value_def(node_input(n, i), OP_DequantizeLinear))
            return false;
    return true;
}

static bool find_ends(const struct node *n, struct ends *e)
{
    e->dequantize = value_def(node_input(n, 0), OP_DequantizeLinear);
    e->weight = value_def(node_input(n, 1), OP_DequantizeLinear);
    if (!e->dequantize || !e->weight)
        return false;
    e->quantize = value_def(node_input(e->dequantize, 0), OP_QuantizeLinear);
    e->codes = node_constant(e->weight, 0);
    if (!e->quantize || !e->codes || e->codes->shape.rank != 4)
        return false;
    const struct tensor *scale = node_constant(e->quantize, 1);
    const struct value *x = node_input(e->quantize, 0);
    return scale && tensor_count(scale) == 1 && value_used_once(n->in[0].value)
        && value_used_once(node_input(e->dequantize, 0)) && value_used_once(n->in[1].value)
        && value_used_once(node_input(e->weight, 0)) && e->quantize->graph == n->graph
        && x->type.dtype == DTYPE_F32 && x->type.shape.rank == 4 && is_outside(x);
}

/* More input channels, whose codes stand for 0. */
static struct tensor *pad_weight(const struct ends *e, int64_t channels, struct arena *a)
{
    const struct tensor *w = e->codes, *zero = node_constant(e->weight, 2);
    struct shape shape = w->shape;
    shape.dim[1] = channels;
    struct tensor *t = tensor_new(a, w->dtype, &shape);
    int64_t row = shape_span(&w->shape, 1, 4), wide = shape_span(&shape, 1, 4);
    for (int64_t o = 0; o < shape.dim[0]; o++) {
        int code = zero ? (int)tensor_get(zero, tensor_count(zero) > 1 ? o : 0) : 0;
        memset((char *)t->data + o * wide, code, (size_t)wide);
        memcpy((char *)t->data + o * wide, (const char *)w->data + o * row, (size_t)row);
    }
    return t;
}

static void pad(struct node *n, const struct ends *e, int64_t channels)
{
    struct arena *a = n->graph->model->arena;
    struct build at = build_before(e->quantize);
    struct tensor *pads = tensor_new(a, DTYPE_I64, &(struct shape){1, {8}});
    memset(pads->data, 0, pads->size);
    ((int64_t *)pads->data)[5] = channels - e->codes->shape.dim[1];
    struct value *x = node_input(e->quantize, 0);
    struct value *in[] = {x, build_constant(&at, "pads", pads)};
    struct value *padded = build_node(&at, OP_Pad, 2, in, 1)->out[0];
    node_set_input(e->quantize, 0, padded);
    padded->type = x->type;
    padded->type.shape.dim[1] = channels;
    e->quantize->out[0]->type.shape.dim[1] = channels;
    e->dequantize->out[0]->type.shape.dim[1] = channels;
    at = build_before(e->weight);
    at.stem = node_input(e->weight, 0)->name;
    node_set_input(e->weight, 0, build_constant(&at, "padded", pad_weight(e, channels, a)));
    n->in[1].value->type.shape.dim[1] = channels;
}

static int pad_graph(struct graph *g)
{
    int changes = 0;
    graph_each(g, n) {
        struct ends e;
        if (n->op != OP_Conv || node_int(n, "group", 1) != 1 || !find_ends(n, &e))
            continue;
        int64_t channels = (e.codes->shape.dim[1] + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
        if (channels == e.codes->shape.dim[1] || !cost_pays_to_pad(n, (double)channels))
            continue;
        pad(n, &e, channels);
        changes++;
    }
    return changes;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    int n_graphs, changes = 0;
    (void)err;
    if (!ctx->target || !ctx->target->pad_channels)
        return 0;
    struct graph **graph = model_graphs(m, ctx->scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        changes += pad_graph(graph[i]);
    return changes;
}

const struct pass pass_pad_channels = {
    .name = "pad-channels",
    .summary = "give pictures a fourth channel where ONNX Runtime reads that faster",
    .needs = FACT_TYPES,
    .breaks = FACT_TYPES,
    .run = run,
};
