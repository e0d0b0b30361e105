/* SPDX-License-Identifier: Apache-2.0
 *
 * suit: what runtimes would do with a lowered model that is not meant, and what keeps them from it.
 *
 * Each takes a graph whose types are known, leaves types unknown, and returns how many places it
 * changed. What the graph computes stays the same but for rounding.
 */
#ifndef SUIT_H
#define SUIT_H

#include "graph.h"

int suit_ort(struct graph *g);
int suit_openvino(struct graph *g);
int suit_sums(struct graph *g); /* a part of it: what it does with biases, or without */

/* What both build with: a constant of rank 0; and a step below and one above what the codes of a
 * QuantizeLinear, DequantizeLinear or FakeQuantize stand for (false: they are not known). */
struct value *suit_scalar(struct build *at, const char *stem, double x);
bool suit_limits(const struct node *n, double *lo, double *hi);
/* Is input `slot` a constant in codes? */
bool suit_has_integer_weight(const struct node *n, int slot);

#endif
