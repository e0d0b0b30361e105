/* SPDX-License-Identifier: Apache-2.0
 *
 * samples: runs an exec over samples of a dataset, spread over threads.
 *
 * Every hook gets the number of a slot, to find buffers of its own. `watch` and `done` run in
 * parallel; `merge` runs after `done`, one at a time, in the order of the samples: so whatever is
 * summed there does not depend on the number of threads. Until then the slot is the sample's.
 *
 * Where the dataset carries outputs (carry.h) the samples are a sequence: one worker runs them in
 * order, those that no index names as well, since what they leave behind is needed; hooks see the
 * named ones. The states are those that `x` computes: simulated ones where it simulates.
 */
#ifndef SAMPLES_H
#define SAMPLES_H

#include "dataset.h"
#include "exec.h"

struct samples_hooks {
    /* A wanted value of sample i (index into `index`); NULL: nobody watches. */
    void (*watch)(void *data, int slot, int i, const struct value *v, const struct tensor *t);
    /* What a wanted value of sample i is to be instead of what the run computes, alive as long as
     * the run; NULL: that. NULL: none is. */
    const struct tensor *(*replace)(void *data, int i, const struct value *v);
    /* Sample i has run; its outputs are in `r`. NULL: not needed. */
    void (*done)(void *data, int slot, int i, const struct run *r);
    void (*merge)(void *data, int slot, int i); /* NULL: not needed */
    bool ahead; /* slots are below threads_slots(jobs), not jobs: no thread waits for another */
    /* A step of some sample; NULL: nobody measures. Numbers of workers are below `jobs`. */
    void (*cost)(void *data, int worker, const struct step_cost *c);
    const char *progress; /* what a person reads while it runs; NULL: nothing is shown */
};

/* Runs samples index[0..n-1], which ascend. The first error (in the order of the samples) is
 * returned, and names the sample. */
int samples_run(struct exec *x, const struct dataset *d, const int *index, int n, int jobs,
                const struct samples_hooks *hooks, void *data, struct err *err);

/* Calls `feed` with what samples_run() would feed for each sample, by input of the graph; it is
 * valid during the call. feed returns -1 to end it. */
typedef int feed_fn(void *data, int i, const struct tensor *const *input, struct err *err);
int samples_feed(struct exec *x, const struct dataset *d, const int *index, int n, feed_fn *feed,
                 void *data, struct err *err);

/* n indices spread evenly over `count`, starting half a step in; n is cut to count. Returns n. */
int samples_spread(struct arena *a, int count, int n, int **index);

#endif
