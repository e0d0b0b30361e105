/* SPDX-License-Identifier: Apache-2.0
 *
 * pages: pieces are cut from wide mappings, at the lowest address that has room, so that what is
 * in use stays together. What is free is listed by address; the highest goes back first.
 */
#include "pages.h"

#include "err.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4 << 10, FIELD = 256 << 20, IDLE_MOST = 256 << 20 };

struct range {
    char *at;
    size_t size;
    bool idle; /* was in use; otherwise no memory is behind it yet */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct range *range; /* neighbours that are alike are one */
static int n_ranges, room;
static size_t idle;       /* bytes of the idle ones */
static size_t used, most; /* bytes that are given out, and the most that ever were */

static size_t rounded(size_t size)
{
    return (size + PAGE - 1) / PAGE * PAGE;
}

static void *map_more(size_t size, int more)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | more, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void die_of(size_t size)
{
    die("out of memory (%zu more bytes wanted)", size);
}

static void remove_ranges(int i, int n)
{
    memmove(range + i, range + i + n, (size_t)(n_ranges - i - n) * sizeof *range);
    n_ranges -= n;
}

static void grow_list(void)
{
    size_t size = (size_t)room * sizeof *range, more = size ? size * 2 : PAGE;
    struct range *wider = map_more(more, 0);
    if (!wider)
        die_of(more);
    if (size) {
        memcpy(wider, range, size);
        munmap(range, size);
    }
    range = wider;
    room = (int)(more / sizeof *range);
}

/* Lists a free range; returns where. */
static int insert(struct range r)
{
    int lo = 0, hi = n_ranges;
    while (lo < hi) {
        int middle = (lo + hi) / 2;
        if (range[middle].at < r.at)
            lo = middle + 1;
        else
            hi = middle;
    }
    if (n_ranges == room)
        grow_list();
    memmove(range + lo + 1, range + lo, (size_t)(n_ranges - lo) * sizeof *range);
    range[lo] = r;
    n_ranges++;
    return lo;
}

static bool touches(int i, int k)
{
    return i >= 0 && k < n_ranges && range[i].at + range[i].size == range[k].at;
}

/* Lists a free range as one with neighbours that are alike. */
static void add(struct range r)
{
    int i = insert(r);
    if (touches(i, i + 1) && range[i].idle == range[i + 1].idle) {
        range[i].size += range[i + 1].size;
        remove_ranges(i + 1, 1);
    }
    if (touches(i - 1, i) && range[i - 1].idle == range[i].idle) {
        range[i - 1].size += range[i].size;
        remove_ranges(i, 1);
    }
}

/* The first idle range that has room, or the first of ranges that have it together; -1: there are
 * none. */
static int find(size_t size)
{
    size_t together = 0;
    for (int i = 0; i < n_ranges; i++)
        if (range[i].idle && range[i].size >= size)
            return i;
    for (int i = 0, first = 0; i < n_ranges; i++) {
        if (i && !touches(i - 1, i))
            together = 0;
        if (!together)
            first = i;
        together += range[i].size;
        if (together >= size)
            return first;
    }
    return -1;
}

/* Takes the first bytes off the ranges from i on, which lie together. */
static char *cut_off(int i, size_t size, bool *clear)
{
    char *p = range[i].at;
    *clear = true;
    for (int whole = 0;; whole++) {
        struct range *r = &range[i + whole];
        size_t part = r->size < size ? r->size : size;
        *clear = *clear && !r->idle;
        idle -= r->idle ? part : 0;
        size -= part;
        if (part < r->size || !size) {
            r->at += part;
            r->size -= part;
            remove_ranges(i, whole + !r->size);
            return p;
        }
    }
}

/* Gives back the memory of idle ranges, the last ones first, until no more than this is idle. */
static void trim(size_t limit)
{
    for (int i = n_ranges - 1; i >= 0 && idle > limit; i--) {
        struct range r = range[i];
        if (!r.idle)
            continue;
        size_t part = idle - limit < r.size ? rounded(idle - limit) : r.size;
        char *at = r.at + r.size - part;
        madvise(at, part, MADV_DONTNEED);
        idle -= part;
        range[i].size -= part;
        if (!range[i].size)
            remove_ranges(i, 1);
        add((struct range){at, part, false});
    }
}

/* So much more is in use. */
static void count(size_t size)
{
    used += size;
    most = used > most ? used : most;
    trim(most - used);
}

void *pages_take(size_t size, bool *clear)
{
    size = rounded(size);
    pthread_mutex_lock(&lock);
    int i = find(size);
    if (i < 0) {
        size_t field = size < FIELD ? FIELD : size;
        char *p = map_more(field, MAP_NORESERVE);
        if (!p)
            die_of(size);
        add((struct range){p, field, false});
        i = find(size);
    }
    char *p = cut_off(i, size, clear);
    count(size);
    pthread_mutex_unlock(&lock);
    return p;
}

void pages_give(void *p, size_t size)
{
    size = rounded(size);
    pthread_mutex_lock(&lock);
    add((struct range){p, size, true});
    idle += size;
    used -= size;
    trim(IDLE_MOST);
    pthread_mutex_unlock(&lock);
}

void *pages_take_clear(size_t size)
{
    size = rounded(size);
    pthread_mutex_lock(&lock);
    count(size);
    pthread_mutex_unlock(&lock);
    void *p = map_more(size, 0);
    if (!p)
        die_of(size);
    return p;
}

void pages_give_clear(void *p, size_t size)
{
    size = rounded(size);
    munmap(p, size);
    pthread_mutex_lock(&lock);
    used -= size;
    pthread_mutex_unlock(&lock);
}
