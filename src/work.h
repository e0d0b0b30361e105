/* SPDX-License-Identifier: Apache-2.0
 *
 * work: how much one application of an operator has to compute and to move, told from shapes.
 *
 * Operations are two for each multiply-add of convolutions, matrix products, recurrent layers,
 * Einsum and attention, as the definition of the operator has them: all positions of a padded
 * border, sequences of full length, keys behind a causal mask. Other operators have none.
 */
#ifndef WORK_H
#define WORK_H

#include "op.h"

struct work {
    double ops, bytes;
};

/* Of a call whose inputs and outputs have known types; data is not looked at. Bytes are those of
 * all inputs and outputs, and none for a view. */
struct work work_of(const struct call *c);

#endif
