/* SPDX-License-Identifier: Apache-2.0
 *
 * place_units: placement around operators that are no layers, and what it shares with place.c.
 */
#ifndef PLACE_UNITS_H
#define PLACE_UNITS_H

#include "target.h"

/* Units get a quant on every float input and output, what moves codes the same quant on both
 * sides: everywhere, or only where the inputs have quants already (unit_rule). Constants are
 * rounded to the activations' type, the scale of a normalization to the weights', its shift to
 * int32 with the scale of both. What has to do with huge numbers stays float. `may`: nodes, by id,
 * that may be units. */
void place_units(struct model *m, const struct target *t, const bool *may);

/* The scales of their shifts, once it is settled which quants the other inputs have. */
void place_shifts(struct model *m);

/* The type that is wanted, as the layer's weight of this shape takes it; its output channels are
 * counted by `axis`. Blocks and 4 bits are for matrices; other weights get 8 bits and a scale a
 * channel instead. */
struct qtype weight_type(const struct target *t, const struct qtype *wanted,
                         const struct node *layer, const struct shape *s, int axis);
/* A Gemm whose weight is stored transposed gets it as a MatMul would have it. */
void gemm_turn_weight(struct node *n);

/* Are the inputs behind the first factor and shift, which have types of their own? */
bool unit_has_factors(const struct node *n);

struct quant *quant_new(struct model *m, const struct qtype *type, int64_t n);
/* Gives v a quant; its first claim marks all its uses plain. value_claim_wholly() leaves none. */
struct quant *value_claim(struct value *v, const struct qtype *type);
void value_claim_wholly(struct value *v, const struct qtype *type);
/* The output of the Relu, or Clip from 0, that the target folds into the quantization behind v; v
 * where there is none. */
struct value *value_behind_folded(const struct target *t, struct value *v);

#endif
