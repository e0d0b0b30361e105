/* SPDX-License-Identifier: Apache-2.0
 *
 * trial: place, calibrate, solve and measure on a clone that is thrown away, behind the passes that
 * will still fuse and merge its nodes: what is rounded between layers hangs on that.
 *
 * Rounding weights by second moments takes back about 6 dB of what rounding weights to nearest
 * costs, and nothing of what activations cost. A trial that rounded weights plainly would choose
 * what is best for them; so it gives them one bit more, unless a whole weight has one scale: that
 * error is larger than refining reaches. What rounding does to the means goes into the biases, as
 * it will later: without that the figure hangs on how a few large shifts fall.
 */
#include "trial.h"

#include "calibrate.h"
#include "effort.h"
#include "shift.h"
#include "solve.h"

#include <string.h>

int trial_samples(const struct pass_ctx *ctx)
{
    enum { MOST = 8, LEAST = 1 };
    int n = effort_samples(ctx->run_ops, MOST, LEAST);
    return n > 1 ? n & ~1 : n; /* even: two threads end together */
}

static int trial_run(struct model *clone, const struct measure *reference, const struct tap *tap,
                     int n, struct pass_ctx *ctx, struct arena *a, double *db, struct err *err)
{
    struct placement p;
    int known = clone->n_values;
    TRY(pass_anticipate(clone, ctx, err));
    TRY(place_model(clone, ctx->target, ctx->skip_nodes, a, &p, err));
    struct tap *all = NEW_ARRAY(a, n + 2, struct tap);
    for (int i = 0; i < n; i++) {
        bool *want = NEW_ARRAY(a, clone->n_values, bool);
        memcpy(want, tap[i].want, (size_t)known * sizeof *want);
        all[i] = tap[i];
        all[i].want = want;
    }
    int samples = measure_samples(reference);
    struct means *means = means_watch(clone, &p, samples, ctx->jobs, a, &all[n++]);
    struct calibration *c = calibration_watch(clone, &p, ctx->data, samples, ctx->jobs, &all[n++]);
    calibration_only_extremes(c);
    int r = taps_run(clone, all, n, ctx->data, ctx->jobs, NULL, err);
    if (r >= 0)
        calibration_read(c, observer_find("min-max"));
    calibration_close(c);
    TRY(r);
    solve_model(clone, &p, ctx->jobs);
    solve_finer(&p);
    shift_biases(clone, &p, means);
    return measure_sqnr(reference, clone, ctx->jobs, db, err);
}

int trial_rounds_activations(const struct model *m, struct pass_ctx *ctx, bool *rounds,
                             struct err *err)
{
    struct arena a = {0};
    struct placement p;
    struct model *clone = model_clone(m);
    int r = pass_anticipate(clone, ctx, err);
    if (r >= 0)
        r = place_model(clone, ctx->target, ctx->skip_nodes, &a, &p, err);
    *rounds = false;
    for (int i = 0; i < p.n_layer && r >= 0; i++)
        *rounds |= qlayer_reads_codes(&p.layer[i]);
    model_close(clone);
    arena_release(&a);
    return r;
}

int trial_sqnr(const struct model *m, const struct measure *reference, const struct tap *tap, int n,
               struct pass_ctx *ctx, double *db, struct err *err)
{
    struct arena a = {0};
    struct model *clone = model_clone(m);
    int r = trial_run(clone, reference, tap, n, ctx, &a, db, err);
    model_close(clone);
    arena_release(&a);
    return r;
}
