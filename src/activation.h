/* SPDX-License-Identifier: Apache-2.0
 *
 * activation: the element-wise function behind a layer, as a number sees it.
 */
#ifndef ACTIVATION_H
#define ACTIVATION_H

#include "graph.h"

enum activation_kind {
    ACTIVATION_NONE, /* identity, or nothing that is known */
    ACTIVATION_CLIP, /* Relu and Clip: lo..hi */
    ACTIVATION_LEAKY,
    ACTIVATION_HARDSWISH,
    ACTIVATION_SILU,
};

struct activation {
    enum activation_kind kind;
    double lo, hi, alpha;
    const struct value *out; /* f(v); v itself where there is none */
};

/* What all readers of `v` see of it: the function of its only user, or SiLU and HardSwish where the
 * users are a Sigmoid or HardSigmoid and the Mul with it. */
struct activation activation_behind(const struct value *v);
/* value[i] += f(y[i]), slope[i] += f'(y[i]) for a vector of n. */
void activation_add(const struct activation *f, const float *y, int64_t n, float *value,
                    float *slope);

#endif
