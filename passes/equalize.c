/* SPDX-License-Identifier: Apache-2.0
 *
 * equalize: scales channels between layers so that one scale serves a whole tensor better.
 *
 *     W2 f(W1 x + b1)  =>  (W2 s) f((W1 / s) x + b1 / s)           f = Relu, pools, Add, ...
 *     Clip(x, 0, 6)    =>  Min(Clip(x, 0, max(6 / s)), 6 / s)      between scaled channels
 *     x * Sigmoid(x)   =>  x * Sigmoid(s x)
 *
 * Which s, is said in src/equalize.c. There are two ways: for weights, and for activations by what
 * the calibration data shows. Each helps some networks and harms others, so both are tried: the
 * float model is quantized the plain way as it is and in both forms, and one of these is kept if it
 * wins by GAIN decibels. Without data or a target there is nothing to try: weights are equalized.
 */
#include "equalize.h"

#include "channel.h"
#include "pass.h"
#include "peaks.h"
#include "trial.h"

enum { PEAK_SAMPLES = 64 };
static const double GAIN = 0.5;

struct attempt {
    struct model *model;
    int changes;
    double db;
};

/* A clone of the model, equalized and measured; changes = 0 where there is nothing to do. */
static int attempt_make(const struct model *m, float *const *peak, const struct measure *reference,
                        struct pass_ctx *ctx, struct attempt *a, struct err *err)
{
    struct arena scratch = {0};
    a->model = model_clone(m);
    a->changes = peak ? equalize_activations(a->model, peak, &scratch)
                      : equalize_weights(a->model, &scratch);
    arena_release(&scratch);
    return a->changes ? trial_sqnr(a->model, reference, ctx, &a->db, err) : 0;
}

static int attempts_make(const struct model *m, struct pass_ctx *ctx, double *without,
                         struct attempt attempt[2], struct err *err)
{
    const struct channels *channels = channels_find(m->graph, ctx->scratch);
    float **peak = peaks_measure(m, channels, ctx->data, PEAK_SAMPLES, ctx->jobs, ctx->scratch,
                                 err);
    const struct measure *reference =
        measure_open(m, ctx->data, TRIAL_SAMPLES, ctx->jobs, ctx->scratch, err);
    if (!peak || !reference)
        return -1;
    TRY(attempt_make(m, NULL, reference, ctx, &attempt[0], err));
    TRY(attempt_make(m, peak, reference, ctx, &attempt[1], err));
    bool any = attempt[0].changes || attempt[1].changes;
    return any ? trial_sqnr(m, reference, ctx, without, err) : 0;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    static const char *const name[] = {"for weights", "for activations"};
    if (!ctx->data || !ctx->target)
        return equalize_weights(m, ctx->scratch);
    struct attempt attempt[2] = {{0}, {0}};
    double without = 0;
    int r = attempts_make(m, ctx, &without, attempt, err), best = -1;
    for (int i = 0; i < 2 && r >= 0; i++) {
        if (!attempt[i].changes)
            continue;
        str_printf(&ctx->notes, "%s: %d layers, %.1f dB instead of %.1f dB\n", name[i],
                   attempt[i].changes, attempt[i].db, without);
        if (attempt[i].db >= without + GAIN && (best < 0 || attempt[i].db > attempt[best].db))
            best = i;
    }
    for (int i = 0; i < 2; i++)
        if (i != best)
            model_close(attempt[i].model);
    if (best < 0)
        return r;
    str_printf(&ctx->notes, "kept %s\n", name[best]);
    model_restore(m, attempt[best].model);
    return attempt[best].changes;
}

const struct pass pass_equalize = {
    .name = "equalize",
    .summary = "scale channels between layers so that one scale serves a whole tensor",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
