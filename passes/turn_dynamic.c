/* SPDX-License-Identifier: Apache-2.0
 *
 * turn-dynamic: layers whose inputs one range does not serve have them quantized at run time.
 *
 * Recurrent networks above all: what they carry is quiet at times and loud at others. Where the
 * outputs are far from float a clone tells, by their error: all layers at once that cost little
 * more so, as far as they fit into a part of the float model's time; then those that gain nothing
 * are given back, the dearest first; then the same with a scale for each row. What falls short on
 * the first samples does not see the rest. (Networks of convolutions are not looked at: hardly any
 * gains.)
 *
 * Where the data are so few that ranges reach beyond them (calibrate.h), their error says little.
 * Then what costs next to nothing so is turned unseen: matrix products, and convolutions as far as
 * a smaller part of the time goes, those of vectors of channels first.
 */
#include "log.h"
#include "measure.h"
#include "pass.h"
#include "place_dynamic.h"
#include "predict.h"
#include "predict_cost.h"
#include "region.h"
#include "rule.h"
#include "shift.h"
#include "solve.h"

#include <math.h>
#include <stdlib.h>

enum { LOOKS = 16 };                 /* at most so many to give back */
static const double FAR = 30;        /* dB below which it is looked at */
static const double GAIN = 3;        /* dB that all together must win ... */
static const double SHORT = 1;       /* ... but for so much on the first samples to go on */
static const double KEPT = 0.25;     /* dB of that which may be given back */
static const double BUDGET = 0.15;   /* of the float model's time ... */
static const double UNSEEN = 0.03;   /* ... and what may be spent of it without a look */
static const double PRODUCTS = 0.25; /* of the layers, or it is a network of convolutions */

struct candidate {
    int layer;
    double cost; /* microseconds more */
};

/* How well layers serve as they are: on the first samples, and where somebody wants it on all. */
struct standing {
    struct tally *tally;
    struct figures first, all; /* all: of the tally, if `known` */
    bool known;
};

struct turning {
    struct pass_ctx *ctx;
    const struct model *model;
    struct model *clone;
    struct placement p; /* of the clone; its layers are those of ctx->placement */
    struct dynamics *dynamics;
    double budget; /* microseconds */
    struct candidate *candidate;
    int n, looks;
    enum dynamic *how, *before; /* by layer: as it is tried, and as it would be without */
};

static int compare_costs(const void *a, const void *b)
{
    const struct candidate *p = a, *q = b;
    return p->cost != q->cost ? (p->cost < q->cost ? -1 : 1) : p->layer - q->layer;
}

static bool is_product(const struct turning *t, int layer)
{
    return t->p.layer[layer].node->op != OP_Conv;
}

/* What is left of the budget: rows are for products, and leave convolutions as they are. */
static double budget_left(const struct turning *t, enum dynamic how)
{
    double left = t->budget;
    for (int i = 0; i < t->p.n_layer; i++)
        if (how == DYNAMIC_ROWS && t->how[i] != DYNAMIC_NOT && !is_product(t, i))
            left -= fmax(cost_of_dynamic(t->ctx->placement->layer[i].node), 0);
    return left;
}

/* The cheapest layers, as many as fit into the budget. */
static void find_candidates(struct turning *t, enum dynamic how)
{
    struct pass_ctx *ctx = t->ctx;
    const struct node_rule *rule = rules_resolve(ctx->target->rules, NULL, t->model, ctx->scratch);
    t->candidate = NEW_ARRAY(ctx->scratch, t->p.n_layer + 1, struct candidate);
    t->n = 0;
    for (int i = 0; i < t->p.n_layer; i++) {
        const struct qlayer *l = &ctx->placement->layer[i];
        const struct node_rule *r = &rule[l->node->id];
        double cost = how == DYNAMIC_ROWS ? cost_of_rows(l->node) : cost_of_dynamic(l->node);
        if (!r->all && !r->activation && !dynamics_reason_against(ctx->target, l, how)
            && !l->input->quant->type.dynamic)
            t->candidate[t->n++] = (struct candidate){i, fmax(cost, 0)};
    }
    qsort(t->candidate, (size_t)t->n, sizeof *t->candidate, compare_costs);
    int fit = 0;
    for (double left = budget_left(t, how); fit < t->n && t->candidate[fit].cost <= left; fit++)
        left -= t->candidate[fit].cost;
    t->n = fit;
}

