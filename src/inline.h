/* SPDX-License-Identifier: Apache-2.0
 *
 * inline: the nodes of a body move into the graph around it.
 */
#ifndef INLINE_H
#define INLINE_H

#include "graph.h"

/* Every If of the graph, and of the bodies in it, whose condition is constant becomes the branch
 * that it takes. Returns how many; nodes that are left over go with the next graph_sweep(). */
int graph_inline_ifs(struct graph *g);

/* A body of one input and one output becomes nodes before `at`, which is in the graph around it and
 * holds it; `in` stands for the input. Returns what stands for the output. */
struct value *graph_move_body(struct graph *body, struct value *in, struct node *at);

#endif
