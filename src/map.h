/* SPDX-License-Identifier: Apache-2.0
 *
 * map: from strings to pointers, by hashing. The keys are not copied: they must live as long as
 * the map, which lives in an arena. There is no removal.
 */
#ifndef MAP_H
#define MAP_H

#include "arena.h"

struct map_slot {
    const char *key;
    void *value;
};
struct map {
    struct arena *arena;
    struct map_slot *slot;
    size_t n, room; /* room is a power of two, or 0 */
};

/* NULL: the key is not there. */
void *map_find(const struct map *m, const char *key);
/* Sets the value of a key, new or not. */
void map_set(struct map *m, const char *key, void *value);

#endif
