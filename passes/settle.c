/* SPDX-License-Identifier: Apache-2.0
 *
 * settle: layers whose rounding the outputs do not bear become float again (region.h says how they
 * are found), or get other ranges. Where the outputs are near enough nothing is measured.
 *
 * The observer that served best with the worst of them often is another one without: its choice is
 * looked at again, and with new ranges what is at fault as well, since less may be then. (Not where
 * the model served as it was.)
 */
#include "calibrate.h"
#include "log.h"
#include "mask.h"
#include "measure.h"
#include "pass.h"
#include "race.h"
#include "region.h"
#include "solve.h"

#include <math.h>
#include <string.h>

enum { NAMED = 3 };
static const double OBSERVED = 2; /* dB that another observer must win */

struct settling {
    struct model *m;
    struct pass_ctx *ctx;
    struct placement all;
    struct mask *mask;
    bool *off; /* by layer */
    struct regions found;
    struct effort effort;
    struct str names; /* of the first layers that become float */
    double noise, before; /* of the model as it came; the same in dB */
    double least;         /* dB */
};

/* dB that outputs of other samples are further away where choices are made on few: so much by
 * measurement (mlsd_tiny_320 with one sample: 3 to 5 dB). */
static double unseen(const struct pass_ctx *ctx)
{
    enum { FEW = 4 };
    int n = dataset_count(ctx->data);
    return n < FEW ? 10 * log10(1 + 2 / (double)n) : 0;
}

/* Are there other observers, to be chosen from? */
static bool may_observe(const struct pass_ctx *ctx)
{
    return ctx->calibration && ctx->ranges_by && !strcmp(ctx->observer, "auto");
}

static int find(struct settling *s, struct regions *r, struct err *err)
{
    struct pass_ctx *ctx = s->ctx;
    struct region_goal goal = {s->least, ctx->near_sqnr};
    if (ctx->grams)
        TRY(rounding_find(s->m, ctx, err));
    struct calibration *others = may_observe(ctx) ? ctx->calibration : NULL;
    struct region_look look = {s->m, ctx->target, ctx->data, ctx->measure, ctx->means,
                               ctx->rounding, ctx->targets, others, s->noise, s->effort, ctx->jobs};
    return regions_settle(&look, &goal, ctx->scratch, r, err);
}

static void switch_on(struct settling *s)
{
    for (int i = 0; i < s->all.n_layer; i++)
        s->off[i] = false;
    mask_set(s->mask, s->off);
}

/* Of what was found all, or the worst only. */
static int switch_off(struct settling *s, bool worst)
{
    int n = 0;
    for (int i = 0; i < s->found.n; i++) {
        const struct region *r = &s->found.region[i];
        for (int k = r->first; k < r->first + r->n; k++)
            n += s->off[k] = worst ? r->worst : r->off;
    }
    mask_set(s->mask, s->off);
    return n;
}

static void use_ranges(struct settling *s, const char *observer)
{
    calibration_read(s->ctx->calibration, observer_find(observer));
    solve_model(s->m, &s->all, s->ctx->jobs);
}

static void use_found_ranges(struct settling *s)
{
    int n = s->found.n_ranged;
    for (int i = 0; i < n; i++)
        calibration_set(s->ctx->calibration, s->found.ranged[i].slot, s->found.ranged[i].range);
    if (!n)
        return;
    solve_model(s->m, &s->all, s->ctx->jobs);
    str_printf(&s->ctx->notes, "%d range%s by other observers: those by %s cut off too much\n", n,
               n == 1 ? "" : "s", s->ctx->ranges_by);
}

/* Another observer, if without the worst layers it serves better by some dB. */
static int observe(struct settling *s, struct err *err)
{
    struct pass_ctx *ctx = s->ctx;
    struct ranges best;
    double as_it_is;
    switch_off(s, true);
    struct race race = {s->m, &s->all, ctx->calibration, ctx->measure, ctx->means, INFINITY,
                        ctx->jobs};
    TRY(race_run(&race, &best, err));
    use_ranges(s, ctx->ranges_by);
    if (!strcmp(best.observer, ctx->ranges_by))
        return 0;
    TRY(measure_sqnr(ctx->measure, s->m, ctx->jobs, &as_it_is, err));
    if (best.figures.sqnr < as_it_is + OBSERVED)
        return 0;
    use_ranges(s, best.observer);
    str_printf(&ctx->notes, "without the worst layers ranges by %s instead of %s\n",
               best.observer, ctx->ranges_by);
    ctx->ranges_by = best.observer;
    return 1;
}

