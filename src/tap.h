/* SPDX-License-Identifier: Apache-2.0
 *
 * tap: several who watch one run of the float model over the data, each on samples of its own.
 *
 * Running the model is what calibration costs, so whatever wants to see values of the same model
 * shares a run: `taps_run` runs the samples that somebody asked for once. The hooks are those of
 * samples.h: `watch` in parallel, `merge` one at a time in the order of the samples.
 */
#ifndef TAP_H
#define TAP_H

#include "dataset.h"
#include "err.h"
#include "graph.h"

struct tap {
    const bool *want; /* values, by id */
    int samples;      /* at most, spread over the dataset; 0: all */
    /* A wanted value of sample i of `samples`; slots are below threads_slots(jobs). */
    void (*watch)(void *data, int slot, int i, const struct value *v, const struct tensor *t);
    void (*merge)(void *data, int slot, int i); /* NULL: not needed */
    /* At the end, also of a run that failed: `ran` is false then. NULL: not needed. */
    int (*finish)(void *data, bool ran, struct err *err);
    void *data;
    bool keeps_much; /* in a slot: there should be no more of them than threads */
};

/* Runs `m` once for all of the n taps; what cannot be executed is left out. progress: what a person
 * reads while it runs; NULL: nothing is shown. */
int taps_run(const struct model *m, const struct tap *tap, int n, const struct dataset *d, int jobs,
             const char *progress, struct err *err);

#endif
