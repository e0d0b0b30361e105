/* SPDX-License-Identifier: Apache-2.0
 *
 * region_alone: a region is simulated from where it begins, with what a float run has brought there
 * (fork.h); in a sequence all steps must run. Few samples are looked at, so that threads take
 * regions, each in a lane of its own, rather than samples.
 */
#include "region_trial.h"

#include "samples.h"
#include "threads.h"

#include <stdlib.h>

struct lonely { /* a region to be measured alone */
    struct region *region;
    struct fork_point point; /* where it begins */
};
struct alone {
    struct trial *trial;
    struct lane **lane; /* the first is the trial's */
    int n_lanes, jobs; /* jobs: of each lane */
    struct lonely *lonely;
    int n;
    struct fork *fork; /* NULL: the samples are a sequence */
    region_fn *fn;
    struct err *error; /* by lane: the first */
    int *failed;       /* by lane: at which region */
};

void region_set(struct lane *l, const struct region *r, bool off)
{
    for (int i = 0; i < r->n; i++)
        l->off[r->first + i] = off;
}

bool region_is_sequence(const struct trial *t)
{
    const struct dataset_carry *carry;
    return dataset_carries(t->look.data, &carry) > 0;
}

struct trial *region_trial(const struct alone *k)
{
    return k->trial;
}

int region_measure(const struct alone *k, int lane, struct region *r, struct err *err)
{
    struct figures figures = {0};
    struct lane *l = k->lane[lane];
    region_set(l, r, false);
    lane_set(l);
    struct fork_point point = fork_point(l->clone->graph);
    int result = !k->fork  ? measure_figures(k->trial->few, l->clone, k->jobs, &figures, err)
               : point.node ? fork_figures(k->fork, lane, l->clone, point, &figures, err)
                            : 0;
    r->noise = figures.noise;
    region_set(l, r, true);
    return result;
}

static int compare_positions(const void *a, const void *b)
{
    const struct lonely *p = a, *q = b;
    return p->point.position - q->point.position;
}

/* Where each begins, in the order of the graph. */
static void find_points(struct alone *k)
{
    struct lane *lane = k->lane[0];
    for (int i = 0; i < k->n; i++) {
        region_set(lane, k->lonely[i].region, false);
        lane_set(lane);
        k->lonely[i].point = fork_point(lane->clone->graph);
        region_set(lane, k->lonely[i].region, true);
    }
    qsort(k->lonely, (size_t)k->n, sizeof *k->lonely, compare_positions);
}

static int open_fork(struct alone *k, struct err *err)
{
    const struct trial *t = k->trial;
    if (region_is_sequence(t))
        return 0;
    struct fork_point *point = NEW_ARRAY(t->a, k->n, struct fork_point);
    for (int i = 0; i < k->n; i++)
        point[i] = k->lonely[i].point;
    k->fork = fork_open(t->look.model, t->look.data, t->few, point, k->n, k->n_lanes, k->jobs, err);
    return k->fork ? 0 : -1;
}

static void measure_one(void *data, int i, int lane)
{
    struct alone *k = data;
    if (k->error[lane].code)
        return;
    k->failed[lane] = i;
    k->fn(k, lane, k->lonely[i].region, &k->error[lane]);
}

/* Each lane has copies of weights as kernels want them: not more of these than this comes to. */
static int count_lanes(const struct trial *t)
{
    static const double most = 64 << 20;
    double bytes = 1;
    for (int i = 0; i < t->lane->p.n_layer; i++)
        bytes += (double)tensor_count(t->lane->weight[i]) * sizeof(float);
    double fit = 1 + most / bytes;
    return fit < t->look.jobs ? (int)fit : t->look.jobs;
}

static int measure_all(struct alone *k, struct err *err)
{
    int first = -1;
    find_points(k);
    TRY(open_fork(k, err));
    threads_for(k->n_lanes, k->n, measure_one, k);
    if (k->fork)
        fork_close(k->fork);
    for (int i = 0; i < k->n_lanes; i++)
        if (k->error[i].code && (first < 0 || k->failed[i] < k->failed[first]))
            first = i;
    if (first >= 0)
        *err = k->error[first];
    return first < 0 ? 0 : -1;
}

static int each_alone(struct trial *t, bool all, int n_lanes, region_fn *fn, struct err *err)
{
    struct alone k = {.trial = t, .fn = fn};
    k.lonely = NEW_ARRAY(t->a, t->out->n, struct lonely);
    for (int i = 0; i < t->out->n; i++)
        if (all || t->out->region[i].off)
            k.lonely[k.n++].region = &t->out->region[i];
    if (!k.n)
        return 0;
    n_lanes = k.n_lanes = n_lanes < k.n ? n_lanes : k.n;
    k.jobs = t->look.jobs / n_lanes;
    k.lane = NEW_ARRAY(t->a, n_lanes, struct lane *);
    k.error = NEW_ARRAY(t->a, n_lanes, struct err);
    k.failed = NEW_ARRAY(t->a, n_lanes, int);
    lane_set_all(t->lane, false);
    k.lane[0] = t->lane;
    for (int i = 1; i < n_lanes; i++)
        k.lane[i] = lane_copy(t->lane, t->look.target, t->a);
    for (int i = 0; i < n_lanes; i++)
        lane_set_all(k.lane[i], true);
    int r = measure_all(&k, err);
    for (int i = 1; i < n_lanes; i++)
        lane_close(k.lane[i]);
    return r;
}

int region_each_alone(struct trial *t, region_fn *fn, struct err *err)
{
    return each_alone(t, false, 1, fn, err);
}

int region_measure_alone(struct trial *t, bool all, struct err *err)
{
    return each_alone(t, all, count_lanes(t), region_measure, err);
}
