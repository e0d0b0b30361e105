/* SPDX-License-Identifier: Apache-2.0
 *
 * place_why: why each node of an annotated model runs in integers or not, in words for people.
 *
 *     layer: weight int8 per channel (axis 0) symmetric, input uint8, output uint8, bias int32
 *     float: both inputs are activations
 *     moves codes: its output shares the scale of its input
 */
#ifndef PLACE_WHY_H
#define PLACE_WHY_H

#include "place.h"

/* By node id; NULL where there is nothing to say: nodes that compute no floats. The texts live in
 * `a`. `p` is the placement of `m`, which must not be lowered yet. */
const char **place_explain(const struct model *m, const struct target *t,
                           const struct placement *p, struct arena *a);

#endif
