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
 */
#include "apart.h"
#include "lower.h"
#include "pass.h"

static void lower_activation(struct lower_parameters *known, struct value *v)
{
    struct build at = lower_cursor(v);
    const struct lower_parameters *p = lower_parameters(known, &at, v->quant);
    struct node *q = lower_node(&at, OP_QuantizeLinear, v, p->scale, p->zero, v->quant);
    lower_dequantize(v, q->out[0], p->scale, p->zero);
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    struct value **list;
    if (ctx->target)
        apart_floats(m, ctx->target);
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
