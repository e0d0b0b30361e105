/* SPDX-License-Identifier: Apache-2.0
 *
 * lower-fakequantize: annotations become what OpenVINO's ONNX importer reads as FakeQuantize.
 *
 *     value v with a quant       =>  org.openvinotoolkit.FakeQuantize(v, lo, hi, lo, hi; levels)
 *                                    lo = (qmin - zero) scale, hi = (qmax - zero) scale,
 *                                    levels = qmax - qmin + 1
 *     constant w with a quant    =>  DequantizeLinear(codes of w, scale, zero point)
 *
 * Weights keep their integer form: it is a quarter of the size, and OpenVINO's low-precision
 * transformations take it like a FakeQuantize on a float constant. A bias stays float.
 */
#include "lower.h"
#include "pass.h"

static struct value *limit(struct build *at, const struct quant *q, int64_t code,
                           const char *suffix)
{
    double v = (double)(code - q->zero[0]) * (double)q->scale[0];
    return build_constant(at, suffix, tensor_scalar(at->graph->model->arena, DTYPE_F32, v));
}

static void lower_activation(struct value *v)
{
    const struct quant *q = v->quant;
    struct build at = lower_cursor(v);
    int64_t qmin = quant_min(&q->type), qmax = quant_max(&q->type);
    struct value *lo = limit(&at, q, qmin, "low"), *hi = limit(&at, q, qmax, "high");
    struct node *n = build_node(&at, OP_FakeQuantize, 5,
                                (struct value *const[]){v, lo, hi, lo, hi}, 1);
    node_set_int(n, "levels", qmax - qmin + 1);
    n->out[0]->type.shape = v->type.shape;
    n->out[0]->type.dtype = DTYPE_F32;
    lower_move_uses(v, n->out[0], n);
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    struct value **list;
    int n = lower_collect(m, ctx->scratch, &list);
    for (int i = 0; i < n; i++)
        if (!list[i]->constant && list[i]->quant->type.grain != GRAIN_TENSOR)
            return err_set(err, ERR_INPUT, "value '%s': activations are quantized per tensor only",
                           list[i]->name);
    int changes = 0;
    for (int i = 0; i < n; i++) {
        bool wanted = lower_is_wanted(list[i]);
        if (wanted)
            (list[i]->constant ? lower_constant : lower_activation)(list[i]);
        lower_finish(list[i]);
        changes += wanted;
    }
    graph_sweep(m->graph);
    return changes;
}

const struct pass pass_lower_fakequantize = {
    .name = "lower-fakequantize",
    .summary = "write annotations as org.openvinotoolkit FakeQuantize nodes",
    .needs = FACT_SOLVED,
    .gives = FACT_LOWERED,
    .breaks = FACT_PLACED | FACT_RANGED | FACT_SOLVED | FACT_TYPES,
    .run = run,
};
