/* SPDX-License-Identifier: Apache-2.0
 *
 * place_codes: what place.c does about operators that only move codes, once all quants are there.
 */
#ifndef PLACE_CODES_H
#define PLACE_CODES_H

#include "target.h"

/* Input and output share one quant where both have one; what goes into a body gets one. */
void place_codes(struct model *m, const struct target *t);

#endif
