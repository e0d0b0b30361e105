/* SPDX-License-Identifier: Apache-2.0
 *
 * ties: which channels must be scaled alike for a network to compute the same.
 *
 * Relu(x / s) = Relu(x) / s, and likewise for pools, Concat, Resize and so on: whoever divides the
 * channels of one value by s divides those of all values tied to it, until a layer takes the
 * factor back with its weight. Channels are tied one by one, so that Concat, Split and Flatten need
 * no rule of their own. A class of tied channels is fixed when something reads it that a factor
 * would change: an output of the graph, Sigmoid, LayerNormalization, an operator without a rule.
 * Two values are in one group when any of their channels are tied.
 *
 * Some operators hold numbers that must be divided as well, see ties_has_numbers(): Add, Sub, Min
 * and Max with a constant, and Clip from 0, whose limit becomes one for each channel.
 *
 * x * Sigmoid(x) and x * Clip(x + 3, 0, 6) / 6 can hand a factor on when the gate, the second
 * factor, gets the old x back:  x' * Sigmoid(s x') = y / s  for  x' = x / s. See ties_is_gate().
 * HardSwish can be written so.
 */
#ifndef TIES_H
#define TIES_H

#include "channel.h"

struct ties_options {
    bool limits; /* a Clip may get a limit for each channel */
    bool gates;  /* a gate may get the old value back by a Mul */
};
struct ties {
    struct ties_options options;
    const struct channels *channels;
    int64_t *base; /* by value id: the number of its first channel */
    int64_t n;     /* channels of all values */
    int64_t *class;
    bool *fixed; /* by class */
    int *group;  /* by value id */
};

struct ties ties_find(const struct model *m, const struct channels *channels,
                      struct ties_options options, struct arena *a);
/* The class of a channel, a number below n. */
int64_t ties_class(const struct ties *t, const struct value *v, int64_t channel);
/* The group of a value, the id of one of its members. */
int ties_group(const struct ties *t, const struct value *v);

/* Does the node hold numbers of its own that have to be divided with its output? `slot` is the
 * constant input; -1: the upper limit of a Clip, in `limit`. */
bool ties_has_numbers(const struct node *n, int *slot, double *limit);
/* Is the node the beginning of a gate, whose input 0 has to be multiplied by s again? */
bool ties_is_gate(const struct ties *t, const struct node *n);

#endif