static int figures_now(struct turning *t, struct figures *now, struct err *err)
{
    dynamics_set(t->dynamics, t->how);
    return measure_figures(t->ctx->measure, t->clone, t->ctx->jobs, now, err);
}

static int look_first(struct turning *t, struct standing *s, struct err *err)
{
    const struct measure *m = t->ctx->measure;
    *s = (struct standing){.tally = tally_new(m, t->ctx->scratch)};
    dynamics_set(t->dynamics, t->how);
    TRY(measure_round(m, t->clone, 0, t->ctx->jobs, s->tally, err));
    s->first = tally_figures(m, s->tally);
    return 0;
}

/* `how`: as it was looked at first. */
static int look_again(struct turning *t, struct standing *s, const enum dynamic *how,
                      struct err *err)
{
    const struct measure *m = t->ctx->measure;
    if (s->known)
        return 0;
    dynamics_set(t->dynamics, how);
    TRY(measure_round(m, t->clone, 1, t->ctx->jobs, s->tally, err));
    s->all = tally_figures(m, s->tally);
    s->known = true;
    return 0;
}

static bool wins(const struct figures *a, const struct figures *b, double gain)
{
    return region_decibels(a->noise) >= region_decibels(b->noise) + gain;
}

static void set(struct turning *t, int from, int to, enum dynamic how)
{
    for (int i = from; i < to; i++)
        t->how[t->candidate[i].layer] = how;
}

static void set_back(struct turning *t, int from, int to)
{
    for (int i = from; i < to; i++)
        t->how[t->candidate[i].layer] = t->before[t->candidate[i].layer];
}

/* By the worst output and by all of them. */
static bool are_near(const struct figures *now, const struct figures *all)
{
    return region_decibels(now->noise) >= region_decibels(all->noise) - KEPT
        && now->sqnr >= all->sqnr - KEPT;
}

/* Candidates from..to-1 are again as before, or parts of them, if the outputs bear it. */
static int give_back(struct turning *t, int from, int to, enum dynamic how,
                     const struct figures *all, struct err *err)
{
    struct figures now;
    if (from == to || !t->looks)
        return 0;
    t->looks--;
    set_back(t, from, to);
    TRY(figures_now(t, &now, err));
    if (are_near(&now, all))
        return 0;
    set(t, from, to, how);
    int middle = (from + to + 1) / 2;
    if (to - from == 1)
        return 0;
    TRY(give_back(t, middle, to, how, all, err));
    return give_back(t, from, middle, how, all, err);
}

static bool is_worth_a_look(const struct turning *t)
{
    int products = 0;
    for (int i = 0; i < t->n; i++)
        products += is_product(t, t->candidate[i].layer);
    return products > 0 && products >= PRODUCTS * t->p.n_layer;
}

/* Do all candidates, which are set, win enough? *mine: what they give. */
static int win(struct turning *t, struct standing *best, struct standing *mine, struct err *err)
{
    TRY(look_first(t, mine, err));
    if (!wins(&mine->first, &best->first, GAIN - SHORT))
        return 0;
    TRY(look_again(t, best, t->before, err));
    TRY(look_again(t, mine, t->how, err));
    return wins(&mine->all, &best->all, GAIN);
}

/* All candidates so, if that wins enough over the best there was. */
static int attempt(struct turning *t, enum dynamic how, struct standing *best, struct err *err)
{
    struct standing mine;
    find_candidates(t, how);
    if (!is_worth_a_look(t))
        return 0;
    for (int i = 0; i < t->p.n_layer; i++)
        t->before[i] = t->how[i];
    set(t, 0, t->n, how);
    int won = win(t, best, &mine, err);
    TRY(won);
    if (!won) {
        set_back(t, 0, t->n);
        return 0;
    }
    *best = mine;
    t->looks = LOOKS;
    return give_back(t, 0, t->n, how, &mine.all, err);
}

