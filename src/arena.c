/* SPDX-License-Identifier: Apache-2.0
 *
 * arena: blocks for small pieces, each twice as large as the one before, up to 256 KiB, since there
 * are many arenas that hold little; one anonymous mapping for each large piece.
 * Mappings arrive zeroed; a block that is used again is zeroed piece by piece.
 */
#include "arena.h"

#include "err.h"
#include "pages.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, FIRST_BLOCK = 16 << 10, BLOCK = 256 << 10, LARGE = 128 << 10 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* of the whole mapping, this head included */
    size_t fill;
    size_t dirty; /* bytes at the head that may not be zero */
};

/* An address sanitizer knows the bounds only of what the C library gives. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif

_Static_assert(sizeof(struct arena_block) <= ALIGN, "the head of a block fits one line");

static struct arena_block *block_new(size_t size)
{
    bool clear;
    struct arena_block *b = pages_take(size, &clear);
    *b = (struct arena_block){.size = size, .fill = ALIGN, .dirty = clear ? 0 : size};
    return b;
}

static struct arena_block *block_new_clear(size_t size)
{
    struct arena_block *b = pages_take_clear(size);
    b->size = size;
    return b;
}

static void blocks_free(struct arena_block *b, void give(void *p, size_t size))
{
    while (b) {
        struct arena_block *next = b->next;
        give(b, b->size);
        b = next;
    }
}

static size_t rounded(size_t n)
{
    if (n > SIZE_MAX / 2)
        die("out of memory (%zu more bytes wanted)", n);
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static size_t product(size_t n, size_t size)
{
    if (size && n > SIZE_MAX / 2 / size)
        die("out of memory (%zu times %zu bytes wanted)", n, size);
    return n * size;
}

/* Of the block behind `last` (NULL: the first), for a piece of n bytes. */
static size_t block_size(const struct arena_block *last, size_t n)
{
    size_t size = last ? last->size * 2 : FIRST_BLOCK;
    while (size < ALIGN + n)
        size *= 2;
    return size < BLOCK ? size : BLOCK;
}

void *arena_alloc(struct arena *a, size_t n)
{
    n = rounded(n);
    a->used += n;
    if (n >= LARGE) {
        struct arena_block *b = block_new_clear(ALIGN + n);
        b->next = a->large;
        a->large = b;
        return (char *)b + ALIGN;
    }
    struct arena_block *b = a->blocks;
    if (!b || b->size - b->fill < n) {
        b = block_new(block_size(b, n));
        b->next = a->blocks;
        a->blocks = b;
    }
    char *p = (char *)b + b->fill;
    if (b->fill < b->dirty)
        memset(p, 0, n < b->dirty - b->fill ? n : b->dirty - b->fill);
    b->fill += n;
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    return arena_alloc(a, product(n, size));
}

void *arena_buffer(struct arena *a, size_t n, size_t size)
{
    n = rounded(product(n, size));
    if (n < LARGE)
        return arena_alloc(a, n);
    struct arena_block *b = block_new(ALIGN + n);
    b->next = a->buffers;
    a->buffers = b;
    a->used += n;
    return (char *)b + ALIGN;
}

void *arena_copy(struct arena *a, const void *from, size_t n)
{
    void *p = arena_alloc(a, n);
    if (n)
        memcpy(p, from, n);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_copy(a, s, strlen(s) + 1);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char probe[1];
    int n = vsnprintf(probe, sizeof probe, fmt, ap);
    va_end(ap);
    char *s = arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}

void arena_reset(struct arena *a)
{
    blocks_free(a->large, pages_give_clear);
    blocks_free(a->buffers, pages_give);
    a->large = a->buffers = NULL;
    a->used = 0;
    struct arena_block *b = a->blocks;
    if (!b)
        return;
    blocks_free(b->next, pages_give);
    b->next = NULL;
    b->dirty = b->fill > b->dirty ? b->fill : b->dirty;
    b->fill = ALIGN;
}

void arena_release(struct arena *a)
{
    blocks_free(a->blocks, pages_give);
    blocks_free(a->large, pages_give_clear);
    blocks_free(a->buffers, pages_give);
    memset(a, 0, sizeof *a);
}

/* Puts the list `from` in front of `to`. */
static struct arena_block *blocks_join(struct arena_block *from, struct arena_block *to)
{
    struct arena_block *last = from;
    if (!from)
        return to;
    while (last->next)
        last = last->next;
    last->next = to;
    return from;
}

void arena_join(struct arena *to, struct arena *from)
{
    struct arena_block **rest = to->blocks ? &to->blocks->next : &to->blocks;
    *rest = blocks_join(from->blocks, *rest);
    to->large = blocks_join(from->large, to->large);
    to->buffers = blocks_join(from->buffers, to->buffers);
    to->used += from->used;
    memset(from, 0, sizeof *from);
}

static struct arena_block **find_large(struct arena *a, const void *p)
{
    struct arena_block **b = &a->large;
    while (*b && (const char *)*b + ALIGN != p)
        b = &(*b)->next;
    return b;
}

size_t arena_piece(struct arena *a, const void *p)
{
    struct arena_block *b = *find_large(a, p);
    return b ? b->size - ALIGN : 0;
}

void arena_drop(struct arena *a, const void *p)
{
    struct arena_block **at = find_large(a, p), *b = *at;
    if (!b)
        return;
    *at = b->next;
    pages_give_clear(b, b->size);
}

/* Left alone, the C library learns to keep ever larger pieces, and peak memory is their sum. */
void mem_startup(void)
{
    enum { LARGE_BUFFER = 1 << 20 };
    mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER);
}

/* In front of what mem_alloc() gives. */
struct mem_head {
    size_t size; /* of pages; 0: it is the C library's */
};

void *mem_alloc(size_t n)
{
    size_t size = ALIGN + rounded(n);
    bool clear, paged = size >= LARGE;
#ifdef SANITIZED
    paged = false;
#endif
    struct mem_head *h = paged ? pages_take(size, &clear) : aligned_alloc(ALIGN, size);
    if (!h)
        die("out of memory (%zu more bytes wanted)", n);
    h->size = paged ? size : 0;
    return (char *)h + ALIGN;
}

void mem_free(void *p)
{
    if (!p)
        return;
    struct mem_head *h = (struct mem_head *)((char *)p - ALIGN);
    if (h->size)
        pages_give(h, h->size);
    else
        free(h);
}
