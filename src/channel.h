/* SPDX-License-Identifier: Apache-2.0
 *
 * channel: which axis of a value counts channels, and how operators carry channels from their
 * inputs to their outputs. A layer (linear.h) makes channels; Relu, pools, Add, Concat, Reshape and
 * so on carry them, each channel apart; any other operator ends them.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "graph.h"

struct channels {
    int axis;
    int64_t n; /* 0: the value has no known channels */
};

/* Of every value of the model, by id, in the arena. What a body of If, Loop or Scan reads from
 * outside by name has channels there as well, what it gets as an input has none. */
struct channels *channels_find(const struct model *m, struct arena *a);

/* The smallest and the largest number of each channel on some data: [id][channel], NULL for values
 * without channels, 0 where a value was not computed. */
struct peaks {
    float **lo, **hi;
    float **sum; /* the largest sum of this channel and the next at one place; INFINITY: unknown */
};

/* Channel from + i of the input arrives in channels to + i * repeat ... + repeat - 1 of the output,
 * for i < count. */
struct channel_map {
    int64_t from, to, count, repeat;
};
/* False: output `out` does not carry the channels of input `slot`, or either has none. */
bool channel_map_find(const struct channels *all, const struct node *n, int slot, int out,
                      struct channel_map *map);

/* Where the channels of part `slot` of a Concat lie among those of its output; false: it joins
 * another axis, or the parts are of unknown size. */
bool channel_part(const struct node *concat, int slot, int axis, int64_t *from, int64_t *count);

/* Does a constant that takes part in an elementwise operation with a value of this rank hold one
 * number for each of the n channels on `axis`, or one for all? Then they are written to v. */
bool channel_vector(const struct tensor *t, int rank, int axis, int64_t n, double *v);
/* The shape [n, 1, ... 1] that broadcasts along `axis` of a value of this rank. */
struct shape channel_shape(int rank, int axis, int64_t n);
/* Numbers by channel as a floating tensor of this shape, which has as many elements. NULL: one of
 * them is not finite, or not in this dtype. */
struct tensor *channel_tensor(struct arena *a, enum dtype t, const struct shape *s,
                              const double *v);
/* The largest number of this floating dtype, and whether one is finite in it. */
double channel_limit(enum dtype t);
bool channel_fits(enum dtype t, double v);

/* The integers of an attribute or, where the operator's version has one instead, of a constant
 * input. Returns how many; -1: left out, not constant, or more than MAX_RANK * 2. */
int channel_ints(const struct node *n, const char *attr, int slot, int64_t v[MAX_RANK * 2]);

#endif
