/* SPDX-License-Identifier: Apache-2.0
 *
 * correct-bias: shifts the biases by what quantization does to the means (correct.h has the
 * formula). The corrections of neighbouring layers only help together: all are kept, or none.
 */
#include "correct.h"

#include "measure.h"
#include "pass.h"
#include "solve.h"

#include <math.h>

/* Sets the biases; returns the old ones in their place. */
static void exchange_biases(const struct placement *p, const struct tensor **bias)
{
    for (int i = 0; i < p->n_layer; i++) {
        if (!bias[i])
            continue;
        struct value *old = qlayer_bias(&p->layer[i]);
        constant_replace(old, bias[i]);
        bias[i] = old->constant;
    }
}

static bool watch(const struct model *m, struct pass_ctx *ctx, struct tap *tap)
{
    ctx->targets = targets_watch(m, ctx->placement, ctx->run_ops, ctx->arena, tap);
    return true;
}

/* correct_biases() stops between steps of the main graph only. */
static void note_bodies(struct pass_ctx *ctx, const struct model *m)
{
    int n = 0;
    for (int i = 0; i < ctx->placement->n_layer; i++)
        n += ctx->placement->layer[i].node->graph != m->graph;
    if (n)
        str_printf(&ctx->notes, "%d layer%s in bodies of If, Loop or Scan not corrected\n", n,
                   n == 1 ? "" : "s");
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    struct placement *p = ctx->placement;
    if (!ctx->measure || !ctx->targets)
        return err_set(err, ERR_USAGE, "pass correct-bias needs pass calibrate before it");
    double after;
    const struct tensor **bias = NEW_ARRAY(ctx->scratch, p->n_layer, const struct tensor *);
    if (isnan(ctx->sqnr))
        TRY(measure_sqnr(ctx->measure, m, ctx->jobs, &ctx->sqnr, err));
    note_bodies(ctx, m);
    TRY(correct_biases(m, p, ctx->targets, ctx->data, ctx->jobs, m->arena, bias, err));
    exchange_biases(p, bias);
    solve_model(m, p, ctx->jobs);
    TRY(measure_sqnr(ctx->measure, m, ctx->jobs, &after, err));
    if (after > ctx->sqnr) {
        str_printf(&ctx->notes, "kept: %.1f -> %.1f dB\n", ctx->sqnr, after);
        ctx->sqnr = after;
        return p->n_layer;
    }
    exchange_biases(p, bias);
    solve_model(m, p, ctx->jobs);
    str_printf(&ctx->notes, "taken back: %.1f -> %.1f dB\n", ctx->sqnr, after);
    return 0;
}

const struct pass pass_correct_bias = {
    .name = "correct-bias",
    .summary = "shift biases so that means behind activations stay; kept if outputs are nearer",
    .needs = FACT_SOLVED,
    .flags = PASS_REFINES | PASS_CORRECTS,
    .watch = watch,
    .run = run,
};
