/* SPDX-License-Identifier: Apache-2.0
 *
 * solve: scales and zero points from ranges (solve.h says how).
 */
#include "solve.h"

#include "pass.h"

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    if (!ctx->placement)
        return err_set(err, ERR_USAGE, "pass solve needs pass place before it");
    struct raised r = solve_model(m, ctx->placement, ctx->jobs);
    if (r.rows)
        str_printf(&ctx->notes, "the scales of %lld of %lld rows of weights are higher, so that "
                   "sums of two products fit 16 bits\n", (long long)r.rows, (long long)r.of);
    return ctx->placement->n_layer;
}

const struct pass pass_solve = {
    .name = "solve",
    .summary = "turn ranges into scales and zero points",
    .needs = FACT_RANGED,
    .gives = FACT_SOLVED,
    .run = run,
};
