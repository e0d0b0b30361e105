/* SPDX-License-Identifier: Apache-2.0
 *
 * lower: what the lowering passes share: finding annotated values, moving their uses, and the
 * form that all of them give to constants.
 */
#ifndef LOWER_H
#define LOWER_H

#include "graph.h"
#include "quant.h"

/* Values that carry a quant: inputs, constants, node outputs in order, then those in bodies;
 * returns how many. */
int lower_collect(struct model *m, struct arena *a, struct value ***list);
/* Where nodes that round `v` go: right behind its definition. */
struct build lower_cursor(struct value *v);
/* Does any use of `v` want the rounded value? */
bool lower_is_wanted(const struct value *v);
/* Moves the uses that are not plain, but for those by `except`. */
void lower_move_uses(struct value *from, struct value *to, const struct node *except);
/* The last step for a value: it carries no quant any more, and no use is marked. */
void lower_finish(struct value *v);

/* Scale and zero point of a quant as initializers: rank 0 per tensor, rank 1 per channel. There is
 * no zero point (NULL) for int32. */
struct value *lower_scale(struct build *at, const struct quant *q);
struct value *lower_zero(struct build *at, const struct quant *q);
/* A QuantizeLinear or DequantizeLinear node with these parameters. */
struct node *lower_node(struct build *at, enum op op, struct value *x, struct value *scale,
                        struct value *zero, const struct quant *q);
/* The uses of v that are not plain read a DequantizeLinear of its codes: one in each graph that has
 * such uses, since runtimes do not look for it outside of a body. */
void lower_dequantize(struct value *v, struct value *codes, struct value *scale,
                      struct value *zero);
/* constant w => DequantizeLinear(codes of w, scale, zero point). */
void lower_constant(struct value *w);

#endif
