/* SPDX-License-Identifier: Apache-2.0
 *
 * lower-qdq: annotations become QuantizeLinear and DequantizeLinear nodes.
 *
 *     constant w with a quant    =>  DequantizeLinear(codes of w, scale, zero point)
 *     other value v with a quant =>  DequantizeLinear(QuantizeLinear(v, s, z), s, z)
 *
 * Layers whose input has a dynamic quant are products of codes (lower_products.h).
 *
 * The uses that are not plain move over; a body that captures v captures its codes. Parameters per
 * tensor are scalars of rank 0; activations that share a quant share the initializers. An int32
 * bias has no zero point. Where types meet, DequantizeLinear and QuantizeLinear follow each other.
 */
#include "lower.h"
#include "lower_products.h"
#include "op.h"
#include "pass.h"

static void lower_activation(struct lower_parameters *known, struct value *v)
{
    struct build at = lower_cursor(v);
    const struct lower_parameters *p = lower_parameters(known, &at, v->quant);
    struct node *q = lower_node(&at, OP_QuantizeLinear, v, p->scale, p->zero, v->quant);
    lower_dequantize(v, q->out[0], p->scale, p->zero);
}

/* An Identity in front of QuantizeLinear alone stood between two types. */
static void drop_borders(struct graph *g)
{
    graph_each(g, n) {
        bool border = n->op == OP_Identity && n->out[0]->uses;
        value_each_use(n->out[0], u)
            border = border && !node_is_result(u->user)
                  && (u->user->op == OP_QuantizeLinear || u->user->op == OP_MsQuantizeLinear);
        if (border)
            value_replace(n->out[0], node_input(n, 0));
    }
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    struct value **list;
    int changes = lower_products(m, ctx->scratch), n = lower_collect(m, ctx->scratch, &list);
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
    int n_graphs;
    struct graph **graph = model_graphs(m, ctx->scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        drop_borders(graph[i]);
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
