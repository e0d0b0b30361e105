/* SPDX-License-Identifier: Apache-2.0
 *
 * move: what operators that only move data share. Elements below 8 bits are spread over bytes
 * while they are moved, so that every element has an address: move_source() for what is read,
 * move_open() and move_close() around what is written.
 */
#ifndef MOVE_H
#define MOVE_H

#include "op.h"

struct move {
    char *to;    /* write here ... */
    size_t item; /* ... elements of so many bytes */
};

/* -1 with a text where the type has no fixed size. */
int move_open(struct call *c, const struct tensor *y, struct move *m, struct err *err);
const char *move_source(struct call *c, const struct tensor *x);
void move_close(struct tensor *y, const struct move *m);

/* Element i of an index tensor, counted from the end where negative, for an axis of `dim`
 * elements. */
int index_check(const struct tensor *index, int64_t i, int64_t dim, int64_t *at, struct err *err);

#endif
