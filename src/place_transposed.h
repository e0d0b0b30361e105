/* SPDX-License-Identifier: Apache-2.0
 *
 * place_transposed: which ConvTransposes the target runs in integers.
 */
#ifndef PLACE_TRANSPOSED_H
#define PLACE_TRANSPOSED_H

#include "bounds.h"
#include "target.h"

/* What place_reason_against_transposed() asks: of the main graph's values, by id. NULL: the model
 * has no ConvTranspose for which it matters. */
const struct bounds *place_transposed_bounds(const struct model *m, const struct target *t,
                                             struct arena *a);
/* Why the target would run this ConvTranspose in float; NULL: in integers. */
const char *place_reason_against_transposed(const struct target *t, const struct node *n,
                                            const struct bounds *bounds);

#endif
