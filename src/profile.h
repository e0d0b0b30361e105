/* SPDX-License-Identifier: Apache-2.0
 *
 * profile: what each node of a graph costs, over all samples of a run.
 *
 * A row is a node with what the executor joined to it. Nodes that depend on nothing but constants
 * are computed when the graph is opened, and have no row.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include "exec.h"

#include <stdio.h>

struct profile_row {
    const struct node **node; /* n_nodes of them; NULL: a sum over an operator */
    int n_nodes;
    const char *op;           /* "Conv + Add + Relu" */
    int count;                /* rows that are summed up here */
    int64_t calls;
    double seconds;
    struct work work;
};

struct profile {
    struct arena arena;
    const struct graph *graph;
    struct profile_worker *worker;
    int jobs;
    double peak;              /* operations a second that a thread can do */
    /* From profile_finish() on: the longest first. */
    struct profile_row *row, *sum;
    int n_rows, n_sums, n_samples;
    double seconds;           /* of a thread, in all; the rows' are below */
    struct profile_row total;
};

/* Measures the peak: the product of two float matrices that fit the cache. The graph must live as
 * long as the profile. */
void profile_open(struct profile *p, const struct graph *g, int jobs);
void profile_close(struct profile *p);
/* As samples_hooks.cost has it. */
void profile_add(struct profile *p, int worker, const struct step_cost *c);
/* seconds: of the whole run. */
void profile_finish(struct profile *p, int n_samples, double seconds);

/* For people: by operator and by node, what costs most. For machines: all of it. */
void profile_print(const struct profile *p, FILE *out);
int profile_write(const struct profile *p, const char *path, struct err *err);

#endif
