/* SPDX-License-Identifier: Apache-2.0
 *
 * region: everything is tried on one clone whose layers are switched off and on.
 */
#include "region.h"

#include "correct.h"
#include "effort.h"
#include "region_trial.h"
#include "samples.h"
#include "solve.h"

#include <math.h>
#include <string.h>

/* At most so many regions at first, samples for each, and sample runs for all together; these are
 * for models that cost little to run. */
enum { REGIONS = 512, LEAST_REGIONS = 16, SAMPLES = 8, RUNS = 256 };
/* Whole models to look at afterwards; samples for the means of inputs; and how many steps of a
 * sequence a region is looked at in. */
enum { BACK = 6, MEAN_SAMPLES = 8, STEPS = 64 };
static const double gain = 2;          /* dB: what a model that serves must win, or it stays */
static const double ranged_gain = 3;   /* dB: what other ranges must win */
static const double corrects = 5;      /* dB: what corrected biases may be expected to win */
static const double overhead = 0.5;    /* percent: what a float layer costs beside its work */
static const double small = 1;         /* percent: not worth a look at its parts, or to give back */

/* Noise to signal of the clone's outputs with the layers that are off now. */
static int noise_now(struct trial *t, const struct measure *s, double *noise, struct err *err)
{
    struct figures figures;
    lane_set(t->lane);
    TRY(measure_figures(s, t->lane->clone, t->look.jobs, &figures, err));
    *noise = figures.noise;
    return 0;
}

double region_decibels(double noise)
{
    return noise > 1e-10 ? -10 * log10(noise) : 100;
}

double region_alone(const struct region *r)
{
    return region_decibels(r->noise);
}

static int noise_of_choice(struct trial *t, const struct measure *s, double *noise, struct err *err)
{
    for (int i = 0; i < t->out->n; i++)
        region_set(t->lane, &t->out->region[i], t->out->region[i].off);
    return noise_now(t, s, noise, err);
}

static double share_of(const struct trial *t, int layer)
{
    double ops = t->look.effort.of_node[t->lane->p.layer[layer].node->id];
    return t->look.effort.ops > 0 ? 100 * ops / t->look.effort.ops : 0;
}

/* Neighbours in one graph, as few together as give about `most`. */
static void find_regions(struct trial *t, int most)
{
    int n = t->lane->p.n_layer, size = (n + most - 1) / most;
    struct regions *out = t->out;
    out->region = NEW_ARRAY(t->a, n, struct region);
    for (int i = 0; i < n; i++) {
        struct region *r = out->n ? &out->region[out->n - 1] : NULL;
        if (!r || r->n == size
            || t->lane->p.layer[r->first].node->graph != t->lane->p.layer[i].node->graph) {
            r = &out->region[out->n++];
            r->first = i;
        }
        r->n++;
        r->share += share_of(t, i);
    }
}

/* How many samples each region is worth: fewer runs in all, and not by the root of their cost but
 * in proportion, since there are so many of them. */
static int samples_for_regions(const struct trial *t)
{
    double ops = t->look.effort.ops;
    int runs = effort_samples(ops * ops / EFFORT_DEAR, RUNS, 1) / t->out->n;
    int most = effort_samples(ops, SAMPLES, 1);
    return runs < 1 ? 1 : runs < most ? runs : most;
}

/* Few samples for regions alone and for the search, whose outcome is then seen on all. All steps of
 * a sequence up to the last wanted one must run: an early part serves. */
static int open_few(struct trial *t, struct err *err)
{
    int count = dataset_count(t->look.data), n = samples_for_regions(t), *index;
    if (!region_is_sequence(t)) {
        t->few = measure_part(t->whole, n, t->a);
        return 0;
    }
    n = samples_spread(t->a, count < STEPS ? count : STEPS, n, &index);
    t->few = measure_open_at(t->look.model, t->look.data, index, n, t->look.jobs, t->a, err);
    return t->few ? 0 : -1;
}

static double predicted(const struct trial *t)
{
    double sum = 0;
    for (int i = 0; i < t->out->n; i++)
        sum += t->out->region[i].off ? 0 : t->out->region[i].noise;
    return sum;
}

