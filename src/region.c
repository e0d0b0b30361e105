/* SPDX-License-Identifier: Apache-2.0
 *
 * region: everything is tried on one clone whose layers are switched off and on.
 */
#include "region.h"

#include "mask.h"
#include "op.h"
#include "samples.h"
#include "shift.h"
#include "solve.h"

#include <math.h>
#include <string.h>

/* Sample runs to simulate regions alone, together; whole models to look at afterwards; samples for
 * the means of inputs; and how many steps of a sequence a region is looked at in. */
enum { RUNS = 256, MOST_SAMPLES = 8, ROUNDS = 8, BACK = 6, MEAN_SAMPLES = 8, STEPS = 64 };
static const double worst_noise = 100; /* -20 dB: it cannot get worse */
static const double gain = 2;          /* dB: what a model that serves must win, or it stays */
static const double overhead = 0.5;    /* percent: what a float layer costs beside its work */
static const double small = 1;         /* percent: not worth a look to give it back */

struct trial {
    struct model *clone;
    struct placement p;
    struct mask *mask;
    const struct measure *whole, *alone; /* for all together; for regions alone */
    int jobs;
    struct arena *a;
    struct value **own, **shifted; /* biases by layer, in float and with a rounded weight */
    double *noise; /* by region: what it adds */
    bool *off;     /* by layer */
    double now;    /* noise of the whole with the regions that are off */
    double spend;  /* percent of the multiply-adds that may become float */
    struct regions *out;
};

/* Weights and inputs by the mask; the biases go with the weights. */
static void set_layers(struct trial *t)
{
    for (int i = 0; i < t->p.n_layer; i++) {
        const struct qlayer *l = &t->p.layer[i];
        if (t->own[i] != t->shifted[i])
            node_set_input(l->bias_node, l->bias_slot, t->off[i] ? t->own[i] : t->shifted[i]);
    }
    mask_set(t->mask, t->off);
}

static int noise_of(const struct measure *s, const struct model *m, int jobs, double *noise,
                    struct err *err)
{
    int n = measure_values(s);
    struct arena scratch = {0};
    double *db = NEW_ARRAY(&scratch, n, double), sum = 0;
    int r = measure_each(s, m, jobs, db, err);
    for (int i = 0; i < n; i++)
        sum += fmin(pow(10, -db[i] / 10), worst_noise);
    *noise = n ? sum / n : 0;
    arena_release(&scratch);
    return r;
}

/* Noise to signal of the clone's outputs with the layers that are off now. */
static int noise_now(struct trial *t, const struct measure *s, double *noise, struct err *err)
{
    set_layers(t);
    return noise_of(s, t->clone, t->jobs, noise, err);
}

static double decibels(double noise)
{
    return noise > 1e-10 ? -10 * log10(noise) : 100;
}

int regions_judge(const struct measure *s, const struct model *m, int jobs, double *db,
                  struct err *err)
{
    double noise;
    TRY(noise_of(s, m, jobs, &noise, err));
    *db = decibels(noise);
    return 0;
}

static void set_region(struct trial *t, const struct region *r, bool off)
{
    for (int i = 0; i < r->n; i++)
        t->off[r->first + i] = off;
}

static int noise_of_choice(struct trial *t, double *noise, struct err *err)
{
    for (int i = 0; i < t->out->n; i++)
        set_region(t, &t->out->region[i], t->out->region[i].off);
    return noise_now(t, t->whole, noise, err);
}

/* Neighbours in one graph, as few together as give at most REGIONS. */
static void find_regions(struct trial *t)
{
    int n = t->p.n_layer, size = (n + REGIONS - 1) / REGIONS;
    struct regions *out = t->out;
    out->region = NEW_ARRAY(t->a, n, struct region);
    for (int i = 0; i < n; i++) {
        struct region *r = out->n ? &out->region[out->n - 1] : NULL;
        if (r && r->n < size && t->p.layer[r->first].node->graph == t->p.layer[i].node->graph)
            r->n++;
        else
            out->region[out->n++] = (struct region){.first = i, .n = 1};
    }
}

struct ops {
    double *of_node, all; /* by id of the node that multiplies */
};

static void on_cost(void *data, int worker, const struct step_cost *c)
{
    (void)worker;
    struct ops *ops = data;
    ops->all += c->work.ops;
    for (int i = 0; i < c->n_nodes; i++)
        if (op_table[c->node[i]->op].role == ROLE_WEIGHTED) {
            ops->of_node[c->node[i]->id] += c->work.ops;
            return;
        }
}

/* The first sample tells what the layers have to do, in bodies over all iterations. */
static int find_shares(struct trial *t, const struct dataset *d, struct err *err)
{
    struct arena scratch = {0};
    struct ops ops = {.of_node = NEW_ARRAY(&scratch, t->clone->n_nodes, double)};
    struct samples_hooks hooks = {.cost = on_cost};
    int r = -1;
    struct exec *x = exec_open(t->clone->graph, &(struct exec_options){EXEC_FLOAT, NULL, true},
                               err);
    if (x) {
        r = samples_run(x, d, &(int){0}, 1, 1, &hooks, &ops, err);
        exec_close(x);
    }
    for (int i = 0; i < t->out->n && ops.all > 0; i++)
        for (int k = 0; k < t->out->region[i].n; k++) {
            const struct node *n = t->p.layer[t->out->region[i].first + k].node;
            t->out->region[i].share += 100 * ops.of_node[n->id] / ops.all;
        }
    arena_release(&scratch);
    return r;
}

