/* SPDX-License-Identifier: Apache-2.0
 *
 * carry: the state of a model between the samples of a sequence (struct dataset_carry): each model
 * that runs, float or simulated, has a state of its own. Without carried outputs nothing is kept,
 * and carry_read() is dataset_read().
 */
#ifndef CARRY_H
#define CARRY_H

#include "dataset.h"
#include "exec.h"

struct carry {
    const struct dataset *data;
    const struct graph *graph;
    const struct tensor **state; /* by carried output; NULL: no sample has run yet */
    struct arena arena[2];       /* state lies in the first; the next one is made in the second */
};

void carry_open(struct carry *c, const struct dataset *d, const struct graph *g);
void carry_close(struct carry *c);
/* The inputs of sample i, valid until the next carry_keep(): what the sample itself gives, else the
 * last output, else the start. */
int carry_read(struct carry *c, int i, struct arena *a, const struct tensor **input,
               struct err *err);
/* Sample i has run: keeps what the next one needs. An output that is no such input is an error. */
int carry_keep(struct carry *c, const struct run *r, struct err *err);

#endif