static double share_off(const struct trial *t)
{
    double sum = 0;
    for (int i = 0; i < t->out->n; i++)
        sum += t->out->region[i].off ? t->out->region[i].share : 0;
    return sum;
}

/* The region that adds most for its work; -1: nothing is left that may be spent. */
static int dearest(const struct trial *t)
{
    int best = -1;
    double most = 0, spent = share_off(t);
    for (int i = 0; i < t->out->n; i++) {
        const struct region *r = &t->out->region[i];
        double value = r->noise / (r->share + overhead);
        if (!r->off && spent + r->share <= t->spend && value > most) {
            most = value;
            best = i;
        }
    }
    return best;
}

/* Regions in the order in which they are taken back. */
static void find_order(struct trial *t)
{
    t->order = NEW_ARRAY(t->a, t->out->n, int);
    t->n_order = 0;
    for (int i; (i = dearest(t)) >= 0; t->n_order++) {
        t->order[t->n_order] = i;
        t->out->region[i].off = true;
    }
}

/* The first k in the order are off, but for those that were given back. */
static void choose(struct trial *t, int k)
{
    for (int i = 0; i < t->n_order; i++)
        t->out->region[t->order[i]].off = i < k && !t->given[t->order[i]];
}

/* How many must be off until the noise should fall to this part of what it is. */
static int foresee(struct trial *t, double part)
{
    choose(t, 0);
    double limit = predicted(t) * part;
    for (int k = 0;; choose(t, ++k))
        if (k == t->n_order || predicted(t) <= limit)
            return k;
}

/* The least number from lo to hi that makes the whole quiet enough, or hi; it is chosen. */
static int search(struct trial *t, const struct measure *s, int lo, int hi, double limit,
                  struct err *err)
{
    bool known = false; /* t->now is that of hi */
    while (lo < hi || !known) {
        int middle = (lo + hi) / 2;
        double noise;
        choose(t, middle);
        TRY(noise_of_choice(t, s, &noise, err));
        known |= middle == hi || noise <= limit;
        if (middle == hi || noise <= limit) {
            hi = middle;
            t->now = noise;
        } else {
            lo = middle + 1;
        }
    }
    choose(t, hi);
    return hi;
}

/* Large regions of several layers that would be taken back become one for each layer, off. */
static void split(struct trial *t)
{
    struct regions *out = t->out, old = *out;
    out->region = NEW_ARRAY(t->a, t->lane->p.n_layer, struct region);
    out->n = 0;
    for (int i = 0; i < old.n; i++) {
        struct region r = old.region[i];
        if (r.n == 1 || !r.off || r.share < small) {
            r.off = false;
            out->region[out->n++] = r;
            continue;
        }
        for (int k = r.first; k < r.first + r.n; k++)
            out->region[out->n++] =
                (struct region){.first = k, .n = 1, .share = share_of(t, k), .off = true};
    }
}

/* Ranges of other observers for what alone is too much, before it is called float: all that serve
 * better alone, or none. */
static int choose_ranges(struct trial *t, double limit, struct err *err)
{
    struct regions *out = t->out;
    struct region *own = arena_copy(t->a, out->region, (size_t)out->n * sizeof *own);
    double before = t->now;
    for (int i = 0; i < out->n; i++)
        out->region[i].off = out->region[i].noise > limit;
    TRY(region_choose_ranges(t, err));
    for (int i = 0; i < out->n; i++)
        own[i].off = out->region[i].off = false;
    if (!out->n_ranged)
        return 0;
    TRY(noise_of_choice(t, t->whole, &t->now, err));
    if (region_decibels(t->now) >= region_decibels(before) + ranged_gain)
        return 0;
    region_restore_ranges(t);
    out->region = own;
    t->now = before;
    return 0;
}

