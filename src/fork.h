/* SPDX-License-Identifier: Apache-2.0
 *
 * fork: measures models of which only the end is quantized, from where it begins to differ from the
 * float model.
 *
 * A run of the float model for each sample advances from one such point to the next; the simulated
 * runs start there with what it has computed. So looking at each layer alone costs half of as many
 * runs. Several clones may be measured side by side, each in a lane with such runs of its own.
 * Points are asked for in the order of the graph, in each lane.
 */
#ifndef FORK_H
#define FORK_H

#include "dataset.h"
#include "err.h"
#include "graph.h"
#include "measure.h"

struct fork_point {
    const struct node *node; /* of the main graph; NULL: nothing is rounded */
    int position;            /* how many nodes are in front of it */
};
/* The first node of the main graph that reads something rounded, or has one in a body. */
struct fork_point fork_point(const struct graph *g);

struct fork;
/* m: the float model; it must not change while the fork is open. `s`: of its outputs, of a dataset
 * whose samples are no sequence. point: nodes that will be asked for, of a clone maybe. jobs: of
 * each lane. NULL: it failed. */
struct fork *fork_open(const struct model *m, const struct dataset *d, const struct measure *s,
                       const struct fork_point *point, int n_points, int lanes, int jobs,
                       struct err *err);
/* Simulates the clone, in which nothing is rounded before `point`, a node of its own graph. One
 * call at a time in a lane. */
int fork_figures(struct fork *f, int lane, const struct model *clone, struct fork_point point,
                 struct figures *figures, struct err *err);
void fork_close(struct fork *f);

#endif
