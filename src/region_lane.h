/* SPDX-License-Identifier: Apache-2.0
 *
 * region_lane: a clone of a model whose layers are switched between codes and float. Several lanes
 * are looked at side by side: they share no more than tensors.
 */
#ifndef REGION_LANE_H
#define REGION_LANE_H

#include "mask.h"
#include "place.h"

struct lane {
    struct model *clone;
    struct placement p;
    struct mask *mask;
    bool *off; /* by layer, as all of these */
    struct value **own, **shifted;           /* biases in float, and with rounded weights */
    const struct tensor **weight, **rounded; /* in float, and to be rounded to nearest */
};

/* Of a clone of m, with all layers on, and what they have in float; the other arrays are for the
 * caller to fill. All but the clone is in the arena. */
struct lane *lane_open(const struct model *m, const struct target *t, struct arena *a);
/* The same once more, of a lane whose layers are all on. */
struct lane *lane_copy(const struct lane *l, const struct target *t, struct arena *a);
void lane_close(struct lane *l);
/* Layers as l->off has them: weights and inputs by the mask, and the biases go with the weights. */
void lane_set(struct lane *l);
void lane_set_all(struct lane *l, bool off);

#endif
