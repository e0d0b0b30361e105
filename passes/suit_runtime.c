/* SPDX-License-Identifier: Apache-2.0
 *
 * suit-runtime: what a runtime would do with a lowered model that is not meant; see suit_ort.c,
 * suit_openvino.c and suit_sums.c in src.
 */
#include "pass.h"
#include "suit.h"
#include "target.h"

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    int n_graphs, changes = 0;
    (void)err;
    if (!ctx->target)
        return 0;
    struct graph **graph = model_graphs(m, ctx->scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++) {
        changes += ctx->target->rounds_floats ? suit_ort(graph[i]) : 0;
        changes += ctx->target->moves_quantizers ? suit_openvino(graph[i]) : 0;
    }
    return changes;
}

const struct pass pass_suit_runtime = {
    .name = "suit-runtime",
    .summary = "keep runtimes from rounding floats, parting gates and moving quantizers or floats",
    .needs = FACT_TYPES,
    .breaks = FACT_TYPES,
    .run = run,
};
