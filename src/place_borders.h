/* SPDX-License-Identifier: Apache-2.0
 *
 * place_borders: activations of more than one type in a model.
 */
#ifndef PLACE_BORDERS_H
#define PLACE_BORDERS_H

#include "place.h"
#include "rule.h"

/* Gives the activations of an annotated model the types that the nodes' rules want. What a node
 * computes on codes has the node's type; what comes in as float, or is computed in float, has the
 * widest that a reader wants. A reader of another type reads an Identity behind the value that has
 * a quant of its own: lowered, DequantizeLinear and QuantizeLinear stand side by side there. Where
 * codes are only moved they keep their type. `p`: the layers. */
void place_borders(struct model *m, const struct target *t, const struct node_rule *rule,
                   int n_rules, const struct placement *p);
/* The value in another type: an Identity behind it, or the one that is there. plain: that reads it
 * in float. */
struct value *place_converted(struct value *v, const struct qtype *type, bool plain);
/* Is the node such an Identity? */
bool place_is_border(const struct node *n);

#endif
