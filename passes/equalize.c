/* SPDX-License-Identifier: Apache-2.0
 *
 * equalize: scales channels between layers so that one scale serves a whole weight better.
 *
 *     W2 f(W1 x + b1)  =>  (W2 s) f((W1 / s) x + b1 / s)           f = Relu, pools, Add, ...
 *     Clip(x, 0, 6)    =>  Min(Clip(x, 0, max(6 / s)), 6 / s)      between scaled channels
 *
 * The arithmetic is in src/equalize.c. Weights with a scale for each channel gain nothing by it and
 * activations may lose, so it is tried: where there is calibration data, the float model is
 * quantized the plain way with and without, and equalization is taken back unless it wins by GAIN
 * decibels.
 */
#include "equalize.h"

#include "pass.h"
#include "trial.h"

static const double GAIN = 0.1;

/* Lets `m` become `equalized` if that is the better one; uses `equalized` up, and with it the
 * weights that nobody wants. */
static int keep_better(struct model *m, struct model *equalized, struct pass_ctx *ctx, int changes,
                       struct err *err)
{
    double without, with;
    if (trial_sqnr(m, ctx, &without, err) < 0 || trial_sqnr(equalized, ctx, &with, err) < 0) {
        model_close(equalized);
        return -1;
    }
    bool keep = with >= without + GAIN;
    str_printf(&ctx->notes, "%d layers: %.1f dB with, %.1f dB without: %s\n", changes, with,
               without, keep ? "kept" : "taken back");
    if (keep)
        model_restore(m, equalized);
    else
        model_close(equalized);
    return keep ? changes : 0;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    if (!ctx->data || !ctx->target)
        return equalize_graph(m, ctx->scratch);
    struct model *equalized = model_clone(m);
    int changes = equalize_graph(equalized, ctx->scratch);
    arena_reset(ctx->scratch);
    if (changes)
        return keep_better(m, equalized, ctx, changes, err);
    model_close(equalized);
    return 0;
}

const struct pass pass_equalize = {
    .name = "equalize",
    .summary = "scale channels between layers so that one scale serves a whole weight",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
