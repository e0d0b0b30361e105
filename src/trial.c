/* SPDX-License-Identifier: Apache-2.0
 *
 * trial: place, calibrate, solve and measure on a clone that is thrown away.
 */
#include "trial.h"

#include "calibrate.h"
#include "solve.h"

enum { TRIAL_SAMPLES = 8 };

static int trial_run(struct model *clone, struct pass_ctx *ctx, struct arena *a, double *db,
                     struct err *err)
{
    struct placement p;
    struct calibration c;
    struct measure *s = measure_open(clone, ctx->data, TRIAL_SAMPLES, ctx->jobs, a, err);
    if (!s)
        return -1;
    TRY(place_model(clone, ctx->target, ctx->skip_nodes, a, &p, err));
    TRY(calibrate_model(clone, &p, ctx->data, TRIAL_SAMPLES, "min-max", s, ctx->jobs, &c, err));
    solve_model(clone, &p);
    return measure_sqnr(s, clone, ctx->jobs, db, err);
}

int trial_sqnr(const struct model *m, struct pass_ctx *ctx, double *db, struct err *err)
{
    struct arena a = {0};
    struct model *clone = model_clone(m);
    int r = trial_run(clone, ctx, &a, db, err);
    model_close(clone);
    arena_release(&a);
    return r;
}
