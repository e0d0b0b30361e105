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
#include <stdbool.h>

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

enum { FREE = -1 };

struct slot {
    int item; /* or FREE */
    bool done;
};
struct ordered {
    threads_ordered_fn *fn;
    threads_merge_fn *merge;
    void *data;
    int n, next; /* items; the next one that nobody has taken */
    int turn;    /* the item that is merged next */
    bool merging;
    struct slot *slot;
    int n_slots;
    pthread_mutex_t lock; /* of all of this */
    pthread_cond_t freed;
};

static int find_slot(const struct ordered *o, int item)
{
    for (int i = 0; i < o->n_slots; i++)
        if (o->slot[i].item == item && (item == FREE || o->slot[i].done))
            return i;
    return -1;
}

/* All whose turn it is, without the lock meanwhile; unless another worker does it. */
static void merge_ready(struct ordered *o)
{
    int i;
    while (!o->merging && (i = find_slot(o, o->turn)) >= 0) {
        o->merging = true;
        pthread_mutex_unlock(&o->lock);
        o->merge(o->data, o->turn, i);
        pthread_mutex_lock(&o->lock);
        o->merging = false;
        o->turn++;
        o->slot[i] = (struct slot){FREE, false};
        pthread_cond_broadcast(&o->freed);
    }
}

/* A slot is taken before an item, so the item whose turn it is always has one. */
static void work_in_order(void *data, int i, int worker)
{
    struct ordered *o = data;
    (void)i;
    pthread_mutex_lock(&o->lock);
    for (;;) {
        int slot, item;
        while ((slot = find_slot(o, FREE)) < 0 && o->next < o->n)
            pthread_cond_wait(&o->freed, &o->lock);
        if (o->next >= o->n)
            break;
        item = o->next++;
        o->slot[slot] = (struct slot){item, false};
        pthread_mutex_unlock(&o->lock);
        o->fn(o->data, item, worker, slot);
        pthread_mutex_lock(&o->lock);
        o->slot[slot].done = true;
        merge_ready(o);
    }
    pthread_mutex_unlock(&o->lock);
}

void threads_ordered(int n_workers, int n_slots, int n, threads_ordered_fn *fn,
                     threads_merge_fn *merge, void *data)
{
    struct ordered o = {.fn = fn, .merge = merge, .data = data, .n = n, .n_slots = n_slots,
                        .lock = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER};
    struct slot slot[2 * MAX_WORKERS];
    if (n_slots > 2 * MAX_WORKERS)
        o.n_slots = 2 * MAX_WORKERS;
    o.slot = slot;
    for (int i = 0; i < o.n_slots; i++)
        slot[i] = (struct slot){FREE, false};
    threads_for(n_workers, n < n_workers ? n : n_workers, work_in_order, &o);
}

int threads_slots(int n_workers)
{
    return n_workers + n_workers / 2;
}

int threads_available(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > MAX_WORKERS ? MAX_WORKERS : n;
}
