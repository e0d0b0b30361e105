/* SPDX-License-Identifier: Apache-2.0
 *
 * packed: an operand that is prepared once where it is the same in every call of a node.
 */
#ifndef PACKED_H
#define PACKED_H

#include "op.h"

/* What was kept, or NULL. Memory for preparing it comes from packed_room() and is given to
 * packed_keep(), which returns the one to use: another thread may have been faster. `inputs` has a
 * bit for each input that it is made of; where one may change, it lasts for the call. */
void *packed_find(const struct call *c, unsigned inputs);
void *packed_room(const struct call *c, unsigned inputs, size_t size);
void *packed_keep(const struct call *c, unsigned inputs, void *room);

/* The bits of these inputs, less those that are left out. */
unsigned packed_inputs(const struct call *c, int i, int j);

#endif
