/* SPDX-License-Identifier: Apache-2.0
 *
 * samples: one struct run and one arena for decoded inputs a worker, one error a slot.
 *
 * A worker decodes its sample and then runs it. Decoding ahead would need a processor that has
 * nothing to do, and while samples are left all of them run some: for a MobileNet v2 of 224 x 224
 * decoding is 8 % of the time from JPEG, 5 % from .npz, all of it computing or copying from memory.
 */
#include "samples.h"

#include "carry.h"
#include "file.h"
#include "log.h"
#include "threads.h"

#include <stdatomic.h>

struct worker {
    struct samples *all;
    struct run *run;
    struct arena arena;
    struct carry carry;
    int id;
    int slot;    /* of the sample at hand */
    int next;    /* in a sequence: the sample that comes next */
    int current; /* index into `index`; -1: a sample that nobody asked for */
    bool warm;   /* has run a sample */
};
struct samples {
    const struct graph *graph;
    const struct dataset *data;
    bool is_sequence;
    const int *index;
    int n;
    const struct samples_hooks *hooks;
    void *user;
    struct worker *worker;
    struct err *error; /* [slot]: of its sample; the first in order is kept by merge */
    struct err *first;
    atomic_int done;
    atomic_bool failed;
};

static void on_value(void *data, const struct value *v, const struct tensor *t)
{
    struct worker *w = data;
    if (w->current >= 0)
        w->all->hooks->watch(w->all->user, w->slot, w->current, v, t);
}

static const struct tensor *on_replace(void *data, const struct value *v)
{
    const struct worker *w = data;
    return w->current < 0 ? NULL : w->all->hooks->replace(w->all->user, w->current, v);
}

static int run_sample_of(struct samples *s, struct worker *w, int sample, struct err *err)
{
    arena_reset(&w->arena);
    const struct tensor **input = NEW_ARRAY(&w->arena, s->graph->n_input, const struct tensor *);
    TRY(carry_read(&w->carry, sample, &w->arena, input, err));
    if (run_sample(w->run, input, err) < 0 || carry_keep(&w->carry, w->run, err) < 0)
        return err_at(err, "%s", dataset_name(s->data, sample));
    return 0;
}

static void on_cost(void *data, const struct step_cost *c)
{
    struct worker *w = data;
    w->all->hooks->cost(w->all->user, w->id, c);
}

static int run_one(struct samples *s, struct worker *w, int i, struct err *err)
{
    w->current = -1;
    for (; s->is_sequence && w->next < s->index[i]; w->next++)
        TRY(run_sample_of(s, w, w->next, err));
    w->next++;
    w->current = i;
    TRY(run_sample_of(s, w, s->index[i], err));
    if (s->hooks->done)
        s->hooks->done(s->user, w->slot, i, w->run);
    if (!w->warm)
        file_relax(); /* the first sample has made copies of the weights as kernels want them */
    w->warm = true;
    return 0;
}

static void work(void *data, int i, int worker, int slot)
{
    struct samples *s = data;
    s->error[slot].code = ERR_NONE;
    if (atomic_load(&s->failed))
        return;
    s->worker[worker].slot = slot;
    if (run_one(s, &s->worker[worker], i, &s->error[slot]) < 0)
        atomic_store(&s->failed, true);
    if (s->hooks->progress)
        log_progress(s->hooks->progress, atomic_fetch_add(&s->done, 1) + 1, s->n);
}

static void merge(void *data, int i, int slot)
{
    struct samples *s = data;
    if (s->first->code)
        return;
    if (s->error[slot].code)
        *s->first = s->error[slot];
    else if (s->hooks->merge && !atomic_load(&s->failed))
        s->hooks->merge(s->user, slot, i);
}

int samples_run(struct exec *x, const struct dataset *d, const int *index, int n, int jobs,
                const struct samples_hooks *hooks, void *data, struct err *err)
{
    struct arena a = {0};
    const struct dataset_carry *carries;
    bool is_sequence = dataset_carries(d, &carries) > 0;
    if (jobs > n)
        jobs = n;
    if (jobs > 1 && is_sequence)
        jobs = 1;
    int slots = hooks->ahead ? threads_slots(jobs) : jobs;
    struct err first = {0};
    struct samples s = {exec_graph(x), d, is_sequence, index, n, hooks, data,
                        NEW_ARRAY(&a, jobs, struct worker), NEW_ARRAY(&a, slots, struct err),
                        &first, 0, false};
    for (int i = 0; i < jobs; i++) {
        s.worker[i] = (struct worker){.all = &s, .run = run_open(x), .id = i};
        carry_open(&s.worker[i].carry, d, s.graph);
        if (hooks->watch)
            run_watch(s.worker[i].run, on_value, &s.worker[i]);
        if (hooks->replace)
            run_replace(s.worker[i].run, on_replace, &s.worker[i]);
        if (hooks->cost)
            run_measure(s.worker[i].run, on_cost, &s.worker[i]);
    }
    threads_ordered(jobs, slots, n, work, merge, &s);
    for (int i = 0; i < jobs; i++) {
        run_close(s.worker[i].run);
        carry_close(&s.worker[i].carry);
        arena_release(&s.worker[i].arena);
    }
    arena_release(&a);
    if (first.code)
        *err = first;
    return first.code ? -1 : 0;
}

int samples_feed(struct exec *x, const struct dataset *d, const int *index, int n, feed_fn *feed,
                 void *data, struct err *err)
{
    const struct graph *g = exec_graph(x);
    const struct dataset_carry *carries;
    struct samples s = {.graph = g, .data = d, .index = index, .n = n};
    struct worker w = {.all = &s, .run = run_open(x)};
    int r = 0;
    s.is_sequence = dataset_carries(d, &carries) > 0;
    carry_open(&w.carry, d, g);
    for (int i = 0; i < n && r >= 0; i++) {
        for (; s.is_sequence && w.next < index[i] && r >= 0; w.next++)
            r = run_sample_of(&s, &w, w.next, err);
        arena_reset(&w.arena);
        const struct tensor **input = NEW_ARRAY(&w.arena, g->n_input, const struct tensor *);
        if (r >= 0)
            r = carry_read(&w.carry, index[i], &w.arena, input, err);
        if (r >= 0)
            r = feed(data, i, input, err);
    }
    carry_close(&w.carry);
    run_close(w.run);
    arena_release(&w.arena);
    return r;
}

int samples_spread(struct arena *a, int count, int n, int **index)
{
    if (n > count)
        n = count;
    *index = NEW_ARRAY(a, n, int);
    for (int i = 0; i < n; i++)
        (*index)[i] = (int)(((int64_t)2 * i + 1) * count / (2 * (int64_t)n));
    return n;
}
