/* SPDX-License-Identifier: Apache-2.0
 *
 * region_trial: the clone on which regions are tried, and what both parts of the search need of it.
 */
#ifndef REGION_TRIAL_H
#define REGION_TRIAL_H

#include "fork.h"
#include "region.h"

struct mask; /* mask.h */

struct trial {
    struct region_look look;
    struct model *clone;
    struct placement p;
    struct mask *mask;
    const struct measure *whole, *few; /* all samples that are looked at; those of the search */
    struct arena *a;
    struct value **own, **shifted; /* biases by layer, in float and with a rounded weight */
    const struct tensor **weight, **rounded; /* by layer, in float and to be rounded to nearest */
    bool *off;     /* by layer */
    double now;    /* noise of the whole with the regions that are off */
    int *order, n_order; /* regions that may be taken back, those first that add most */
    bool *given;   /* by region: it came back */
    double spend;  /* percent of the multiply-adds that may become float */
    int *slot;            /* by value id of the clone: of the calibration, or -1 */
    struct quant **quant; /* by slot */
    struct range *was;    /* by slot: before it was exchanged */
    struct regions *out;
};

/* Layers as t->off has them: weights and inputs by the mask, and the biases go with the weights. */
void region_set_layers(struct trial *t);
void region_set(struct trial *t, const struct region *r, bool off);
/* Are the samples steps of a sequence? */
bool region_is_sequence(const struct trial *t);

/* Calls `fn` for each region that is off, or for all, when all layers are in float; it is simulated
 * from `point` on, by f (NULL: there is none, all runs). (region_alone.c) */
typedef int region_fn(struct trial *t, struct fork *f, struct region *r, struct fork_point point,
                      struct err *err);
int region_each_alone(struct trial *t, bool all, region_fn *fn, struct err *err);
/* r->noise: of the region alone, which is off again then. */
region_fn region_measure;
int region_measure_alone(struct trial *t, bool all, struct err *err); /* of each */

/* Of regions that are off: t->out->ranged gets the ranges of other observers with which one of them
 * adds less, and r->noise is with these. (region_ranges.c) */
int region_choose_ranges(struct trial *t, struct err *err);
void region_restore_ranges(struct trial *t);

#endif