/* What each adds to the noise. */
static int look(struct trial *t, double limit, struct err *err)
{
    struct regions *out = t->out;
    bool again = out->n > 0;
    if (again)
        out->region = arena_copy(t->a, out->region, (size_t)out->n * sizeof *out->region);
    else
        find_regions(t, effort_samples(t->look.effort.ops, REGIONS, LEAST_REGIONS));
    TRY(open_few(t, err));
    TRY(region_measure_alone(t, !again, err));
    TRY(choose_ranges(t, limit, err));
    t->given = NEW_ARRAY(t->a, t->lane->p.n_layer, bool);
    if (!again && out->n < t->lane->p.n_layer) {
        find_order(t);
        choose(t, foresee(t, limit / t->now));
        split(t);
        TRY(region_measure_alone(t, false, err));
    }
    for (int i = 0; i < out->n; i++)
        out->region[i].off = false;
    find_order(t);
    return 0;
}

/* The largest that is off and was not tried. */
static int largest_off(const struct trial *t, const bool *tried)
{
    int best = -1;
    for (int i = 0; i < t->out->n; i++)
        if (t->out->region[i].off && !tried[i] && t->out->region[i].share >= small
            && (best < 0 || t->out->region[i].share > t->out->region[best].share))
            best = i;
    return best;
}

/* What is not needed becomes integer again, the largest first. */
static int give_back(struct trial *t, double limit, struct err *err)
{
    bool *tried = NEW_ARRAY(t->a, t->out->n, bool);
    for (int k = 0; k < BACK && t->now <= limit; k++) {
        int i = largest_off(t, tried);
        double noise;
        if (i < 0)
            break;
        tried[i] = true;
        t->out->region[i].off = false;
        TRY(noise_of_choice(t, t->few, &noise, err));
        t->given[i] = noise <= limit;
        t->out->region[i].off = !t->given[i];
        if (t->given[i])
            t->now = noise;
    }
    return 0;
}

/* The worst are those that make up half of the way, in dB. */
static void mark_worst(struct trial *t, double limit)
{
    choose(t, foresee(t, sqrt(limit / t->now)));
    for (int i = 0; i < t->out->n; i++)
        t->out->region[i].worst = t->out->region[i].off;
}

/* On all samples, where a little more than the first k may have to be off: at most as much as it
 * takes to bring the few down by what is missing. */
static int widen(struct trial *t, int k, double limit, struct err *err)
{
    static const double least_step = 0.9; /* of the noise */
    double few_limit = limit;
    int lo = k;
    choose(t, k);
    TRY(noise_of_choice(t, t->whole, &t->now, err));
    while (t->now > limit && k < t->n_order) {
        few_limit *= fmin(limit / t->now, least_step);
        lo = k + 1;
        k = search(t, t->few, lo, t->n_order, few_limit, err);
        TRY(k);
        TRY(noise_of_choice(t, t->whole, &t->now, err));
    }
    return lo < k ? search(t, t->whole, lo, k, limit, err) : 0;
}

/* On few samples, then on all. What the few gave back is off again if with it nothing helps. */
static int choose_regions(struct trial *t, double limit, struct err *err)
{
    mark_worst(t, limit);
    int k = search(t, t->few, 0, t->n_order, limit, err);
    TRY(k);
    TRY(give_back(t, limit, err));
    TRY(widen(t, k, limit, err));
    bool given = false;
    for (int i = 0; i < t->out->n; i++) {
        given = given || t->given[i];
        t->given[i] = t->given[i] && t->now <= limit;
    }
    return given && t->now > limit ? widen(t, k, limit, err) : 0;
}

int region_mean_samples(double ops)
{
    return effort_samples(ops, MEAN_SAMPLES, 2);
}

/* Codes and biases of rounded weights beside what layers have in float; NULL: to nearest. */
static void round_layers(struct trial *t, const struct rounding *rounding)
{
    static const struct rounded nearest;
    for (int i = 0; i < t->lane->p.n_layer; i++) {
        const struct qlayer *l = &t->lane->p.layer[i];
        const struct rounded *r = rounding ? &rounding->of_node[l->node->id] : &nearest;
        t->lane->rounded[i] = r->weight ? r->weight : t->lane->weight[i];
        qlayer_weight(l)->constant = t->lane->rounded[i];
        if (r->bias)
            constant_replace(t->lane->own[i], r->bias);
        else if (t->lane->own[i])
            node_set_input(l->bias_node, l->bias_slot, t->lane->own[i]);
    }
    shift_biases(t->lane->clone, &t->lane->p, t->look.means);
    for (int i = 0; i < t->lane->p.n_layer; i++)
        t->lane->shifted[i] = qlayer_bias(&t->lane->p.layer[i]);
}

