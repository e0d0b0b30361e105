/* SPDX-License-Identifier: Apache-2.0
 *
 * lower-dynamic: layers become products of codes (lower_products.h); weights of other operators
 * that have a quant get a DequantizeLinear.
 */
#include "lower.h"
#include "lower_products.h"
#include "pass.h"

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    struct value **list;
    int changes = lower_products(m, ctx->scratch), n = lower_collect(m, ctx->scratch, &list);
    for (int i = 0; i < n; i++) {
        if (list[i]->constant && lower_is_wanted(list[i]))
            lower_constant(list[i]);
        lower_finish(list[i]);
    }
    graph_sweep(m->graph);
    return changes;
}

const struct pass pass_lower_dynamic = {
    .name = "lower-dynamic",
    .summary = "write layers as MatMulInteger and ConvInteger of inputs quantized at run time",
    .needs = FACT_SOLVED,
    .gives = FACT_LOWERED,
    .breaks = FACT_PLACED | FACT_RANGED | FACT_SOLVED | FACT_TYPES,
    .run = run,
};
