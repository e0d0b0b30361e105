/* SPDX-License-Identifier: Apache-2.0
 *
 * samples: one struct run, one arena for decoded inputs and one error a worker.
 */
#include "samples.h"

#include "log.h"
#include "threads.h"

#include <stdatomic.h>

struct worker {
    struct samples *all;
    struct run *run;
    struct arena arena;
    int id, current;
};
struct samples {
    const struct graph *graph;
    const struct dataset *data;
    const int *index;
    int n;
    const struct samples_hooks *hooks;
    void *user;
    struct worker *worker;
    struct err *error; /* one a sample would be much: the first in order is kept by merge */
    struct err *worker_error;
    atomic_int done;
    atomic_bool failed;
};

static void on_value(void *data, const struct value *v, const struct tensor *t)
{
    struct worker *w = data;
    w->all->hooks->watch(w->all->user, w->id, w->current, v, t);
}

static int run_one(struct samples *s, struct worker *w, int i, struct err *err)
{
    arena_reset(&w->arena);
    w->current = i;
    const struct tensor **input = NEW_ARRAY(&w->arena, s->graph->n_input, const struct tensor *);
    TRY(dataset_read(s->data, s->index[i], s->graph, &w->arena, input, err));
    if (run_sample(w->run, input, err) < 0)
        return err_at(err, "%s", dataset_name(s->data, s->index[i]));
    if (s->hooks->done)
        s->hooks->done(s->user, w->id, i, w->run);
    return 0;
}

static void work(void *data, int i, int worker)
{
    struct samples *s = data;
    s->worker_error[worker].code = ERR_NONE;
    if (atomic_load(&s->failed))
        return;
    if (run_one(s, &s->worker[worker], i, &s->worker_error[worker]) < 0)
        atomic_store(&s->failed, true);
    if (s->hooks->progress)
        log_progress(s->hooks->progress, atomic_fetch_add(&s->done, 1) + 1, s->n);
}

static void merge(void *data, int i, int worker)
{
    struct samples *s = data;
    if (s->error->code)
        return;
    if (s->worker_error[worker].code)
        *s->error = s->worker_error[worker];
    else if (s->hooks->merge && !atomic_load(&s->failed))
        s->hooks->merge(s->user, worker, i);
}

int samples_run(struct exec *x, const struct dataset *d, const int *index, int n, int jobs,
                const struct samples_hooks *hooks, void *data, struct err *err)
{
    struct arena a = {0};
    if (jobs > n)
        jobs = n;
    struct err first = {0};
    struct samples s = {exec_graph(x), d, index, n, hooks, data, NEW_ARRAY(&a, jobs, struct worker),
                        &first, NEW_ARRAY(&a, jobs, struct err), 0, false};
    for (int i = 0; i < jobs; i++) {
        s.worker[i] = (struct worker){.all = &s, .run = run_open(x), .id = i};
        if (hooks->watch)
            run_watch(s.worker[i].run, on_value, &s.worker[i]);
    }
    threads_ordered(jobs, n, work, merge, &s);
    for (int i = 0; i < jobs; i++) {
        run_close(s.worker[i].run);
        arena_release(&s.worker[i].arena);
    }
    arena_release(&a);
    if (first.code)
        *err = first;
    return first.code ? -1 : 0;
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
