/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_list: lists of tensors: sequences, and what the iterations of a loop give out. A list is a
 * cell whose tensor is a sequence (tensor.h); its elements, in plain layout, lie in buffers that it
 * shares with others.
 */
#ifndef EXEC_LIST_H
#define EXEC_LIST_H

#include "exec_cell.h"

struct cell *list_new(struct pool *p, struct cell **forms, enum dtype element);
/* Another list of the same elements. */
struct cell *list_copy(struct pool *p, struct cell **forms, const struct cell *from);
int64_t list_count(const struct cell *list);
const struct tensor *list_at(const struct cell *list, int64_t i);
/* The form of element i as a value of its own. */
struct cell *list_share(struct pool *p, struct cell **forms, const struct cell *list, int64_t i);
/* Nobody else uses the list. The element is t, in this buffer (NULL: not the run's memory). */
void list_insert(struct pool *p, struct cell *list, int64_t at, const struct tensor *t,
                 struct buffer *buffer);
void list_remove(struct pool *p, struct cell *list, int64_t at);
/* One tensor of elements that are alike, along a new axis; reverse: the last one first. */
int list_stack(struct pool *p, const struct cell *list, int64_t axis, bool reverse,
               struct cell **forms, struct err *err);
/* to = x[..., from : from + count, ...] along an axis; to is as large as that. -1: elements of this
 * type are not whole bytes. */
int slice_copy(const struct tensor *x, int axis, int64_t from, int64_t count, void *to,
               struct err *err);

#endif
