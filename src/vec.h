/* SPDX-License-Identifier: Apache-2.0
 *
 * vec: a growing array of any type in an arena: `VEC(struct node *) list = {0};`
 * vec_add(&list, arena) gives a pointer to a new zeroed last element. Growing leaves the old
 * array behind in the arena, at most as much again as is used.
 */
#ifndef VEC_H
#define VEC_H

#include "arena.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *at;                                                                                  \
        int n, room;                                                                               \
    }

#define vec_add(v, arena)                                                                          \
    ((v)->n == (v)->room                                                                           \
         ? (void)((v)->at = vec_grow((arena), (v)->at, sizeof *(v)->at, (v)->n, &(v)->room))       \
         : (void)0,                                                                                \
     &(v)->at[(v)->n++])

void *vec_grow(struct arena *a, const void *old, size_t size, int n, int *room);

#endif
