/* SPDX-License-Identifier: Apache-2.0
 *
 * k_code_cache: a table that is searched from end to end: making code costs a thousand times that.
 * What makes room is drawn by lot. Samples of many shapes go through a network in turns, so that
 * the code which was taken longest ago is the one that is wanted next.
 */
#include "k_code_cache.h"

#include <pthread.h>
#include <string.h>

enum { SLOTS = 256 };

static struct slot {
    unsigned char key[K_CODE_KEY];
    size_t n;
    struct k_code code; /* primitive NULL: the slot is free */
    int users;
} slots[SLOTS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

bool k_code_take(const void *key, size_t n, struct k_code *code)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < SLOTS && !found; i++) {
        struct slot *s = &slots[i];
        if (!s->code.primitive || s->n != n || memcmp(s->key, key, n))
            continue;
        s->users++;
        *code = s->code;
        found = true;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

/* A free slot, or one without users; NULL: all are in use. */
static struct slot *slot_for_new(void)
{
    static unsigned random = 1;
    int free = 0;
    for (int i = 0; i < SLOTS; i++) {
        if (!slots[i].code.primitive)
            return &slots[i];
        free += !slots[i].users;
    }
    random = random * 1664525u + 1013904223u;
    int which = free ? (int)((random >> 8) % (unsigned)free) : -1;
    for (int i = 0; i < SLOTS && which >= 0; i++)
        if (!slots[i].users && !which--)
            return &slots[i];
    return NULL;
}

struct k_code k_code_keep(const void *key, size_t n, const struct k_code *code)
{
    struct k_code gone = {NULL, NULL};
    pthread_mutex_lock(&lock);
    struct slot *s = n <= K_CODE_KEY ? slot_for_new() : NULL;
    if (s) {
        gone = s->code;
        memcpy(s->key, key, n);
        s->n = n;
        s->code = *code;
        s->users = 1;
    }
    pthread_mutex_unlock(&lock);
    return gone;
}

bool k_code_leave(const struct k_code *code)
{
    bool kept = false;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < SLOTS && !kept; i++)
        if (slots[i].code.primitive == code->primitive) {
            slots[i].users--;
            kept = true;
        }
    pthread_mutex_unlock(&lock);
    return !kept;
}
