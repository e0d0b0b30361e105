/* SPDX-License-Identifier: Apache-2.0
 *
 * outcome: what a model computes in float on one sample, to compare it before and after a pass.
 *
 * The sample is held by the names of the inputs, since a pass may stop listing constants among
 * them.
 */
#ifndef OUTCOME_H
#define OUTCOME_H

#include "dataset.h"
#include "exec.h"

struct sample {
    struct arena arena;
    int n;
    const char **name;
    const struct tensor **tensor;
};
/* The first sample of `data`; NULL: normal noise from a fixed seed (0 or 1 for integers), with 1 in
 * place of a first dim that is not known and 64 in place of others. -1: an input has no known type,
 * or the data cannot be read. */
int sample_take(struct sample *s, const struct graph *g, const struct dataset *data,
                struct err *err);
void sample_release(struct sample *s);

struct outcome {
    struct arena arena;
    int n;
    const struct tensor **out; /* in the order of the graph's outputs */
};
/* -1: the model cannot be run. */
int outcome_take(struct outcome *o, const struct model *m, const struct sample *s,
                 struct err *err);
void outcome_release(struct outcome *o);
/* The largest difference of an element, relative to the largest element of its output. INFINITY
 * where outputs differ in number, type or shape, or only one has a NaN. */
double outcome_difference(const struct outcome *a, const struct outcome *b);

#endif
