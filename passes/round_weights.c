/* SPDX-License-Identifier: Apache-2.0
 *
 * round-weights: gives weights the codes that src/rounding.h finds. They are kept if the simulated
 * outputs are as near to the float model's, but for what is chance.
 */
#include "rounding.h"

#include "calibrate.h"
#include "gram.h"
#include "measure.h"
#include "pass.h"
#include "place.h"
#include "solve.h"
#include "sweep.h"

#include <math.h>

/* dB that trials may promise too much: a run for moments alone costs more than moments. */
static const double PROMISED = 6;

static bool watch(const struct model *m, struct pass_ctx *ctx, struct tap *tap)
{
    return ctx->foreseen < pass_enough(ctx) + PROMISED && rounding_watch(m, ctx, tap);
}

/* Puts the new constants in, with the scales that they were rounded for: ranges may have changed
 * since. `rounded` then holds the old ones. */
static int exchange(struct model *m, const struct placement *p, struct rounded *rounded)
{
    int changes = 0;
    for (int i = 0; i < p->n_layer; i++) {
        struct value *w = qlayer_weight(&p->layer[i]), *b = qlayer_bias(&p->layer[i]);
        struct rounded *r = &rounded[p->layer[i].node->id];
        if (!r->weight)
            continue;
        float *scale = w->quant->scale;
        w->quant->scale = r->scale;
        r->scale = scale;
        constant_replace(w, r->weight);
        r->weight = w->constant;
        if (r->bias) {
            constant_replace(b, r->bias);
            r->bias = b->constant;
        }
        changes++;
    }
    solve_ranges(m);
    return changes;
}

/* Measures with the new constants; they stay if they serve as well. */
static int keep_better(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    double after;
    int changes = exchange(m, ctx->placement, ctx->rounding->of_node);
    if (!changes)
        return 0;
    int measured = measure_sqnr(ctx->measure, m, ctx->jobs, &after, err);
    if (measured >= 0 && rounding_serves(ctx->sqnr, after)) {
        str_printf(&ctx->notes, "kept: %.1f -> %.1f dB\n", ctx->sqnr, after);
        ctx->sqnr = after;
        arena_join(m->arena, &ctx->rounding->arena);
        solve_keep_grid(ctx->placement);
        return changes;
    }
    exchange(m, ctx->placement, ctx->rounding->of_node);
    sweep_constants(m);
    TRY(measured);
    str_printf(&ctx->notes, "taken back: %.1f -> %.1f dB\n", ctx->sqnr, after);
    return 0;
}

static int round_all(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    int result = rounding_find(m, ctx, err);
    if (result >= 0)
        result = keep_better(m, ctx, err);
    rounding_close(ctx->rounding);
    ctx->rounding = NULL;
    return result;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    if (!ctx->measure)
        return err_set(err, ERR_USAGE, "pass round-weights needs pass calibrate before it");
    calibration_close(ctx->calibration); /* ranges are settled */
    ctx->calibration = NULL;
    if (isnan(ctx->sqnr))
        TRY(measure_sqnr(ctx->measure, m, ctx->jobs, &ctx->sqnr, err));
    if (ctx->sqnr < pass_enough(ctx))
        return round_all(m, ctx, err);
    grams_close(ctx->grams);
    ctx->grams = NULL;
    str_printf(&ctx->notes, "%.1f dB as they are\n", ctx->sqnr);
    return 0;
}

const struct pass pass_round_weights = {
    .name = "round-weights",
    .summary = "round weights by the second moments of their inputs (GPTQ, coordinate descent)",
    .needs = FACT_SOLVED,
    .flags = PASS_REFINES | PASS_CORRECTS,
    .watch = watch,
    .run = run,
};
