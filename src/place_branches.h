/* SPDX-License-Identifier: Apache-2.0
 *
 * place_branches: placement where branches meet, and around operators that only read codes.
 */
#ifndef PLACE_BRANCHES_H
#define PLACE_BRANCHES_H

#include "target.h"

/* In a sum of two branches one of which is a layer's own output, the other one is rounded for the
 * sum. Where both are layers the one with more layers behind it is the main branch. */
void place_skip_branches(struct model *m, const struct target *t);

/* The target's readers get their inputs rounded. `may`: nodes, by id, that may be readers. */
void place_readers(struct model *m, const struct target *t, const bool *may);

/* Where codes are joined, and the whole is quantized, those parts that are quantized get the
 * whole's quant: it is calibrated there, where all numbers are. */
void place_joined(struct model *m, const struct target *t);

#endif
