/* SPDX-License-Identifier: Apache-2.0
 *
 * region_alone: a region is simulated from where it begins, with what a float run has brought there
 * (fork.h); in a sequence all steps must run.
 */
#include "region_trial.h"

#include "fork.h"
#include "mask.h"

#include <stdlib.h>

void region_set_layers(struct trial *t)
{
    for (int i = 0; i < t->p.n_layer; i++) {
        const struct qlayer *l = &t->p.layer[i];
        if (t->own[i] != t->shifted[i])
            node_set_input(l->bias_node, l->bias_slot, t->off[i] ? t->own[i] : t->shifted[i]);
        qlayer_weight(l)->constant = t->off[i] ? t->weight[i] : t->rounded[i];
    }
    mask_set(t->mask, t->off);
}

void region_set(struct trial *t, const struct region *r, bool off)
{
    for (int i = 0; i < r->n; i++)
        t->off[r->first + i] = off;
}

bool region_is_sequence(const struct trial *t)
{
    const struct dataset_carry *carry;
    return dataset_carries(t->look.data, &carry) > 0;
}

int region_measure(struct trial *t, struct fork *f, struct region *r, struct fork_point point,
                   struct err *err)
{
    struct figures figures = {0};
    region_set(t, r, false);
    region_set_layers(t);
    int result = !f           ? measure_figures(t->few, t->clone, t->look.jobs, &figures, err)
               : point.node ? fork_figures(f, t->clone, point, &figures, err)
                            : 0;
    r->noise = figures.noise;
    region_set(t, r, true);
    return result;
}

struct lonely { /* a region to be measured alone */
    struct region *region;
    struct fork_point point; /* where it begins */
};

static int compare_positions(const void *a, const void *b)
{
    const struct lonely *p = a, *q = b;
    return p->point.position - q->point.position;
}

/* Where each begins, in the order of the graph. */
static void find_points(struct trial *t, struct lonely *l, int n)
{
    for (int i = 0; i < n; i++) {
        region_set(t, l[i].region, false);
        region_set_layers(t);
        l[i].point = fork_point(t->clone->graph);
        region_set(t, l[i].region, true);
    }
    qsort(l, (size_t)n, sizeof *l, compare_positions);
}

static struct fork *open_fork(struct trial *t, const struct lonely *l, int n, struct err *err)
{
    struct fork_point *point = NEW_ARRAY(t->a, n, struct fork_point);
    for (int i = 0; i < n; i++)
        point[i] = l[i].point;
    return fork_open(t->look.model, t->look.data, t->few, point, n, t->look.jobs, err);
}

int region_each_alone(struct trial *t, bool all, region_fn *fn, struct err *err)
{
    struct lonely *l = NEW_ARRAY(t->a, t->out->n, struct lonely);
    struct fork *fork = NULL;
    int n = 0, result = 0;
    for (int i = 0; i < t->p.n_layer; i++)
        t->off[i] = true;
    for (int i = 0; i < t->out->n; i++)
        if (all || t->out->region[i].off)
            l[n++].region = &t->out->region[i];
    find_points(t, l, n);
    if (n && !region_is_sequence(t)) {
        fork = open_fork(t, l, n, err);
        result = fork ? 0 : -1;
    }
    for (int i = 0; i < n && result >= 0; i++)
        result = fn(t, fork, l[i].region, l[i].point, err);
    if (fork)
        fork_close(fork);
    return result;
}

int region_measure_alone(struct trial *t, bool all, struct err *err)
{
    return region_each_alone(t, all, region_measure, err);
}