/* The codes that are known are taken if they serve as well as those to nearest. */
static int take_codes(struct trial *t, struct err *err)
{
    solve_finer(&t->lane->p);
    round_layers(t, t->look.rounding);
    TRY(noise_now(t, t->whole, &t->now, err));
    if (!t->look.rounding
        || rounding_serves(region_decibels(t->look.noise), region_decibels(t->now)))
        return 0;
    round_layers(t, NULL);
    return noise_now(t, t->whole, &t->now, err);
}

/* Exchanges the biases of layers that are on with those in `bias`; NULL: none. */
static void exchange_biases(struct trial *t, const struct tensor **bias)
{
    for (int i = 0; i < t->lane->p.n_layer; i++) {
        if (!bias[i])
            continue;
        const struct tensor *old = t->lane->shifted[i]->constant;
        t->lane->shifted[i] = constant_replace(t->lane->shifted[i], bias[i]);
        bias[i] = old;
    }
}

/* The noise with biases as they would be corrected with all layers on. (Where layers are off such
 * biases are wrong: each makes up for what the others do.) As it is where db is out of reach. */
static int noise_corrected(struct trial *t, double db, double *noise, struct err *err)
{
    const struct region_look *l = &t->look;
    const struct tensor **bias = NEW_ARRAY(t->a, t->lane->p.n_layer, const struct tensor *);
    *noise = t->now;
    if (!l->targets || t->out->before < db - corrects)
        return 0;
    TRY(correct_biases(t->lane->clone, &t->lane->p, l->targets, l->data, l->jobs, t->a, bias, err));
    exchange_biases(t, bias);
    TRY(noise_now(t, t->whole, noise, err));
    exchange_biases(t, bias);
    return 0;
}

/* One output, a row of class scores for each sample: behind a Softmax, or as many as regressions
 * seldom have. */
static bool gives_scores(const struct model *m)
{
    enum { MANY = 10 };
    const struct node *result = m->graph->result;
    const struct value *v = result->n_in == 1 ? node_input(result, 0) : NULL;
    if (!v || v->type.shape.rank != 2)
        return false;
    return v->type.shape.dim[1] >= MANY || value_def(v, OP_Softmax) || value_def(v, OP_LogSoftmax);
}

/* Is the model of use as it is? */
static bool serves(const struct trial *t, const struct region_goal *goal)
{
    double least = goal->db - goal->near;
    if (goal->near > 0 && gives_scores(t->look.model) && least > SCORES_DB)
        least = SCORES_DB;
    return t->out->before >= least && !region_is_sequence(t);
}

static int settle(struct trial *t, const struct region_goal *goal, struct err *err)
{
    double limit = pow(10, -goal->db / 10);
    TRY(take_codes(t, err));
    t->out->before = t->out->after = region_decibels(t->now);
    double best = t->now;
    if (best > limit)
        TRY(noise_corrected(t, goal->db, &best, err));
    if (best <= limit) {
        *t->out = (struct regions){.before = t->out->before, .after = t->out->after};
        return 0;
    }
    t->out->serves = serves(t, goal);
    t->spend = t->out->serves ? SPEND : INFINITY;
    TRY(look(t, limit, err));
    TRY(choose_regions(t, limit, err));
    t->out->after = region_decibels(t->now);
    for (int i = 0; i < t->out->n && t->out->serves; i++)
        t->out->region[i].off &= t->out->after >= t->out->before + gain;
    t->out->off_share = share_off(t);
    return 0;
}

int regions_settle(const struct region_look *look, const struct region_goal *goal, struct arena *a,
                   struct regions *result, struct err *err)
{
    struct trial t = {.look = *look, .lane = lane_open(look->model, look->target, a),
                      .whole = look->measure, .a = a, .out = result};
    int r = settle(&t, goal, err);
    lane_close(t.lane);
    return r;
}
