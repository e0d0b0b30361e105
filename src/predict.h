/* SPDX-License-Identifier: Apache-2.0
 *
 * predict: how a runtime will execute the layers of a model that is quantized already.
 *
 * The rules (predict_ort.c, predict_openvino.c) look at operators, types, scales and readers, never
 * at names, and were measured on the runtimes; docs/targets.md lists them.
 */
#ifndef PREDICT_H
#define PREDICT_H

#include "err.h"
#include "graph.h"
#include "vec.h"

enum verdict {
    VERDICT_INTEGER,
    VERDICT_FLOAT,
    VERDICT_DEQUANTIZES, /* in float, and the weight becomes float again at each run */
    VERDICT_WRONG,       /* the runtime computes something else than the model says */
    VERDICT_FAILS,       /* the runtime refuses the model, or stops when it runs */
    N_VERDICTS,
};
extern const char *const verdict_names[N_VERDICTS];

struct judgement {
    enum verdict verdict;
    const char *reason; /* "" where there is nothing to say */
};

struct predicted { /* a node that multiplies by weights, or two activations */
    const struct node *node;
    struct judgement is;
    double macs; /* multiply-adds of a run; dims that are not known count as 1 */
};

struct prediction {
    VEC(struct predicted) node; /* in the order of the graph; bodies behind their node */
    double macs, integer_macs;
    int count[N_VERDICTS];
};

bool predict_knows(const char *target);
/* Every compute node of the model and of the bodies in it. The types of values must be inferred.
 * -1: there are no rules for this target. */
int predict_model(const struct model *m, const char *target, struct arena *a, struct prediction *p,
                  struct err *err);
/* Percent of the multiply-adds that run in integers; 0 where there are none. */
double predict_share(const struct prediction *p);

#endif
