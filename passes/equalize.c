/* SPDX-License-Identifier: Apache-2.0
 *
 * equalize: scales channels between layers so that one scale serves a whole tensor better.
 *
 *     W2 f(W1 x + b1)  =>  (W2 s) f((W1 / s) x + b1 / s)           f = Relu, pools, Add, ...
 *     Clip(x, 0, 6)    =>  Min(Clip(x, 0, max(6 / s)), 6 / s)      between scaled channels
 *     x * Sigmoid(x)   =>  x * Sigmoid(s x)
 *
 * Which s, is said in src/equalize.c. There are three ways: for weights that have one scale; for
 * activations by what the calibration data shows; and the same across gates, which come apart (the
 * third line above). (Weights with a scale for each channel only lose by the first.) Each helps
 * some networks and harms others, so they are tried: the float model is quantized the plain way as
 * it is and in these forms, and one of them is kept if it wins by the gain. Where it serves well
 * enough as it is they are not tried. Without data or a target there is nothing to try: weights are
 * equalized that have one scale, or may have.
 */
#include "equalize.h"

#include "channel.h"
#include "effort.h"
#include "pass.h"
#include "peaks.h"
#include "target.h"
#include "trial.h"

#include <math.h>

/* dB. A gate that comes apart is three operators in a runtime that has one for it whole. Where
 * layers give floats these cost little, and less than layers that would have to stay float: there
 * outputs that are too far from float need not win so much. */
static const double gate_gain = 3;
/* dB from float beyond which that is not worth their time: 28 HardSwish of LCNet apart cost a
 * quarter more in ONNX Runtime. */
static const double far = 28;
/* Samples for peaks for each of a trial; an odd number, so that those of the trial are among
 * them. */
enum { PEAK_SAMPLES = 3 };

struct equalize_options {
    double gain;
};
static const struct option option_rows[] = {
    OPTION(OPT_FLOAT, 0, "gain", struct equalize_options, gain, "DB",
           "keep only what brings the outputs so many dB nearer (default 0.5)", .max = 100),
    OPTION_END,
};

/* What is known while the ways are tried; `best` is NULL while the model as it is leads. */
struct contest {
    struct pass_ctx *ctx;
    struct equalize_options options;
    const struct measure *reference;
    struct model *best;
    const char *name;
    int changes;
    bool gates;      /* there are some */
    int nodes_whole; /* of the clone whose gates stayed whole */
    double without, db;
};

enum way { FOR_WEIGHTS, FOR_ACTIVATIONS, WITH_GATES };
static const char *const way_name[] = {"for weights", "for activations",
                                       "for activations, gates apart"};

/* Layers whose outputs are floats give what gates read unrounded. */
static bool gives_floats(const struct contest *c)
{
    return !*c->ctx->target->outputs;
}

static int equalize(const struct contest *c, struct model *m, enum way way,
                    const struct peaks *peaks)
{
    struct arena scratch = {0};
    enum equalize_gates gates = way != WITH_GATES ? GATES_WHOLE
                              : gives_floats(c)   ? GATES_APART
                                                  : GATES_APART_ROUNDED;
    int changes = way == FOR_WEIGHTS ? equalize_weights(m, &scratch)
                                     : equalize_activations(m, peaks, gates, &scratch);
    arena_release(&scratch);
    return changes;
}

static double contest_lead(const struct contest *c)
{
    return c->best ? c->db : c->without;
}

/* It stays if it leads by what its way must gain. */
static void contest_rank(struct contest *c, enum way way, struct model *clone, int changes,
                         double db)
{
    double lead = contest_lead(c);
    bool cheap = gives_floats(c) && lead - TRIAL_FINER < c->ctx->min_sqnr;
    double gain = way == WITH_GATES && !cheap ? fmax(gate_gain, c->options.gain)
                : c->best                     ? 0
                                              : c->options.gain;
    str_printf(&c->ctx->notes, "%s: %d layers, %.1f dB instead of %.1f dB\n", way_name[way],
               changes, db, c->without);
    if (db < lead + gain || (c->best && db <= c->db)) {
        model_close(clone);
        return;
    }
    model_close(c->best);
    c->best = clone;
    c->name = way_name[way];
    c->changes = changes;
    c->db = db;
}

/* Equalizes a clone and measures it. */
static int contest_try(struct contest *c, const struct model *m, enum way way,
                       const struct peaks *peaks, struct err *err)
{
    double db;
    struct model *clone = model_clone(m);
    int changes = equalize(c, clone, way, peaks);
    bool differs = changes && !(way == WITH_GATES && clone->n_nodes == c->nodes_whole);
    if (way == FOR_ACTIVATIONS)
        c->nodes_whole = clone->n_nodes;
    int r = differs ? trial_sqnr(clone, c->reference, NULL, 0, c->ctx, &db, err) : 0;
    if (differs && r >= 0)
        contest_rank(c, way, clone, changes, db);
    else
        model_close(clone);
    return r;
}

/* The model as it is, in the run that also shows its peaks and its outputs. */
static int contest_run(struct contest *c, const struct model *m, struct err *err)
{
    struct pass_ctx *ctx = c->ctx;
    struct tap tap[2];
    const struct channels *channels = channels_find(m, ctx->scratch);
    TRY(effort_once(&ctx->run_ops, m, ctx->data, err));
    int samples = trial_samples(ctx);
    const struct peaks *peaks = peaks_watch(m, channels, PEAK_SAMPLES * samples, ctx->jobs,
                                            ctx->scratch, &tap[0]);
    c->reference = measure_watch(m, ctx->data, samples, ctx->scratch, &tap[1]);
    TRY(trial_sqnr(m, c->reference, tap, 2, ctx, &c->without, err));
    if (c->without - TRIAL_FINER >= pass_enough(ctx)) {
        str_printf(&ctx->notes, "%.1f dB as it is\n", c->without);
        return 0;
    }
    if (ctx->target->weight.grain == GRAIN_TENSOR)
        TRY(contest_try(c, m, FOR_WEIGHTS, NULL, err));
    TRY(contest_try(c, m, FOR_ACTIVATIONS, peaks, err));
    bool needed = contest_lead(c) - TRIAL_FINER < far;
    return c->gates && needed ? contest_try(c, m, WITH_GATES, peaks, err) : 0;
}

extern const struct pass pass_equalize;

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    bool one_scale = !ctx->target || ctx->target->weight.grain == GRAIN_TENSOR;
    if (!ctx->data || !ctx->target)
        return one_scale ? equalize_weights(m, ctx->scratch) : 0;
    bool rounds;
    TRY(trial_rounds_activations(m, ctx, &rounds, err));
    if (!rounds && !one_scale) {
        str_add(&ctx->notes, "no activation is rounded\n");
        return 0;
    }
    struct contest c = {.ctx = ctx, .options = {0.5},
                        .gates = equalize_finds_gates(m, ctx->scratch)};
    pass_take_settings(&pass_equalize, ctx, &c.options);
    if (contest_run(&c, m, err) < 0) {
        model_close(c.best);
        return -1;
    }
    ctx->foreseen = (c.best ? c.db : c.without) - TRIAL_FINER;
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
    .flags = PASS_SAME_RESULT | PASS_TRIES,
    .options = option_rows,
    .run = run,
};
