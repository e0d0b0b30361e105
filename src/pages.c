/* SPDX-License-Identifier: Apache-2.0
 *
 * pages: idle pieces are linked through their first bytes, the last used first.
 */
#include "pages.h"

#include "err.h"

#include <pthread.h>
#include <sys/mman.h>

enum { IDLE_MOST = 256 << 20, SLACK = 4 };

struct idle {
    struct idle *next;
    size_t size;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct idle *first;
static size_t total; /* bytes of the idle ones */

static struct idle *take_off(struct idle **at)
{
    struct idle *p = *at;
    *at = p->next;
    total -= p->size;
    return p;
}

/* The smallest that serves, and is not too large for it; NULL: none. */
static struct idle *find(size_t size)
{
    struct idle **best = NULL;
    for (struct idle **p = &first; *p; p = &(*p)->next)
        if ((*p)->size >= size && (*p)->size <= size + size / SLACK
            && (!best || (*p)->size < (*best)->size))
            best = p;
    return best ? take_off(best) : NULL;
}

/* Unmaps those that were not used for longest, until no more than `most` bytes are idle. */
static void cut(size_t most)
{
    while (total > most) {
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

void *pages_take(size_t *size, bool *clear)
{
    pthread_mutex_lock(&lock);
    struct idle *p = find(*size);
    *clear = !p;
    if (p)
        *size = p->size;
    else
        cut(total > *size ? total - *size : 0);
    pthread_mutex_unlock(&lock);
    return p ? p : map_more(*size);
}

void *pages_take_clear(size_t size)
{
    pthread_mutex_lock(&lock);
    cut(total > size ? total - size : 0);
    pthread_mutex_unlock(&lock);
    return map_more(size);
}

void pages_give(void *p, size_t size)
{
    struct idle *idle = p;
    pthread_mutex_lock(&lock);
    *idle = (struct idle){first, size};
    first = idle;
    total += size;
    cut(IDLE_MOST);
    pthread_mutex_unlock(&lock);
}
