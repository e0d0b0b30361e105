/* SPDX-License-Identifier: Apache-2.0
 *
 * effort: what running a model costs, and how many samples a look at it is therefore worth.
 *
 * Whoever tries something on a model wants its noise averaged; dear runs have large tensors, within
 * which errors average out. So a model whose run takes EFFORT_DEAR operations or more is looked at
 * on fewer samples, by the square root of its cost, and so are second moments, within limits.
 * Ranges are gathered from all data.
 *
 * How much is tried at all, --effort says: quantize_options.h.
 */
#ifndef EFFORT_H
#define EFFORT_H

#include "dataset.h"
#include "graph.h"

/* Operations of a float run of the first sample: two a multiply-add, in bodies over all
 * iterations. */
struct effort {
    double ops;
    double *of_node; /* by id of the node that multiplies */
};
int effort_measure(const struct model *m, const struct dataset *d, struct arena *a,
                   struct effort *result, struct err *err);

/* Its ops, measured where *ops is 0. */
int effort_once(double *ops, const struct model *m, const struct dataset *d, struct err *err);

enum { EFFORT_DEAR = 100 * 1000 * 1000 };
/* `most` where a run costs little, fewer where it costs much, but not fewer than `least`. */
int effort_samples(double ops, int most, int least);

#endif
