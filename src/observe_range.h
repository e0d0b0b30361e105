/* SPDX-License-Identifier: Apache-2.0
 *
 * observe_range: what the observers share; only observe_*.c include this.
 */
#ifndef OBSERVE_RANGE_H
#define OBSERVE_RANGE_H

#include "observe.h"

/* From min to max of all elements, widened to include 0; {0, 0} where there are none. */
struct range stats_range(const struct stats *s);
/* Bins up to and including the one that holds max. */
int stats_bins(const struct stats *s);
/* Where bin i begins: the first one at min, and bin stats_bins() at max, not at their edges. */
double stats_edge(const struct stats *s, int i);
/* Elements in bin i without the exact zeros, which no scale rounds. */
double stats_mass(const struct stats *s, int i);

struct range observe_entropy(const struct stats *s, const struct qtype *t, double parameter);
struct range observe_mse(const struct stats *s, const struct qtype *t, double parameter);

/* Searches for the range of smallest cost within the observed one. A symmetric type has one
 * limit, which both ends obey; else the ends move in turn. Steps are fractions of an end: a
 * coarse scale downwards from 1, then 12 %, 6 % and 3 % up and down while that helps. What costs
 * more than `limit` is not taken, however much it is. */
typedef double range_cost(const void *data, struct range r, double limit);
struct range range_search(const struct stats *s, const struct qtype *t, range_cost *cost,
                          const void *data);

#endif