/* Few samples for the regions alone. Of a sequence all steps up to the last wanted one must run: an
 * early part serves. */
static int open_alone(struct trial *t, const struct model *m, const struct dataset *d,
                      struct err *err)
{
    const struct dataset_carry *carry;
    int count = dataset_count(d), n = RUNS / t->out->n, *index;
    if (dataset_carries(d, &carry) && count > STEPS)
        count = STEPS;
    n = n < 2 ? 2 : n > MOST_SAMPLES ? MOST_SAMPLES : n;
    n = samples_spread(t->a, count, n, &index);
    t->alone = measure_open_at(m, d, index, n, t->jobs, t->a, err);
    return t->alone ? 0 : -1;
}

static int measure_regions(struct trial *t, struct err *err)
{
    for (int i = 0; i < t->p.n_layer; i++)
        t->off[i] = true;
    for (int i = 0; i < t->out->n; i++) {
        struct region *r = &t->out->region[i];
        set_region(t, r, false);
        TRY(noise_now(t, t->alone, &t->noise[i], err));
        set_region(t, r, true);
        r->alone = decibels(t->noise[i]);
    }
    return 0;
}

static double predicted(const struct trial *t)
{
    double sum = 0;
    for (int i = 0; i < t->out->n; i++)
        sum += t->out->region[i].off ? 0 : t->noise[i];
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
        double value = t->noise[i] / (r->share + overhead);
        if (!r->off && spent + r->share <= t->spend && value > most) {
            most = value;
            best = i;
        }
    }
    return best;
}

/* The prediction is off by some factor, which each look at the whole corrects. */
static int take_back(struct trial *t, double limit, struct err *err)
{
    double factor = t->now / fmax(predicted(t), 1e-10);
    for (int round = 0; round < ROUNDS && t->now > limit; round++) {
        int i, n = 0;
        while ((!n || predicted(t) * factor > limit) && (i = dearest(t)) >= 0) {
            t->out->region[i].off = true;
            n++;
        }
        if (!n)
            break;
        TRY(noise_of_choice(t, &t->now, err));
        factor = t->now / fmax(predicted(t), 1e-10);
    }
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
        TRY(noise_of_choice(t, &noise, err));
        if (noise <= limit)
            t->now = noise;
        else
            t->out->region[i].off = true;
    }
    return 0;
}

/* Biases as they are with rounded weights, beside the layers' own. */
static int shift(struct trial *t, const struct dataset *d, struct err *err)
{
    int n = t->p.n_layer;
    t->own = NEW_ARRAY(t->a, n, struct value *);
    t->shifted = NEW_ARRAY(t->a, n, struct value *);
    for (int i = 0; i < n; i++)
        t->own[i] = qlayer_bias(&t->p.layer[i]);
    struct tap tap;
    struct means *means = means_watch(t->clone, &t->p, MEAN_SAMPLES, t->jobs, t->a, &tap);
    TRY(taps_run(t->clone, &tap, 1, d, t->jobs, NULL, err));
    shift_biases(t->clone, &t->p, means);
    for (int i = 0; i < n; i++)
        t->shifted[i] = qlayer_bias(&t->p.layer[i]);
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
static bool serves(const struct trial *t, const struct model *m, const struct dataset *d,
                   const struct region_goal *goal)
{
    const struct dataset_carry *carry;
    double least = goal->db - goal->near;
    if (goal->near > 0 && gives_scores(m) && least > SCORES_DB)
        least = SCORES_DB;
    return t->out->before >= least && !dataset_carries(d, &carry);
}

static int settle(struct trial *t, const struct model *m, const struct dataset *d,
                  const struct region_goal *goal, struct err *err)
{
    double limit = pow(10, -goal->db / 10);
    solve_finer(&t->p);
    TRY(shift(t, d, err));
    TRY(noise_now(t, t->whole, &t->now, err));
    t->out->before = t->out->after = decibels(t->now);
    if (t->now <= limit)
        return 0;
    t->out->serves = serves(t, m, d, goal);
    t->spend = t->out->serves ? SPEND : INFINITY;
    find_regions(t);
    t->noise = NEW_ARRAY(t->a, t->out->n, double);
    TRY(find_shares(t, d, err));
    TRY(open_alone(t, m, d, err));
    TRY(measure_regions(t, err));
    TRY(take_back(t, sqrt(t->now * limit), err));
    for (int i = 0; i < t->out->n; i++)
        t->out->region[i].worst = t->out->region[i].off;
    TRY(take_back(t, limit, err));
    TRY(give_back(t, limit, err));
    t->out->after = decibels(t->now);
    for (int i = 0; i < t->out->n && t->out->serves; i++)
        t->out->region[i].off &= t->out->after >= t->out->before + gain;
    t->out->off_share = share_off(t);
    return 0;
}

int regions_settle(const struct model *m, const struct target *target, const struct dataset *d,
                   const struct measure *measure, const struct region_goal *goal, int jobs,
                   struct arena *a, struct regions *result, struct err *err)
{
    *result = (struct regions){0};
    struct trial t = {.clone = model_clone(m), .whole = measure, .jobs = jobs, .a = a,
                      .out = result};
    place_find_layers(t.clone, a, &t.p);
    t.mask = mask_open(t.clone, &t.p, target, a);
    t.off = NEW_ARRAY(a, t.p.n_layer, bool);
    int r = settle(&t, m, d, goal, err);
    model_close(t.clone);
    return r;
}
