/* SPDX-License-Identifier: Apache-2.0
 *
 * threads: started for each threads_for() and joined at its end; a start costs some microseconds,
 * an item is at least a sample or a layer.
 */
#include "threads.h"

#include "err.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { MAX_WORKERS = 256 };

struct work {
    threads_fn *fn;
    void *data;
    int n;
    atomic_int next;
};
struct worker {
    struct work *work;
    int id;
    pthread_t thread;
};

static void *work_until_done(void *data)
{
    struct worker *w = data;
    for (int i; (i = atomic_fetch_add(&w->work->next, 1)) < w->work->n;)
        w->work->fn(w->work->data, i, w->id);
    return NULL;
}

void threads_for(int n_workers, int n, threads_fn *fn, void *data)
{
    struct work work = {.fn = fn, .data = data, .n = n};
    struct worker worker[MAX_WORKERS];
    if (n_workers > MAX_WORKERS)
        n_workers = MAX_WORKERS;
    if (n_workers > n)
        n_workers = n;
    for (int i = 0; i < n_workers; i++)
        worker[i] = (struct worker){&work, i, 0};
    for (int i = 1; i < n_workers; i++)
        if (pthread_create(&worker[i].thread, NULL, work_until_done, &worker[i]))
            die("cannot start a thread; try a smaller -j");
    if (n_workers > 0)
        work_until_done(&worker[0]);
    for (int i = 1; i < n_workers; i++)
        pthread_join(worker[i].thread, NULL);
}

struct ordered {
    threads_fn *fn, *merge;
    void *data;
    int turn; /* the item that may merge now */
    pthread_mutex_t lock;
    pthread_cond_t turned;
};

/* Items are taken in order, so the item whose turn it is always has a worker. */
static void work_then_merge(void *data, int item, int worker)
{
    struct ordered *o = data;
    o->fn(o->data, item, worker);
    pthread_mutex_lock(&o->lock);
    while (o->turn != item)
        pthread_cond_wait(&o->turned, &o->lock);
    o->merge(o->data, item, worker);
    o->turn++;
    pthread_cond_broadcast(&o->turned);
    pthread_mutex_unlock(&o->lock);
}

void threads_ordered(int n_workers, int n, threads_fn *fn, threads_fn *merge, void *data)
{
    struct ordered o = {fn, merge, data, 0, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
    threads_for(n_workers, n, work_then_merge, &o);
}

int threads_available(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > MAX_WORKERS ? MAX_WORKERS : n;
}
