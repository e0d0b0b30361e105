/* SPDX-License-Identifier: Apache-2.0
 *
 * solve: from ranges to scales and zero points, in one order: activations, weights, biases.
 */
#ifndef SOLVE_H
#define SOLVE_H

#include "graph.h"
#include "place.h"

/* Every activation's quant must have its range. Weights get theirs once from their own data; where
 * a bias would not fit int32 with scale input * weight, the weight's scale is raised until it does,
 * and a channel without weights takes the scale that keeps its bias exact; where sums of two
 * products must fit 16 bits (pairs.h) scales are raised until they do: of how many rows of layers'
 * weights, and of how many there are, is the result. May be called again after ranges or weights
 * have changed. */
struct raised {
    int64_t rows, of;
};
struct raised solve_model(struct model *m, const struct placement *p, int jobs);
/* Weights that lie on the grid of their scales keep it: solve_model() gives these scales again. */
void solve_keep_grid(const struct placement *p);
/* After ranges of activations have changed: weights keep their scales. */
void solve_ranges(struct model *m);
/* Weights get one bit more, unless a whole weight has one scale: as finely as passes that choose
 * the codes will make them, for trials. */
void solve_finer(const struct placement *p);
/* Forgets scales and zero points (ranges of activations stay). */
void solve_clear(struct model *m);

#endif
