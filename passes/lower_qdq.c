/* SPDX-License-Identifier: Apache-2.0
 *
 * lower-qdq: annotations become QuantizeLinear and DequantizeLinear nodes.
 *
 *     constant w with a quant    =>  DequantizeLinear(codes of w, scale, zero point)
 *     other value v with a quant =>  DequantizeLinear(QuantizeLinear(v, s, z), s, z)
 *
 * The uses that are not plain move over; a body that captures v captures its codes. Parameters per
 * tensor are scalars of rank 0; activations that share a quant share the initializers. An int32
 * bias has no zero point.
 *
 * ONNX Runtime quantizes by itself, with one scale, the constant weight of a float layer whose
 * input and output are quantized. So such a layer reads its input across a Clip, whose limits lie a
 * step outside of the grid: it changes no number, and the runtime looks no further.
 */
#include "infer.h"
#include "lower.h"
#include "pass.h"
#include "predict.h"
#include "target.h"

static void lower_activation(struct lower_parameters *known, struct value *v)
{
    struct build at = lower_cursor(v);
    const struct lower_parameters *p = lower_parameters(known, &at, v->quant);
    struct node *q = lower_node(&at, OP_QuantizeLinear, v, p->scale, p->zero, v->quant);
    lower_dequantize(v, q->out[0], p->scale, p->zero);
}

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

static void keep_float(struct node *n)
{
    const struct node *dq = dequantize_before(n->in[0].value);
    if (!dq)
        return;
    const struct tensor *scale = node_constant(dq, 1), *zero = node_constant(dq, 2);
    if (!scale || !zero || tensor_count(scale) != 1)
        return;
    double s = tensor_get(scale, 0), z = tensor_get(zero, 0);
    const struct dtype_info *codes = dtype_info(zero->dtype);
    struct build at = build_before(n);
    struct value *in[] = {n->in[0].value,
                          scalar(&at, "least", ((double)codes->min - z - 1) * s),
                          scalar(&at, "most", ((double)codes->max - z + 1) * s)};
    node_set_input(n, 0, build_node(&at, OP_Clip, 3, in, 1)->out[0]);
}

/* Layers that were left in float stay so in the runtime. */
static int keep_floats(struct model *m, const struct target *t, struct arena *a, struct err *err)
{
    int n_graphs;
    if (!t || !t->rounds_floats)
        return 0;
    TRY(graph_infer(m->graph, err));
    struct graph **graph = model_graphs(m, a, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        graph_each(graph[i], n)
            if (predict_ort_rounds_weight(n))
                keep_float(n);
    return 0;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    struct value **list;
    int n = lower_collect(m, ctx->scratch, &list), changes = 0;
    struct lower_parameters *known = NEW_ARRAY(ctx->scratch, n + 1, struct lower_parameters);
    for (int i = 0; i < n; i++) {
        bool wanted = lower_is_wanted(list[i]);
        if (wanted && list[i]->constant)
            lower_constant(list[i]);
        else if (wanted)
            lower_activation(known, list[i]);
        lower_finish(list[i]);
        changes += wanted;
    }
    graph_sweep(m->graph);
    TRY(keep_floats(m, ctx->target, ctx->scratch, err));
    return changes;
}

const struct pass pass_lower_qdq = {
    .name = "lower-qdq",
    .summary = "write annotations as QuantizeLinear and DequantizeLinear nodes",
    .needs = FACT_SOLVED,
    .gives = FACT_LOWERED,
    .breaks = FACT_PLACED | FACT_RANGED | FACT_SOLVED | FACT_TYPES,
    .run = run,
};
