/* SPDX-License-Identifier: Apache-2.0
 *
 * choice: elements that are picked by their numbers, as TopK, ArgMax, NonMaxSuppression and an
 * Equal of two floats do it, in the graph itself or in a body. A small difference picks others, so
 * what is behind cannot be compared element by element.
 */
#ifndef CHOICE_H
#define CHOICE_H

#include "graph.h"

/* By id of values of g, the main graph: what comes of such a choice, with no layer in between. */
bool *choice_find(const struct graph *g, struct arena *a);
/* The ids of what says which elements are picked (indices, masks), in so far as layers read what
 * comes of them: where a run is to be compared with another behind such layers, as behind the
 * second stage of a detector, both must pick the same. Returns how many; 0 also where a node gives
 * as many elements as numbers say, and keeps them to itself (Compress, Unique). */
int choice_picks(const struct graph *g, const bool *chosen, struct arena *a, int **pick);

/* Is its type float, or not known? */
bool choice_may_be_float(const struct value *v);

/* Calls fn for what the node reads of g: its inputs, and what bodies in it capture. */
typedef void choice_fn(void *data, const struct value *v);
void choice_each_read(const struct node *n, const struct graph *g, choice_fn *fn, void *data);

#endif
