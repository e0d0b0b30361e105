/* SPDX-License-Identifier: Apache-2.0
 *
 * pages: idle pieces are linked through their first bytes, the last used first.
 */
#include "pages.h"

#include "err.h"

#include <pthread.h>
#include <sys/mman.h>

enum { IDLE_MOST = 256 << 20 };

struct idle {
    struct idle *next;
    size_t size;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct idle *first;
static size_t total;      /* bytes of the idle ones */
static size_t used, most; /* bytes that are given out, and the most that ever were */

static struct idle *take_off(struct idle **at)
{
    struct idle *p = *at;
    *at = p->next;
    total -= p->size;
    return p;
}

/* The smallest that serves, and is not too large for it; NULL: none. */
static struct idle *find(size_t size, size_t largest)
{
    struct idle **best = NULL;
    for (struct idle **p = &first; *p; p = &(*p)->next)
        if ((*p)->size >= size && (*p)->size <= largest
            && (!best || (*p)->size < (*best)->size))
            best = p;
    return best ? take_off(best) : NULL;
}

/* Unmaps those that were not used for longest, until no more than `limit` bytes are idle. */
static void cut(size_t limit)
{
    while (total > limit) {
        struct idle **last = &first;
        while ((*last)->next)
            last = &(*last)->next;
        size_t size = (*last)->size;
        munmap(take_off(last), size);
    }
}

static void *map_more(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        die("out of memory (%zu more bytes wanted)", size);
    return p;
}

/* Some of what is given out is never touched, so the most was a little less than it seems. */
static size_t idle_limit(void)
{
    size_t peak = most - most / 8;
    return peak > used ? peak - used : 0;
}

static void *take(size_t *size, size_t largest, bool *clear)
{
    pthread_mutex_lock(&lock);
    struct idle *p = find(*size, largest);
    *clear = !p;
    if (p)
        *size = p->size;
    used += *size;
    most = used > most ? used : most;
    if (!p)
        cut(idle_limit());
    pthread_mutex_unlock(&lock);
    return p ? p : map_more(*size);
}

void *pages_take(size_t *size, bool *clear)
{
    return take(size, *size + *size / 4, clear);
}

void *pages_take_briefly(size_t *size, bool *clear)
{
    return take(size, *size * 4, clear);
}

void *pages_take_clear(size_t size)
{
    bool clear;
    return take(&size, 0, &clear);
}

void pages_give(void *p, size_t size)
{
    struct idle *idle = p;
    pthread_mutex_lock(&lock);
    *idle = (struct idle){first, size};
    first = idle;
    total += size;
    used -= size;
    cut(IDLE_MOST);
    pthread_mutex_unlock(&lock);
}
