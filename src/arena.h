/* SPDX-License-Identifier: Apache-2.0
 *
 * arena: memory that lives as long as its owner.
 *
 * What an arena gives is zeroed, aligned to 64 bytes, and never NULL: out of memory ends the
 * program with one message. Large pieces get a mapping of their own, so that peak memory is what
 * was touched. An arena belongs to one thread at a time.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *blocks;  /* small pieces; the first is being filled */
    struct arena_block *large;   /* pieces with a mapping of their own */
    struct arena_block *buffers; /* of arena_buffer() */
    size_t used;                 /* bytes handed out since the last reset */
};

void *arena_alloc(struct arena *a, size_t n);
/* n * size bytes; ends the program where the product overflows. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* The same, not cleared. For what an operator needs while it runs: what arena_reset() gives back
 * serves later ones (pages.h). */
void *arena_buffer(struct arena *a, size_t n, size_t size);
void *arena_copy(struct arena *a, const void *from, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Gives everything back but keeps one block for the next use. */
void arena_reset(struct arena *a);
void arena_release(struct arena *a);
/* What `from` holds is `to`'s from now on; `from` is empty. */
void arena_join(struct arena *to, struct arena *from);
/* Bytes of the large piece at p, 128 KiB or more; 0: it is none. And gives it back alone. */
size_t arena_piece(struct arena *a, const void *p);
void arena_drop(struct arena *a, const void *p);

/* For the few buffers that must grow or be given back one by one (vec, map, exec): as malloc and
 * free, aligned to 64 bytes, not zeroed; never NULL. */
void *mem_alloc(size_t n);
void mem_free(void *p);

/* Once, at the start of the program: large buffers that are freed go back to the system. */
void mem_startup(void);

#define NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define NEW_ARRAY(arena, n, type) ((type *)arena_array((arena), (size_t)(n), sizeof(type)))
#define NEW_BUFFER(arena, n, type) ((type *)arena_buffer((arena), (size_t)(n), sizeof(type)))

#endif
