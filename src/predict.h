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

struct layer_cost { /* microseconds, roughly; see predict_cost.h */
    double real, integer;
    double unpacked; /* of a float kernel whose weight is no constant */
    double conversions; /* what would be added where it alone were left in float */
};

struct predicted { /* a node that multiplies by weights, or two activations */
    const struct node *node;
    struct judgement is;
    double macs; /* multiply-adds of a run; dims that are not known count as 1 */
    struct layer_cost cost; /* of an integer kernel; 0 where nothing is known */
};

/* Microseconds of a run in the runtime, roughly: of the model, and of the float model that it was
 * made from. A body counts as often as it runs, as far as one can tell. */
struct model_time {
    double real, now; /* 0: not known, as where an integer kernel has no formula */
    double kernels, conversions, gates; /* what is in `now` and not in `real`, by cause */
};

struct prediction {
    VEC(struct predicted) node; /* in the order of the graph; bodies behind their node */
    double macs, integer_macs;
    int count[N_VERDICTS];
    struct model_time time;
};

/* Lines that tell the user where integers are likely to be slower than float; "": they are not, or
 * nothing is known. */
const char *predict_advice(const struct prediction *p, const char *target, struct arena *a);

/* Multiply-adds of a run of the node, as in struct predicted; -1: it is no compute node. */
double predict_macs(const struct node *n);
bool predict_knows(const char *target);
/* Every compute node of the model and of the bodies in it. The types of values must be inferred.
 * -1: there are no rules for this target. */
int predict_model(const struct model *m, const char *target, struct arena *a, struct prediction *p,
                  struct err *err);
/* Costs and times once more, by the same verdicts, since dims have become known. */
void predict_again(const struct model *m, const char *target, struct arena *a,
                   struct prediction *p);
/* Would ONNX Runtime quantize the float weight of this layer, since its input and output are? */
bool predict_ort_rounds_weight(const struct node *n);
/* Of the model's time and the float model's; NAN: not known. */
double predict_time_ratio(const struct prediction *p);
/* Percent of the multiply-adds that run in integers; 0 where there are none. */
double predict_share(const struct prediction *p);

#endif
