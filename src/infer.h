/* SPDX-License-Identifier: Apache-2.0
 *
 * infer: dtypes and shapes of all values of a graph, as far as they follow from its inputs,
 * constants and attributes. Small values that are known without running the model (the arithmetic
 * that exporters do on shapes) are computed on the way, since other shapes depend on them.
 */
#ifndef INFER_H
#define INFER_H

#include "err.h"
#include "graph.h"

/* Fills value->type of a graph and of the bodies in it. What the file says of a value stands where
 * inference finds nothing; where the two disagree, inference is believed, and where what the file
 * says does not go together it is left aside, with a message. Returns -1 where the model
 * contradicts itself. */
int graph_infer(struct graph *g, struct err *err);

#endif
