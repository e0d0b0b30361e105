/* SPDX-License-Identifier: Apache-2.0
 *
 * control: how the nodes that run bodies (If, Loop, Scan, SequenceMap) and the bodies fit together.
 * infer and the executor read it here.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "err.h"
#include "graph.h"

/* Inputs of a body are `lead_in` numbers that the node makes, then the states, then elements of the
 * inputs that are scanned; outputs are `lead_out` of the node's own, then states, then elements. */
struct control {
    struct graph *body[2]; /* If: then and else */
    int n_bodies;
    int first; /* slot of the first state among the node's inputs */
    int lead_in, lead_out;
    int n_state, n_scan_in, n_scan_out;
    bool batched; /* Scan of opset 8: axis 0 of all inputs and outputs counts sequences */
};
/* -1 with a text where the bodies are missing or do not fit the node. */
int control_parse(const struct node *n, struct control *k, struct err *err);

struct scan_axis {
    int64_t axis; /* negative: from the end */
    bool reverse;
};
/* How input or output number i of those that are scanned runs. */
int control_scan_axis(const struct node *n, bool output, int i, struct scan_axis *a,
                      struct err *err);
/* Gives the inputs of the bodies the types that follow from the node's inputs. */
void control_seed(const struct node *n);

#endif
