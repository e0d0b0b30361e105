/* SPDX-License-Identifier: Apache-2.0
 *
 * calibrate: fills the ranges of activations from data (calibrate.h says how).
 */
#include "calibrate.h"

#include "pass.h"
#include "target.h"

#include <math.h>

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    if (!ctx->data && ctx->target && ctx->target->inputs != INPUTS_CALIBRATED)
        return 0;
    if (!ctx->data)
        return err_set(err, ERR_USAGE, "pass calibrate needs data: --data PATH");
    if (!ctx->placement)
        return err_set(err, ERR_USAGE, "pass calibrate needs pass place before it");
    ctx->measure = measure_open(m, ctx->data, MEASURE_SAMPLES, ctx->jobs, ctx->arena, err);
    if (!ctx->measure)
        return -1;
    struct calibration c;
    TRY(calibrate_model(m, ctx->placement, ctx->data, 0, ctx->observer, ctx->measure, ctx->jobs, &c,
                        err));
    ctx->sqnr = c.sqnr;
    ctx->ranges_by = c.observer;
    if (!c.observer)
        return 0;
    str_printf(&ctx->notes, "ranges by %s", c.observer);
    if (!isnan(c.sqnr))
        str_printf(&ctx->notes, ", %.1f dB", c.sqnr);
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
