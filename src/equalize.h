/* SPDX-License-Identifier: Apache-2.0
 *
 * equalize: scales channels so that the weights of layers use the range of their tensors evenly.
 */
#ifndef EQUALIZE_H
#define EQUALIZE_H

#include "graph.h"

/* Rewrites the main graph; what the float model computes stays the same. Returns how many layers
 * got other weights. */
int equalize_graph(struct model *m, struct arena *scratch);

#endif
