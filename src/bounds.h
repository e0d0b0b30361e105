/* SPDX-License-Identifier: Apache-2.0
 *
 * bounds: between which numbers the channels of a value must lie, whatever the graph is fed.
 *
 * Interval arithmetic from the inputs, of which nothing is known, to the outputs. Relu, Clip,
 * Sigmoid and their kind give bounds; layers with constant weights, pools, Add, Concat and so on
 * carry them on. Rounding of the float computation is not counted. Nothing that a layer reads is
 * taken to exceed 2^40: weights that decayed to 1e-18 in training are as good as zero.
 */
#ifndef BOUNDS_H
#define BOUNDS_H

#include "channel.h"

struct bounds {
    int64_t n; /* 1: the same for all elements; else by channel */
    double *lo, *hi; /* -INFINITY and INFINITY where nothing is known */
};

/* Of every value of the graph, by id, in the arena. */
struct bounds *bounds_find(const struct graph *g, const struct channels *channels,
                           struct arena *a);

/* The limits of a Relu or Clip; false: another operator, or limits that are not constant. */
bool bounds_of_clip(const struct node *n, double *lo, double *hi);
/* Is this channel the same number everywhere: zero? */
static inline bool bounds_are_zero(const struct bounds *b, int64_t channel)
{
    int64_t c = b->n == 1 ? 0 : channel;
    return b->lo[c] == 0 && b->hi[c] == 0;
}

#endif
