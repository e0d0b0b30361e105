/* SPDX-License-Identifier: Apache-2.0
 *
 * calibrate: fills the ranges of activations from data, by the observer that was named or by the
 * one that wins the race (race.h).
 */
#include "calibrate.h"

#include "effort.h"
#include "pass.h"
#include "race.h"
#include "region.h"
#include "target.h"

#include <math.h>
#include <string.h>

/* The one run of the float model that everybody shares: ranges, the outputs to compare with, means
 * for shifted biases, and what the passes behind want to see. */
static int gather(struct model *m, struct pass_ctx *ctx, struct tap *tap, int n, struct err *err)
{
    enum { FEW = 8 };
    static const double cheap = 1e11; /* operations: about a second */
    TRY(effort_once(&ctx->run_ops, m, ctx->data, err));
    int samples = measure_enough(m, ctx->run_ops), all = dataset_count(ctx->data);
    if (all <= FEW && all * ctx->run_ops <= cheap)
        samples = all; /* one that is left out may be unlike the others */
    ctx->measure = measure_watch(m, ctx->data, samples, ctx->arena, &tap[n++]);
    if (ctx->min_sqnr > 0 || !strcmp(ctx->observer, "auto"))
        ctx->means = means_watch(m, ctx->placement, region_mean_samples(ctx->run_ops), ctx->jobs,
                                 ctx->arena, &tap[n++]);
    for (int i = 0; i < ctx->n_later; i++)
        if (ctx->later[i]->watch)
            n += ctx->later[i]->watch(m, ctx, &tap[n]);
    return taps_run(m, tap, n, ctx->data, ctx->jobs, "calibrating", err);
}

static bool needs_only_extremes(const struct pass_ctx *ctx)
{
    const struct observer *o = observer_find(ctx->observer);
    return o && o->extremes && dataset_count(ctx->data) >= ctx->reach;
}

static int choose_ranges(struct model *m, struct pass_ctx *ctx, struct ranges *ranges,
                         struct err *err)
{
    struct race race = {m, ctx->placement, ctx->calibration, ctx->measure, ctx->means,
                        pass_enough(ctx), ctx->jobs};
    struct observer o;
    *ranges = (struct ranges){NULL, {NAN, NAN}};
    if (!strcmp(ctx->observer, "auto"))
        return race_run(&race, ranges, err);
    if (!observer_read(ctx->observer, &o))
        BUG("unknown observer '%s'", ctx->observer);
    if (calibration_read(ctx->calibration, &o))
        ranges->observer = ctx->observer;
    return 0;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    if (!ctx->data && ctx->target && ctx->target->inputs != INPUTS_CALIBRATED)
        return 0;
    if (!ctx->data)
        return err_set(err, ERR_USAGE, "pass calibrate needs data: --data PATH");
    if (!ctx->placement)
        return err_set(err, ERR_USAGE, "pass calibrate needs pass place before it");
    struct tap *tap = NEW_ARRAY(ctx->scratch, ctx->n_later + 3, struct tap);
    ctx->calibration = calibration_watch(m, ctx->placement, ctx->data, 0, ctx->jobs, &tap[0]);
    calibration_reach(ctx->calibration, ctx->reach);
    if (needs_only_extremes(ctx))
        calibration_only_extremes(ctx->calibration);
    struct ranges ranges;
    TRY(gather(m, ctx, tap, 1, err));
    TRY(choose_ranges(m, ctx, &ranges, err));
    ctx->sqnr = ranges.figures.sqnr;
    ctx->noise = ranges.figures.noise;
    ctx->ranges_by = ranges.observer;
    if (!ranges.observer)
        return 0;
    str_printf(&ctx->notes, "ranges by %s", ranges.observer);
    if (dataset_count(ctx->data) < ctx->reach)
        str_printf(&ctx->notes, ", as far as %d samples would reach", ctx->reach);
    if (!isnan(ctx->sqnr))
        str_printf(&ctx->notes, ", %.1f dB", ctx->sqnr);
    str_add(&ctx->notes, "\n");
    return ctx->placement->n_layer;
}

const struct pass pass_calibrate = {
    .name = "calibrate",
    .summary = "run the float model on data and set the ranges of activations",
    .needs = FACT_PLACED,
    .gives = FACT_RANGED,
    .run = run,
};
