/* SPDX-License-Identifier: Apache-2.0
 *
 * place: gives quants to the values that the target runs in integers (place.h says how).
 */
#include "place.h"

#include "pass.h"

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    if (!ctx->target)
        return err_set(err, ERR_USAGE, "pass place needs a target");
    struct placement *p = NEW(ctx->arena, struct placement);
    TRY(place_model(m, ctx->target, ctx->skip_nodes, ctx->arena, p, err));
    ctx->placement = p;
    return p->n_layer;
}

const struct pass pass_place = {
    .name = "place",
    .summary = "decide which values are quantized, with which type, for the target",
    .needs = FACT_TYPES,
    .gives = FACT_PLACED,
    .run = run,
};
