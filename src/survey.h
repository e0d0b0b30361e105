/* SPDX-License-Identifier: Apache-2.0
 *
 * survey: what a model holds that stands in the way of quantizing it: operators that quern does
 * not know or cannot execute, and quantization that is there already. Bodies count as well.
 */
#ifndef SURVEY_H
#define SURVEY_H

#include "graph.h"
#include "vec.h"

struct survey_op { /* an operator that cannot be executed */
    const char *domain, *type;
    bool known; /* has a row, but no evaluation */
    int count;
    const struct node *first;
};
struct survey {
    VEC(struct survey_op) missing; /* in the order of the graph */
    int n_nodes;
    int n_quantized;             /* nodes that quantize, dequantize or compute in integers */
    const struct node *quantized; /* the first of them; NULL: none */
};

void survey_take(struct survey *s, const struct model *m, struct arena *a);

#endif
