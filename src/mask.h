/* SPDX-License-Identifier: Apache-2.0
 *
 * mask: layers of an annotated model switched between codes and float, by the marks of uses alone.
 *
 * A layer that is off reads its weight and its bias in float, and its input too, unless that is the
 * output of a layer that is on: the runtime computes codes there, and a reader in float would take
 * the layer before along. What a layer that is off gives is rounded only for layers that are on and
 * for units.
 */
#ifndef MASK_H
#define MASK_H

#include "place.h"

struct mask;

/* The marks as they are now are those of all layers of p on. While a mask is open nobody else
 * changes the graph. */
struct mask *mask_open(struct model *m, const struct placement *p, const struct target *t,
                       struct arena *a);
/* off[i]: layer i of p is float. Quants stay; those that nothing reads are not written. */
void mask_set(struct mask *k, const bool *off);

#endif
