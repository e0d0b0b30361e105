/* SPDX-License-Identifier: Apache-2.0
 *
 * region_trial: the clone on which regions are tried, and what both parts of the search need of it.
 */
#ifndef REGION_TRIAL_H
#define REGION_TRIAL_H

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
    struct regions *out;
};

/* Layers as t->off has them: weights and inputs by the mask, and the biases go with the weights. */
void region_set_layers(struct trial *t);
void region_set(struct trial *t, const struct region *r, bool off);
/* Are the samples steps of a sequence? */
bool region_is_sequence(const struct trial *t);

/* The noise of each region with all others in float; `all`: of all of them, otherwise of those that
 * are off. Nothing is on afterwards. (region_alone.c) */
int region_measure_alone(struct trial *t, bool all, struct err *err);

#endif
