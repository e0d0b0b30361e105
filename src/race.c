/* SPDX-License-Identifier: Apache-2.0
 *
 * race: those that fall behind on a part of the samples do not see the rest, unless those that do
 * fall far behind them there: the part was not like the whole then.
 */
#include "race.h"

#include "observe.h"
#include "solve.h"
#include "sweep.h"

#include <math.h>
#include <string.h>

/* dB that an observer may be behind the leading one and still see all samples. */
static const double MARGIN = 0.5;
/* dB that the leading one must lose with all samples for those who fell behind to see them too. */
static const double MISLED = 3;
/* dB by which others must be ahead of the prior one: what is less is chance with a few samples. */
static const double AHEAD = 1;
static const char prior[] = "mse";
/* dB below which biases are shifted, and what that must gain. */
static const double FAR_SQNR = 30, SHIFT_GAIN = 1;

/* One observer's turn; the model is left as it would make it. */
static int try_observer(const struct race *r, int i, int round, struct tally *tally,
                        struct err *err)
{
    calibration_read(r->calibration, &observer_table[i]);
    solve_model(r->model, r->placement, r->jobs);
    return measure_round(r->measure, r->model, round, r->jobs, tally, err);
}

/* Gives the layers of the solved model the biases that go with their rounded weights, and keeps
 * their own. */
static void shift(const struct race *r, const struct tensor **own)
{
    const struct placement *p = r->placement;
    for (int i = 0; i < p->n_layer; i++)
        own[i] = qlayer_bias(&p->layer[i]) ? qlayer_bias(&p->layer[i])->constant : NULL;
    shift_biases(r->model, p, r->means);
}

static void shift_back(const struct race *r, const struct tensor *const *own)
{
    const struct placement *p = r->placement;
    for (int i = 0; i < p->n_layer; i++)
        if (own[i] && qlayer_bias(&p->layer[i])->constant != own[i])
            constant_replace(qlayer_bias(&p->layer[i]), own[i]);
    sweep_constants(r->model);
}

/* The first turn of the first observer. *shifted: the biases are. */
static int start(const struct race *r, const struct tensor **own, struct arena *a,
                 struct tally **first, bool *shifted, struct err *err)
{
    *first = tally_new(r->measure, a);
    *shifted = false;
    TRY(try_observer(r, 0, 0, *first, err));
    double db = tally_figures(r->measure, *first).sqnr;
    if (!r->means || db >= FAR_SQNR)
        return 0;
    struct tally *again = tally_new(r->measure, a);
    shift(r, own);
    *shifted = true;
    TRY(try_observer(r, 0, 0, again, err));
    if (tally_figures(r->measure, again).sqnr >= db + SHIFT_GAIN) {
        *first = again;
    } else {
        shift_back(r, own);
        *shifted = false;
    }
    return 0;
}

/* What an observer races with, in dB. */
static double score_of(const struct race *r, int observer, const struct tally *tally)
{
    bool is_prior = !strcmp(observer_table[observer].name, prior);
    return tally_figures(r->measure, tally).sqnr - (is_prior ? 0 : AHEAD);
}

/* Of those that have not seen the rest of the samples the one with the best score, if that is near
 * the bound; -1: none is. */
static int next_of(const double *score, const bool *ended, int n, double bound)
{
    int next = -1;
    for (int i = 0; i < n; i++)
        if (!ended[i] && score[i] >= bound - MARGIN && (next < 0 || score[i] > score[next]))
            next = i;
    return next;
}

/* `first` has had its first turn. */
static int compete(const struct race *r, struct tally *first, struct arena *a,
                   struct ranges *result, struct err *err)
{
    struct tally *tally[N_OBSERVERS] = {first};
    double score[N_OBSERVERS] = {score_of(r, 0, first)}, lead = score[0], top = -INFINITY;
    bool ended[N_OBSERVERS] = {false};
    int n = 1; /* how many have had their first turn */
    for (; n < N_OBSERVERS && lead < r->enough - AHEAD; n++) {
        tally[n] = tally_new(r->measure, a);
        score[n] = -INFINITY;
        if (observer_table[n].only_by_name)
            continue;
        TRY(try_observer(r, n, 0, tally[n], err));
        score[n] = score_of(r, n, tally[n]);
        lead = fmax(lead, score[n]);
    }
    int best = -1;
    double bound = lead;
    for (int i; (i = next_of(score, ended, n, bound)) >= 0;) {
        TRY(try_observer(r, i, 1, tally[i], err));
        ended[i] = true;
        score[i] = score_of(r, i, tally[i]);
        if (best < 0 || score[i] > top || (score[i] == top && i < best)) {
            top = score[i];
            best = i;
        }
        bound = top < lead - MISLED ? top : lead;
    }
    result->figures = tally_figures(r->measure, tally[best]);
    calibration_read(r->calibration, &observer_table[best]);
    result->observer = observer_table[best].name;
    return 0;
}

static int run(const struct race *r, struct arena *a, struct ranges *result, struct err *err)
{
    struct tally *first;
    const struct tensor **own = NEW_ARRAY(a, r->placement->n_layer, const struct tensor *);
    bool shifted;
    int status = start(r, own, a, &first, &shifted, err);
    if (status >= 0)
        status = compete(r, first, a, result, err);
    if (shifted)
        shift_back(r, own);
    if (shifted && status >= 0) {
        solve_model(r->model, r->placement, r->jobs);
        status = measure_figures(r->measure, r->model, r->jobs, &result->figures, err);
    }
    solve_clear(r->model);
    return status;
}

int race_run(const struct race *r, struct ranges *result, struct err *err)
{
    struct arena a = {0};
    *result = (struct ranges){NULL, {NAN, NAN}};
    if (!calibration_read(r->calibration, &observer_table[0]))
        return 0;
    int status = run(r, &a, result, err);
    arena_release(&a);
    return status;
}
