/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_codes: what exec_codes.c and exec_between.c share: grids of codes in annotated and lowered
 * graphs.
 */
#ifndef EXEC_CODES_H
#define EXEC_CODES_H

#include "exec_plan.h"

/* The quant that a DequantizeLinear or QuantizeLinear states; NULL: not constant, or in blocks.
 * dtype: of the codes where there is no zero point. */
const struct quant *codes_stated(struct exec *x, const struct node *n, enum dtype dtype);
/* The same of a QuantizeLinear, whose codes have the type that it says. */
const struct quant *codes_rounded(struct exec *x, const struct node *n);
/* The codes behind a use and their grid; false: it has none. */
bool codes_find(struct exec *x, const struct use *u, struct operand *o, const struct quant **q);
/* 8 bits and one scale. */
bool codes_fit(const struct quant *q);

/* exec_between.c: a node between quantizers that computes from codes to codes; NULL: it is none.
 * once: values, by id, that depend on constants alone. */
struct coded *between_find(struct exec *x, const struct node *n, const bool *once);
/* Step i of those of a block is such a node: takes the steps behind it that it does itself, marks
 * those that are gone, and leaves the whole at the place of the last. */
void between_join(struct exec *x, struct step *step, int n, int i, bool *gone);

#endif
