/* SPDX-License-Identifier: Apache-2.0
 *
 * scaling: divides channels by factors, so that the network computes the same.
 *
 * Every class of tied channels (ties.h) has a factor s, 1 at first. Whoever wants other ones fills
 * them in between scaling_open() and scaling_apply():
 *
 *     rows of weights that make the channel    W / s, b / s
 *     columns of weights that read it          W s
 *     Add, Sub, Min, Max with a constant       constant / s
 *     Clip(x, 0, limit)                        Min(Clip(x, 0, max(limit / s)), limit / s)
 *     x * Sigmoid(x)                           x * Sigmoid(s x)
 *     HardSwish(x)                             x * HardSigmoid(s x)
 *
 * The largest limit in the Clip changes nothing, but keeps a quantized Clip from a range that the
 * Min behind it cuts off.
 */
#ifndef SCALING_H
#define SCALING_H

#include "linear.h"
#include "ties.h"

struct scaled { /* a layer with a side that may be scaled */
    struct linear l;
    int64_t *row, *column;       /* classes of output and input channels; -1: in none */
    const struct tensor *weight; /* after scaling; NULL: as it was */
    double *bias;
};
struct scaling {
    struct arena *scratch;
    struct graph **graph; /* all of the model */
    int n_graphs;
    struct ties ties;
    struct scaled *layer; /* in graph order */
    int n_layer;
    double *s; /* by class */
};

struct scaling scaling_open(struct model *m, struct ties_options options, struct arena *scratch);
/* The factor of a class; 1 for class -1. */
static inline double scaling_factor(const struct scaling *c, int64_t class)
{
    return class < 0 ? 1 : c->s[class];
}
/* May any of these n classes be scaled? */
bool scaling_is_free(const struct scaling *c, const int64_t *class, int64_t n);
/* Are there gates that may come apart? */
bool scaling_has_gates(const struct scaling *c);
/* Rewrites the graph. Returns how many layers got other weights; 0 also where a number would not
 * fit the dtype of its weight: then nothing has changed. */
int scaling_apply(struct scaling *c);

#endif
