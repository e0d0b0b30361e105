/* SPDX-License-Identifier: Apache-2.0
 *
 * equalize: scales channels between layers so that one scale serves a whole tensor better.
 *
 *     W2 f(W1 x + b1)  =>  (W2 s) f((W1 / s) x + b1 / s)           f = Relu, pools, Add, ...
 *     Clip(x, 0, 6)    =>  Min(Clip(x, 0, max(6 / s)), 6 / s)      between scaled channels
 *     x * Sigmoid(x)   =>  x * Sigmoid(s x)
 *
 * Which s, is said in src/equalize.c. There are two ways: for weights that have one scale, and for
 * activations by what the calibration data shows. (Weights with a scale for each channel only lose
 * by the first.) Each helps some networks and harms others, so they are tried: the float model is
 * quantized the plain way as it is and in these forms, and one of them is kept if it wins by GAIN
 * decibels. Without data or a target there is nothing to try: weights are equalized.
 */
#include "equalize.h"

#include "channel.h"
#include "linear.h"
#include "pass.h"
#include "peaks.h"
#include "target.h"
#include "trial.h"

/* To see whether it helps, and to do it. */
enum { TRIED_SAMPLES = 16, PEAK_SAMPLES = 64 };
static const double GAIN = 0.5;

/* What is known while the ways are tried; `best` is NULL while the model as it is leads. */
struct contest {
    struct pass_ctx *ctx;
    const struct measure *reference;
    struct model *best;
    const char *name;
    bool by_peaks; /* of the best */
    int changes;
    double without, db;
};

/* Equalizes a clone and measures it; it stays if it leads. peaks NULL: for weights. */
static int contest_try(struct contest *c, const struct model *m, const struct peaks *peaks,
                       struct err *err)
{
    const char *name = peaks ? "for activations" : "for weights";
    struct arena scratch = {0};
    struct model *clone = model_clone(m);
    int changes = peaks ? equalize_activations(clone, peaks, &scratch)
                        : equalize_weights(clone, &scratch), r = 0;
    arena_release(&scratch);
    double db = 0;
    if (changes)
        r = trial_sqnr(clone, c->reference, c->ctx, &db, err);
    if (changes && r >= 0)
        str_printf(&c->ctx->notes, "%s: %d layers, %.1f dB instead of %.1f dB\n", name, changes, db,
                   c->without);
    if (!changes || r < 0 || db < c->without + GAIN || (c->best && db <= c->db)) {
        model_close(clone);
        return r;
    }
    model_close(c->best);
    c->best = clone;
    c->name = name;
    c->by_peaks = peaks;
    c->changes = changes;
    c->db = db;
    return 0;
}

static int peaks_take(struct pass_ctx *ctx, const struct model *m, int samples,
                      struct peaks *peaks, struct err *err)
{
    const struct channels *channels = channels_find(m->graph, ctx->scratch);
    return peaks_measure(m, channels, ctx->data, samples, ctx->jobs, ctx->scratch, peaks, err);
}

/* The winner once more, with peaks of more samples. */
static int contest_refine(struct contest *c, const struct model *m, struct err *err)
{
    struct peaks peaks;
    if (!c->best || !c->by_peaks)
        return 0;
    TRY(peaks_take(c->ctx, m, PEAK_SAMPLES, &peaks, err));
    model_close(c->best);
    c->best = model_clone(m);
    c->changes = equalize_activations(c->best, &peaks, c->ctx->scratch);
    return 0;
}

static int contest_run(struct contest *c, const struct model *m, struct err *err)
{
    struct pass_ctx *ctx = c->ctx;
    struct peaks peaks;
    TRY(peaks_take(ctx, m, TRIED_SAMPLES, &peaks, err));
    c->reference = measure_open(m, ctx->data, TRIAL_SAMPLES, ctx->jobs, ctx->scratch, err);
    if (!c->reference)
        return -1;
    TRY(trial_sqnr(m, c->reference, ctx, &c->without, err));
    if (ctx->target->weight.grain == GRAIN_TENSOR)
        TRY(contest_try(c, m, NULL, err));
    TRY(contest_try(c, m, &peaks, err));
    return contest_refine(c, m, err);
}

/* Channels are followed through the main graph only. */
static void note_bodies(struct pass_ctx *ctx, const struct model *m)
{
    int n_graphs, count = 0;
    struct linear l;
    struct graph **graph = model_graphs(m, ctx->scratch, &n_graphs);
    for (int i = 1; i < n_graphs; i++)
        graph_each(graph[i], n)
            count += linear_find(n, &l);
    if (count)
        str_printf(&ctx->notes, "%d layer%s in bodies of If, Loop or Scan not equalized\n", count,
                   count == 1 ? "" : "s");
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    note_bodies(ctx, m);
    if (!ctx->data || !ctx->target)
        return equalize_weights(m, ctx->scratch);
    struct contest c = {.ctx = ctx};
    if (contest_run(&c, m, err) < 0) {
        model_close(c.best);
        return -1;
    }
    if (!c.best)
        return 0;
    str_printf(&ctx->notes, "kept %s\n", c.name);
    model_restore(m, c.best);
    return c.changes;
}

const struct pass pass_equalize = {
    .name = "equalize",
    .summary = "scale channels between layers so that one scale serves a whole tensor",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
