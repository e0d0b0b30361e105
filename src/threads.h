/* SPDX-License-Identifier: Apache-2.0
 *
 * threads: work cut into items; `-j` says how many threads share them.
 *
 * Items are taken in order, one at a time. A result must depend on the item alone, never on the
 * worker or on how many there are: so the output of quern is the same for every -j.
 */
#ifndef THREADS_H
#define THREADS_H

typedef void threads_fn(void *data, int item, int worker);

/* Runs fn for items 0..n-1 on up to n_workers threads (the caller is worker 0); returns when all
 * are done. worker is below n_workers: use it to pick a worker's own buffers. */
void threads_for(int n_workers, int n, threads_fn *fn, void *data);
/* The same, and after each item `merge`, one at a time and in the order of the items: for sums
 * whose value depends on the order. What an item leaves in its slot, which is below n_slots, stays
 * until it is merged; while there are free slots a worker whose item must wait goes on with
 * others. n_slots is at least n_workers. */
typedef void threads_ordered_fn(void *data, int item, int worker, int slot);
typedef void threads_merge_fn(void *data, int item, int slot);
void threads_ordered(int n_workers, int n_slots, int n, threads_ordered_fn *fn,
                     threads_merge_fn *merge, void *data);
/* So many slots that workers seldom wait where some items take longer than others. */
int threads_slots(int n_workers);
/* The processors this process may use. */
int threads_available(void);

#endif
