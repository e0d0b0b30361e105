/* SPDX-License-Identifier: Apache-2.0
 *
 * pad-channels: channels of zeros for the integer convolutions that read the outside (picture.h).
 *
 *     Conv(DQ(Q(x)), w)  =>  Conv(DQ(Pad(Q(x))), w with zeros)            3 channels become 4
 *                            Conv(DQ(Gather(Pad(Q(x)))), w with zeros)    or 8: a 0 b 0 c 0 0 0
 *
 * Codes are padded, of which four take the room of a float. No number changes: zeros are on every
 * grid, and meet zeros.
 */
#include "op.h"
#include "pass.h"
#include "picture.h"
#include "target.h"

#include <string.h>

/* What a convolution between quantizers is made of. */
struct ends {
    struct node *quantize, *dequantize, *weight; /* weight: its DequantizeLinear */
    const struct tensor *codes;
};

static bool find_ends(const struct node *n, struct ends *e)
{
    e->dequantize = value_def(node_input(n, 0), OP_DequantizeLinear);
    e->weight = value_def(node_input(n, 1), OP_DequantizeLinear);
    if (!e->dequantize || !e->weight)
        return false;
    e->quantize = value_def(node_input(e->dequantize, 0), OP_QuantizeLinear);
    e->codes = node_constant(e->weight, 0);
    if (!e->quantize || !e->codes)
        return false;
    const struct tensor *scale = node_constant(e->quantize, 1);
    return scale && tensor_count(scale) == 1 && value_used_once(n->in[0].value)
        && value_used_once(node_input(e->dequantize, 0)) && value_used_once(n->in[1].value)
        && value_used_once(node_input(e->weight, 0)) && e->quantize->graph == n->graph;
}

/* More input channels, whose codes stand for 0. */
static struct tensor *pad_weight(const struct ends *e, const struct picture *p, struct arena *a)
{
    const struct tensor *w = e->codes, *zero = node_constant(e->weight, 2);
    struct shape shape = w->shape;
    shape.dim[1] = p->channels;
    struct tensor *t = tensor_new(a, w->dtype, &shape);
    int64_t taps = shape_span(&w->shape, 2, 4), c = w->shape.dim[1];
    for (int64_t o = 0; o < shape.dim[0]; o++) {
        int code = zero ? (int)tensor_get(zero, tensor_count(zero) > 1 ? o : 0) : 0;
        char *to = (char *)t->data + o * p->channels * taps;
        memset(to, code, (size_t)(p->channels * taps));
        for (int64_t i = 0; i < c; i++)
            memcpy(to + i * p->step * taps, (const char *)w->data + (o * c + i) * taps,
                   (size_t)taps);
    }
    return t;
}

static struct tensor *integers(struct arena *a, int64_t n)
{
    struct tensor *t = tensor_new(a, DTYPE_I64, &(struct shape){1, {n}});
    memset(t->data, 0, t->size);
    return t;
}

static struct value *typed_as(struct value *v, const struct value *x, int64_t channels)
{
    v->type = x->type;
    v->type.shape.dim[1] = channels;
    return v;
}

/* The codes with `added` channels of zeros behind theirs. */
static struct value *pad_codes(struct build *at, const struct ends *e, int64_t added)
{
    struct value *x = e->quantize->out[0], *zero = node_input(e->quantize, 2);
    struct tensor *pads = integers(at->graph->model->arena, 8);
    ((int64_t *)pads->data)[5] = added;
    struct value *in[] = {x, build_constant(at, "pads", pads), zero};
    struct value *y = build_node(at, OP_Pad, zero ? 3 : 2, in, 1)->out[0];
    return typed_as(y, x, e->codes->shape.dim[1] + added);
}

/* Of channels 0, 1, ... the last one, which is zeros, in between, and wherever none is. */
static struct value *spread_codes(struct build *at, struct value *x, const struct picture *p)
{
    struct tensor *from = integers(at->graph->model->arena, p->channels);
    int64_t last = x->type.shape.dim[1] - 1;
    for (int64_t i = 0; i < p->channels; i++)
        ((int64_t *)from->data)[i] = i % p->step == 0 && i / p->step < last ? i / p->step : last;
    struct value *in[] = {x, build_constant(at, "channels", from)};
    struct node *n = build_node(at, OP_Gather, 2, in, 1);
    node_set_int(n, "axis", 1);
    return typed_as(n->out[0], x, p->channels);
}

static void pad(struct node *n, const struct ends *e, const struct picture *p)
{
    struct build at = build_before(e->dequantize);
    int64_t c = e->codes->shape.dim[1];
    struct value *codes = pad_codes(&at, e, p->step > 1 ? 1 : p->channels - c);
    if (p->step > 1)
        codes = spread_codes(&at, codes, p);
    node_set_input(e->dequantize, 0, codes);
    e->dequantize->out[0]->type.shape.dim[1] = p->channels;
    at = build_before(e->weight);
    at.stem = node_input(e->weight, 0)->name;
    node_set_input(e->weight, 0,
                   build_constant(&at, "padded", pad_weight(e, p, n->graph->model->arena)));
    n->in[1].value->type.shape.dim[1] = p->channels;
}

static int pad_graph(struct graph *g, const struct target *t)
{
    int changes = 0;
    graph_each(g, n) {
        struct ends e;
        if (n->op != OP_Conv || !find_ends(n, &e))
            continue;
        struct picture p =
            picture_find(t, n, node_input(e.quantize, 0), e.codes, e.codes->dtype);
        if (!p.channels)
            continue;
        pad(n, &e, &p);
        changes++;
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
    for (int i = 0; i < n_graphs; i++)
        changes += pad_graph(graph[i], ctx->target);
    return changes;
}

const struct pass pass_pad_channels = {
    .name = "pad-channels",
    .summary = "give pictures channels of zeros, where that is faster or sums fit then",
    .needs = FACT_TYPES,
    .breaks = FACT_TYPES,
    .run = run,
};
