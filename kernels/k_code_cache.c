/* SPDX-License-Identifier: Apache-2.0
 *
 * k_code_cache: a table that is searched from end to end: making code costs a thousand times that.
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
    unsigned long used; /* when it was last taken */
} slots[SLOTS];
static unsigned long now;
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
        s->used = ++now;
        *code = s->code;
        found = true;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

/* A free slot, or the one that has been without users longest; NULL: all are in use. */
static struct slot *slot_for_new(void)
{
    struct slot *oldest = NULL;
    for (int i = 0; i < SLOTS; i++) {
        struct slot *s = &slots[i];
        if (!s->code.primitive)
            return s;
        if (!s->users && (!oldest || s->used < oldest->used))
            oldest = s;
    }
    return oldest;
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
        s->used = ++now;
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
