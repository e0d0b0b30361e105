/* SPDX-License-Identifier: Apache-2.0
 *
 * map: open addressing with linear probing, at most half full. Here is also vec_grow(): the
 * other structure that grows inside an arena.
 */
#include "map.h"

#include "vec.h"

#include <stdint.h>
#include <string.h>

static uint64_t hash_of(const char *s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h ^ h >> 32;
}

static struct map_slot *slot_of(const struct map *m, const char *key)
{
    size_t i = hash_of(key) & (m->room - 1);
    while (m->slot[i].key && strcmp(m->slot[i].key, key))
        i = (i + 1) & (m->room - 1);
    return &m->slot[i];
}

void *map_find(const struct map *m, const char *key)
{
    return m->room ? slot_of(m, key)->value : NULL;
}

static void map_grow(struct map *m)
{
    struct map old = *m;
    m->room = old.room ? old.room * 2 : 64;
    m->slot = NEW_ARRAY(m->arena, m->room, struct map_slot);
    for (size_t i = 0; i < old.room; i++)
        if (old.slot[i].key)
            *slot_of(m, old.slot[i].key) = old.slot[i];
}

void map_set(struct map *m, const char *key, void *value)
{
    if (m->n * 2 >= m->room)
        map_grow(m);
    struct map_slot *s = slot_of(m, key);
    if (!s->key)
        m->n++;
    *s = (struct map_slot){key, value};
}

void *vec_grow(struct arena *a, const void *old, size_t size, int n, int *room)
{
    *room = *room ? *room * 2 : 8;
    void *grown = arena_array(a, (size_t)*room, size);
    if (n)
        memcpy(grown, old, (size_t)n * size);
    return grown;
}
