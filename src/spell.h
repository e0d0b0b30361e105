/* SPDX-License-Identifier: Apache-2.0
 *
 * spell: what a type, an attribute, a constant and a quant look like in text for people.
 */
#ifndef SPELL_H
#define SPELL_H

#include "graph.h"
#include "quant.h"
#include "str.h"

/* "float[1,3,?]", "float" for a scalar, "?" where nothing is known; returns buf. */
enum { TYPE_TEXT = SHAPE_TEXT + 32 };
char *spell_type(const struct tensor *t, char buf[TYPE_TEXT]);
/* "{1,2}" for a small constant; nothing for a large one, or one of no numbers. */
void spell_data(struct str *s, const struct tensor *t);
/* "axis = 1"; the bodies of control flow as "...". */
void spell_attr(struct str *s, const struct attr *a);
/* "uint8, scale 0.0235 zero 128", or its range, or the type alone. */
void spell_quant(struct str *s, const struct quant *q);

#endif