/* Once more, with the ranges of another observer. */
static int find_again(struct settling *s, struct err *err)
{
    struct regions r = s->found;
    double limit = s->least;
    switch_on(s);
    TRY(find(s, &r, err));
    bool better = r.after >= limit ? r.off_share < s->found.off_share || s->found.after < limit
                                   : r.after > s->found.after;
    r.before = s->found.before;
    if (better)
        s->found = r;
    use_found_ranges(s);
    return 0;
}

/* The layer becomes float, as place_drop() has it. */
static void drop(struct settling *s, int layer, const char *reason)
{
    struct placement *p = s->ctx->placement;
    bool *drop = NEW_ARRAY(s->ctx->scratch, p->n_layer, bool);
    for (int i = 0; i < p->n_layer; i++)
        drop[i] = p->layer[i].node == s->all.layer[layer].node;
    place_drop(s->m, p, drop, reason);
}

static int drop_all(struct settling *s)
{
    int n = 0;
    switch_on(s);
    for (int i = 0; i < s->found.n; i++) {
        const struct region *r = &s->found.region[i];
        if (!r->off)
            continue;
        const char *reason = arena_printf(s->m->arena, "%s brings the outputs down to %.0f dB",
                                          r->n > 1 ? "with its neighbours it" : "it alone",
                                          rint(region_alone(r)) + 0.0); /* no -0 */
        for (int k = r->first; k < r->first + r->n; k++, n++) {
            const struct node *node = s->all.layer[k].node;
            if (n < NAMED)
                str_printf(&s->names, "%s%s", n ? ", " : "",
                           *node->name ? node->name : node->out[0]->name);
            str_printf(&s->ctx->notes, "%s stays float: alone %.1f dB, %.2f %% of the "
                       "multiply-adds\n", node_title(node), region_alone(r), r->share);
            drop(s, k, reason);
        }
    }
    switch_off(s, false);
    return n;
}

/* What came of it, as it is measured, in one line. */
static int tell(struct settling *s, int n, struct err *err)
{
    struct pass_ctx *ctx = s->ctx;
    TRY(pass_judge(ctx, s->m, err));
    double after = region_decibels(ctx->noise);
    str_printf(&ctx->notes, "%d layers float, %.1f %% of the multiply-adds: %.1f -> %.1f dB\n", n,
               s->found.off_share, s->before, after);
    log_info("settle: %d layer%s float (%s%s), %.1f %% of the multiply-adds: %.1f -> %.1f dB", n,
             n == 1 ? " stays" : "s stay", s->names.text, n > NAMED ? ", ..." : "",
             s->found.off_share, s->before, after);
    return n;
}

/* Looks for the layers at fault and lets them be float; how many there are. */
static int settle(struct settling *s, struct err *err)
{
    struct pass_ctx *ctx = s->ctx;
    int other = 0;
    s->mask = mask_open(s->m, &s->all, ctx->target, ctx->scratch);
    s->off = NEW_ARRAY(ctx->scratch, s->all.n_layer, bool);
    TRY(effort_measure(s->m, ctx->data, ctx->scratch, &s->effort, err));
    TRY(find(s, &s->found, err));
    use_found_ranges(s);
    if (switch_off(s, false) && !s->found.serves && !s->found.n_ranged && may_observe(ctx))
        other = observe(s, err);
    TRY(other);
    if (other)
        TRY(find_again(s, err));
    int n = drop_all(s), changes = n + other + s->found.n_ranged;
    if (!changes)
        return 0;
    solve_model(s->m, ctx->placement, ctx->jobs);
    if (n)
        return tell(s, n, err);
    TRY(pass_judge(ctx, s->m, err));
    return changes;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    if (!ctx->measure || (!ctx->means && ctx->min_sqnr > 0))
        return err_set(err, ERR_USAGE, "pass settle needs pass calibrate before it");
    struct settling s = {.m = m, .ctx = ctx, .all = *ctx->placement,
                         .least = ctx->min_sqnr + unseen(ctx)};
    if (!s.all.n_layer || ctx->min_sqnr <= 0)
        return 0;
    if (isnan(ctx->noise))
        TRY(pass_judge(ctx, m, err));
    s.noise = ctx->noise;
    s.before = region_decibels(ctx->noise);
    if (s.before >= s.least)
        return 0;
    int n = settle(&s, err);
    str_release(&s.names);
    return n;
}

const struct pass pass_settle = {
    .name = "settle",
    .summary = "layers that the outputs do not bear stay float, found by measurement",
    .needs = FACT_SOLVED,
    .flags = PASS_REFINES,
    .run = run,
};
