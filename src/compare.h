/* SPDX-License-Identifier: Apache-2.0
 *
 * compare: two models on the same samples, output by output and value by value.
 *
 * Outputs are matched by name (by position where no name agrees); inner values by name, which
 * quantizing keeps. Sums run over all elements of all samples, in the order of the samples.
 */
#ifndef COMPARE_H
#define COMPARE_H

#include "dataset.h"

struct difference {
    double signal, noise; /* sums of a^2 and (a - b)^2 */
    double max;           /* largest |a - b| */
    bool shapes_differ;   /* in some sample: nothing was summed there */
};
/* 10 log10(signal / noise); INFINITY where the two are equal, NAN where values are not finite. */
double difference_sqnr(const struct difference *d);
/* sqrt(noise / signal). */
double difference_relative(const struct difference *d);

struct compare_row {
    const char *name;        /* of the output, or of the node that computes the value */
    const struct node *node; /* of model a; NULL: an output that is an input */
    const struct value *a, *b;
    struct difference sum;
    int place; /* among the rows, in execution order */
};
struct comparison {
    struct compare_row *output, *value; /* worst first */
    int n_outputs, n_values;
    int n_samples;
};

/* Everything in c lives in the arena and names objects of the models. */
int compare_models(const struct model *a, const struct model *b, const struct dataset_options *o,
                   int jobs, struct arena *arena, struct comparison *c, struct err *err);

#endif