/* By measurement, on the clone. A scale for each row costs more: it is tried last. */
static int choose(struct turning *t, struct err *err)
{
    struct standing best;
    solve_finer(&t->p);
    shift_biases(t->clone, &t->p, t->ctx->means);
    t->dynamics = dynamics_open(t->clone, &t->p, t->ctx->target, t->ctx->scratch);
    TRY(look_first(t, &best, err));
    TRY(attempt(t, DYNAMIC_WHOLE, &best, err));
    double db = region_decibels(best.known ? best.all.noise : best.first.noise);
    return db < FAR ? attempt(t, DYNAMIC_ROWS, &best, err) : 0;
}

static void turn_unseen(struct turning *t)
{
    find_candidates(t, DYNAMIC_WHOLE);
    double left = t->budget * (UNSEEN / BUDGET);
    for (int i = 0; i < t->n; i++) {
        int layer = t->candidate[i].layer;
        left -= t->candidate[i].cost;
        if ((is_product(t, layer) || left >= 0) && t->how[layer] == DYNAMIC_NOT)
            t->how[layer] = DYNAMIC_WHOLE;
    }
}

/* Which layers, in t->how; how many. far, few: the outputs are far, the data few. */
static int look(struct turning *t, bool far, bool few, struct err *err)
{
    struct pass_ctx *ctx = t->ctx;
    struct prediction prediction = {0};
    place_find_layers(t->clone, ctx->scratch, &t->p);
    /* There are formulas for no other runtime. */
    TRY(predict_model(t->model, "onnxruntime", ctx->scratch, &prediction, err));
    t->budget = BUDGET * prediction.time.real;
    t->how = NEW_ARRAY(ctx->scratch, t->p.n_layer, enum dynamic);
    t->before = NEW_ARRAY(ctx->scratch, t->p.n_layer, enum dynamic);
    find_candidates(t, DYNAMIC_WHOLE);
    if (far && is_worth_a_look(t))
        TRY(choose(t, err));
    if (few)
        turn_unseen(t);
    int n = 0;
    for (int i = 0; i < t->p.n_layer; i++)
        n += t->how[i] != DYNAMIC_NOT;
    return n;
}

static void tell(struct pass_ctx *ctx, int n, double before, bool few)
{
    const char *text = arena_printf(ctx->scratch, "%d layer%s quantized at run time%s", n,
                                    n == 1 ? " has its input" : "s have their inputs",
                                    few ? ", since there are few samples" : "");
    if (!few)
        text = arena_printf(ctx->scratch, "%s: %.1f -> %.1f dB", text, before,
                            region_decibels(ctx->noise));
    str_printf(&ctx->notes, "%s\n", text);
    log_info("turn-dynamic: %s", text);
}

static int turn(struct turning *t, struct model *m, int n, bool few, struct err *err)
{
    struct pass_ctx *ctx = t->ctx;
    double before = region_decibels(ctx->noise);
    struct dynamics *d = dynamics_open(m, ctx->placement, ctx->target, ctx->scratch);
    dynamics_set(d, t->how);
    dynamics_keep(d, ctx->placement);
    solve_model(m, ctx->placement, ctx->jobs);
    TRY(pass_judge(ctx, m, err));
    tell(ctx, n, before, few);
    return n;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    if (!ctx->measure)
        return err_set(err, ERR_USAGE, "pass turn-dynamic needs pass calibrate before it");
    bool fits = false;
    for (int i = 0; i < ctx->placement->n_layer; i++)
        fits |= !dynamics_reason_against(ctx->target, &ctx->placement->layer[i],
                                         DYNAMIC_WHOLE);
    if (!fits)
        return 0;
    if (isnan(ctx->noise))
        TRY(pass_judge(ctx, m, err));
    bool far = ctx->means && region_decibels(ctx->noise) < fmin(FAR, pass_enough(ctx));
    bool few = dataset_count(ctx->data) < ctx->reach;
    if (!far && !few)
        return 0;
    struct turning t = {.ctx = ctx, .model = m, .clone = model_clone(m)};
    int n = look(&t, far, few, err);
    model_close(t.clone);
    return n > 0 ? turn(&t, m, n, few, err) : n;
}

const struct pass pass_turn_dynamic = {
    .name = "turn-dynamic",
    .summary = "layers whose inputs one range does not serve have them quantized at run time",
    .needs = FACT_SOLVED,
    .flags = PASS_REFINES | PASS_TRIES,
    .run = run,
};
