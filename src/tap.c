/* SPDX-License-Identifier: Apache-2.0
 *
 * tap: the union of what is wanted is run, and handed to those who wanted it.
 */
#include "tap.h"

#include "exec.h"
#include "samples.h"

struct fan {
    const struct tap *tap;
    int n;
    int **own; /* [tap][i]: which of its samples sample i of the run is, or -1 */
};

static void on_value(void *data, int slot, int i, const struct value *v, const struct tensor *t)
{
    const struct fan *f = data;
    for (int k = 0; k < f->n; k++)
        if (f->own[k][i] >= 0 && f->tap[k].want[v->id])
            f->tap[k].watch(f->tap[k].data, slot, f->own[k][i], v, t);
}

static void on_sample(void *data, int slot, int i)
{
    const struct fan *f = data;
    for (int k = 0; k < f->n; k++)
        if (f->own[k][i] >= 0 && f->tap[k].merge)
            f->tap[k].merge(f->tap[k].data, slot, f->own[k][i]);
}

static bool *join_wants(struct arena *a, const struct model *m, const struct fan *f)
{
    bool *want = NEW_ARRAY(a, m->n_values, bool);
    for (int k = 0; k < f->n; k++)
        for (int i = 0; i < m->n_values; i++)
            want[i] |= f->tap[k].want[i];
    return want;
}

/* Fills index with the samples of all taps, ascending, and f->own; returns how many. */
static int join_samples(struct arena *a, int count, struct fan *f, int **index)
{
    int **sample = NEW_ARRAY(a, f->n, int *), *n = NEW_ARRAY(a, f->n, int);
    f->own = NEW_ARRAY(a, f->n, int *);
    *index = NEW_ARRAY(a, count, int);
    for (int k = 0; k < f->n; k++) {
        n[k] = samples_spread(a, count, f->tap[k].samples ? f->tap[k].samples : count, &sample[k]);
        f->own[k] = NEW_ARRAY(a, count, int);
    }
    int *next = NEW_ARRAY(a, f->n, int), all = 0;
    for (int i = 0; i < count; i++) {
        bool any = false;
        for (int k = 0; k < f->n; k++) {
            bool mine = next[k] < n[k] && sample[k][next[k]] == i;
            f->own[k][all] = mine ? next[k]++ : -1;
            any |= mine;
        }
        if (any)
            (*index)[all++] = i;
    }
    return all;
}

int taps_run(const struct model *m, const struct tap *tap, int n, const struct dataset *d, int jobs,
             const char *progress, struct err *err)
{
    struct arena a = {0};
    struct fan f = {.tap = tap, .n = n};
    const struct dataset_carry *carries; /* from outputs to inputs */
    struct exec_options options = {EXEC_FLOAT, join_wants(&a, m, &f), true, NULL,
                                   !dataset_carries(d, &carries)};
    int *index, count = join_samples(&a, dataset_count(d), &f, &index);
    struct exec *x = exec_open(m->graph, &options, err);
    bool ahead = true;
    for (int k = 0; k < n; k++)
        ahead = ahead && !tap[k].keeps_much;
    struct samples_hooks hooks = {.watch = on_value, .merge = on_sample, .ahead = ahead,
                                  .progress = progress};
    int r = x ? samples_run(x, d, index, count, jobs, &hooks, &f, err) : -1;
    exec_close(x);
    for (int k = 0; k < n; k++)
        if (tap[k].finish && tap[k].finish(tap[k].data, r >= 0, err) < 0)
            r = -1;
    arena_release(&a);
    return r;
}
