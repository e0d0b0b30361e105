/* SPDX-License-Identifier: Apache-2.0
 *
 * real: operators that compute in float serve the other element types through a copy.
 */
#ifndef REAL_H
#define REAL_H

#include "op.h"

/* Input i as float, stored in the layout it has; NULL: left out. */
const float *real_in(const struct call *c, int i);
/* Where to compute output i; then real_store() brings it to the output. NULL: left out. */
float *real_out(const struct call *c, int i);
void real_store(const struct call *c, int i, const float *y);

/* 0 where the input is of a floating type (or not known, or left out); -1 and a text otherwise. */
int real_check(const struct call *c, int i, struct err *err);

#endif
