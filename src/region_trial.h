/* SPDX-License-Identifier: Apache-2.0
 *
 * region_trial: what both parts of the search for regions need: the clone on which they are tried,
 * and what is known of them.
 */
#ifndef REGION_TRIAL_H
#define REGION_TRIAL_H

#include "fork.h"
#include "region.h"
#include "region_lane.h"

struct trial {
    struct region_look look;
    struct lane *lane;
    const struct measure *whole, *few; /* all samples that are looked at; those of the search */
    struct arena *a;
    double now;    /* noise of the whole with the regions that are off */
    int *order, n_order; /* regions that may be taken back, those first that add most */
    bool *given;   /* by region: it came back */
    double spend;  /* percent of the multiply-adds that may become float */
    int *slot;            /* by value id of the clone: of the calibration, or -1 */
    struct quant **quant; /* by slot */
    struct range *was;    /* by slot: before it was exchanged */
    struct regions *out;
};

/* Of a lane; lane_set() is for the caller. */
void region_set(struct lane *l, const struct region *r, bool off);

/* Are the samples steps of a sequence? */
bool region_is_sequence(const struct trial *t);

/* Measures regions alone, all other layers in float. (region_alone.c) */
struct alone;
/* A region, in this lane of those that are looked at side by side. */
typedef int region_fn(const struct alone *k, int lane, struct region *r, struct err *err);
/* r->noise: of the region alone, which is off again then. */
region_fn region_measure;
/* That of each that is off, or of all. */
int region_measure_alone(struct trial *t, bool all, struct err *err);
/* Calls `fn` for each region that is off, one after the other, in the trial's own lane. */
int region_each_alone(struct trial *t, region_fn *fn, struct err *err);
struct trial *region_trial(const struct alone *k);

/* Of regions that are off: t->out->ranged gets the ranges of other observers with which one of them
 * adds less, and r->noise is with these. (region_ranges.c) */
int region_choose_ranges(struct trial *t, struct err *err);
void region_restore_ranges(struct trial *t);

#endif
