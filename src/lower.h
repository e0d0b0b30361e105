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
/* Output 0 of `made` becomes y itself; the node that computed y is left without readers there. */
void lower_give_value(struct node *made, struct value *y);
/* The last step for a value: it carries no quant any more, and no use is marked. */
void lower_finish(struct value *v);

/* Scale and zero point of a quant as initializers: rank 0 per tensor, rank 1 per channel, the rank
 * of what they are for per block; `of` is its shape, and needed for blocks only. There is no zero
 * point (NULL) for int32, nor for symmetric int4, which OpenVINO runs slowly with one. */
struct value *lower_scale(struct build *at, const struct quant *q, const struct shape *of);
struct value *lower_zero(struct build *at, const struct quant *q, const struct shape *of);
/* The two of a quant, made when they are first asked for; `known` is a list that ends with an empty
 * row and has room for all quants. */
struct lower_parameters {
    const struct quant *quant;
    struct value *scale, *zero;
};
const struct lower_parameters *lower_parameters(struct lower_parameters *known, struct build *at,
                                                const struct quant *q);
/* A QuantizeLinear or DequantizeLinear node with these parameters; for 16 bits, where the opset is
 * too old, ONNX Runtime's own. */
struct node *lower_node(struct build *at, enum op op, struct value *x, struct value *scale,
                        struct value *zero, const struct quant *q);
/* The uses of v that are not plain read a DequantizeLinear of its codes: one in each graph that has
 * such uses, since runtimes do not look for it outside of a body. */
void lower_dequantize(struct value *v, struct value *codes, struct value *scale,
                      struct value *zero);
/* constant w => DequantizeLinear(codes of w, scale, zero point). */
void lower_constant(struct value *w);

#endif
