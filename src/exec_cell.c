/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_cell: small buffers are kept by classes of size, four to a power of two, last used first.
 * Large ones are not kept here: pages knows better what lies idle.
 */
#include "exec_cell.h"

#include "k_layout.h"

#include <string.h>

enum { SMALLEST = 64, LARGE = 128 << 10, LOOSE = 8 };

/* Class k holds buffers of (4 + k % 4) << (k / 4) * SMALLEST / 4 bytes. */
static size_t class_size(int k)
{
    return (size_t)(4 + k % 4) << (k / 4) << 4;
}

static int class_of(size_t size)
{
    int k = 0;
    if (size > SMALLEST)
        k = 4 * (63 - __builtin_clzll((unsigned long long)(size - 1) / SMALLEST));
    while (class_size(k) < size)
        k++;
    return k;
}

struct pool *pool_open(void)
{
    struct arena arena = {0};
    struct pool *p = NEW(&arena, struct pool);
    p->arena = arena;
    p->users = 1;
    return p;
}

void pool_leave(struct pool *p)
{
    if (--p->users)
        return;
    for (int k = 0; k < N_CLASSES; k++)
        for (struct buffer *b = p->free[k]; b; b = b->next)
            mem_free(b->data);
    arena_release(&p->scratch);
    struct arena arena = p->arena;
    arena_release(&arena);
}

static struct buffer *head_take(struct pool *p)
{
    struct buffer *b = p->spare ? p->spare : NEW(&p->arena, struct buffer);
    p->spare = b->next;
    return b;
}

/* A free small buffer of up to four times the size is better than one more. */
static struct buffer *small_take(struct pool *p, size_t size)
{
    int k = class_of(size), fit = k;
    while (fit < N_CLASSES - 1 && fit < k + LOOSE && !p->free[fit])
        fit++;
    struct buffer *b = p->free[fit];
    if (b) {
        p->free[fit] = b->next;
        return b;
    }
    b = head_take(p);
    b->size = class_size(k);
    b->data = mem_alloc(b->size);
    return b;
}

static struct buffer *large_take(struct pool *p, size_t size)
{
    struct buffer *b = head_take(p);
    b->size = size;
    b->data = mem_alloc(size);
    return b;
}

struct buffer *buffer_take(struct pool *p, size_t size)
{
    struct buffer *b = size <= LARGE ? small_take(p, size) : large_take(p, size);
    b->cells = 0;
    b->n_held = 0;
    return b;
}

static void buffer_give(struct pool *p, struct buffer *b)
{
    struct buffer **list = b->size <= LARGE ? &p->free[class_of(b->size)] : &p->spare;
    if (list == &p->spare)
        mem_free(b->data);
    b->next = *list;
    *list = b;
}

void buffer_drop(struct pool *p, struct buffer *b)
{
    if (--b->cells)
        return;
    for (int64_t i = 0; i < b->n_held; i++)
        if (b->held[i])
            buffer_drop(p, b->held[i]);
    b->n_held = 0;
    buffer_give(p, b);
}

static struct cell *cell_add(struct pool *p, struct cell **forms, enum face face,
                             const struct tensor *t, struct buffer *buffer)
{
    struct cell *c = p->cells;
    if (c)
        p->cells = c->next;
    else
        c = NEW(&p->arena, struct cell);
    *c = (struct cell){.face = face, .t = *t, .buffer = buffer, .next = *forms};
    *forms = c;
    if (buffer)
        buffer->cells++;
    return c;
}

struct cell *cell_new(struct pool *p, struct cell **forms, enum face face, const struct tensor *t)
{
    size_t size = dtype_size(t->dtype, tensor_count(t));
    struct cell *c = cell_add(p, forms, face, t, buffer_take(p, size));
    c->t.data = c->buffer->data;
    c->t.size = size;
    c->t.origin = NULL;
    return c;
}

struct cell *cell_share(struct pool *p, struct cell **forms, enum face face,
                        const struct tensor *t, const struct cell *of)
{
    struct cell *c = cell_add(p, forms, face, t, of ? of->buffer : NULL);
    if (of)
        c->t.data = of->t.data;
    c->t.size = dtype_size(t->dtype, tensor_count(t));
    c->t.origin = NULL;
    return c;
}

struct cell *cell_in(struct pool *p, struct cell **forms, enum face face, const struct tensor *t,
                     struct buffer *buffer)
{
    struct cell *c = cell_add(p, forms, face, t, buffer);
    c->t.origin = NULL;
    return c;
}

struct cell *cell_find(struct cell *forms, enum face face, enum layout layout)
{
    for (; forms; forms = forms->next)
        if (forms->face == face && forms->t.layout == layout)
            return forms;
    return NULL;
}

void cell_free(struct pool *p, struct cell **forms, struct cell *c)
{
    while (*forms != c)
        forms = &(*forms)->next;
    *forms = c->next;
    if (c->buffer)
        buffer_drop(p, c->buffer);
    c->next = p->cells;
    p->cells = c;
}

void cells_free(struct pool *p, struct cell **forms)
{
    while (*forms)
        cell_free(p, forms, *forms);
}

bool layouts_agree(const struct shape *s)
{
    return s->rank < 3 || s->dim[1] <= 1 || shape_span(s, 2, s->rank) <= 1;
}

bool layout_converts(enum dtype t)
{
    int bits = dtype_info(t)->bits;
    return bits == 8 || bits == 16 || bits == 32 || bits == 64;
}

struct cell *cell_layout(struct pool *p, struct cell **forms, const struct cell *from,
                         enum layout layout)
{
    const struct shape *s = &from->t.shape;
    struct tensor t = from->t;
    t.layout = layout;
    if (layouts_agree(s)) {
        const struct cell *own = *forms;
        while (own && own != from)
            own = own->next;
        return cell_share(p, forms, from->face, &t, own);
    }
    struct cell *c = cell_new(p, forms, from->face, &t);
    int64_t channels = s->dim[1], span = shape_span(s, 2, s->rank);
    bool last = layout == LAYOUT_CHANNELS_LAST;
    k_transpose(c->t.data, from->t.data, dtype_size(t.dtype, 1), s->dim[0],
                last ? channels : span, last ? span : channels);
    return c;
}
