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
 * whose value depends on the order. A worker waits with its item until all earlier ones are
 * merged. */
void threads_ordered(int n_workers, int n, threads_fn *fn, threads_fn *merge, void *data);
/* The processors this process may use. */
int threads_available(void);

#endif
