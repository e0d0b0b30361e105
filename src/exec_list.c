/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_list: the buffer of a list holds its elements' tensors and, behind as many of them as there
 * is room for, the buffers that these lie in.
 */
#include "exec_list.h"

#include <inttypes.h>
#include <string.h>

enum { ITEM = sizeof(struct tensor) + sizeof(struct buffer *), FEW = 4 };

static int64_t room_of(const struct buffer *b)
{
    return (int64_t)(b->size / ITEM);
}

/* Empty, with room for at least n elements. */
static struct buffer *table_new(struct pool *p, int64_t n)
{
    struct buffer *b = buffer_take(p, (size_t)(n < FEW ? FEW : n) * ITEM);
    b->held = (struct buffer **)((struct tensor *)b->data + room_of(b));
    return b;
}

static struct cell *list_of(struct pool *p, struct cell **forms, enum dtype element, int64_t room)
{
    struct tensor t = {.dtype = dtype_sequence(element), .shape = {.rank = 1}};
    struct buffer *b = table_new(p, room);
    t.data = b->data;
    return cell_in(p, forms, FACE_COMPUTED, &t, b);
}

struct cell *list_new(struct pool *p, struct cell **forms, enum dtype element)
{
    return list_of(p, forms, element, 0);
}

int64_t list_count(const struct cell *list)
{
    return list->t.shape.dim[0];
}

const struct tensor *list_at(const struct cell *list, int64_t i)
{
    return (const struct tensor *)list->t.data + i;
}

/* A list that the caller fed has none. */
static struct buffer *buffer_at(const struct cell *list, int64_t i)
{
    return list->buffer ? list->buffer->held[i] : NULL;
}

struct cell *list_copy(struct pool *p, struct cell **forms, const struct cell *from)
{
    int64_t n = list_count(from);
    struct cell *list = list_of(p, forms, dtype_element(from->t.dtype), n + 1);
    for (int64_t i = 0; i < n; i++)
        list_insert(p, list, i, list_at(from, i), buffer_at(from, i));
    return list;
}

struct cell *list_share(struct pool *p, struct cell **forms, const struct cell *list, int64_t i)
{
    return cell_in(p, forms, FACE_COMPUTED, list_at(list, i), buffer_at(list, i));
}

/* The same elements in a larger table. */
static void grow(struct pool *p, struct cell *list)
{
    struct buffer *old = list->buffer, *b = table_new(p, 2 * room_of(old));
    int64_t n = list_count(list);
    memcpy(b->data, old->data, (size_t)n * sizeof(struct tensor));
    memcpy(b->held, old->held, (size_t)n * sizeof *b->held);
    b->n_held = n;
    b->cells = 1;
    old->n_held = 0;
    buffer_drop(p, old);
    list->buffer = b;
    list->t.data = b->data;
}

void list_insert(struct pool *p, struct cell *list, int64_t at, const struct tensor *t,
                 struct buffer *buffer)
{
    int64_t n = list_count(list), after = n - at;
    if (n == room_of(list->buffer))
        grow(p, list);
    struct buffer *b = list->buffer;
    struct tensor *item = (struct tensor *)b->data + at;
    memmove(item + 1, item, (size_t)after * sizeof *item);
    memmove(b->held + at + 1, b->held + at, (size_t)after * sizeof *b->held);
    *item = *t;
    item->origin = NULL;
    b->held[at] = buffer;
    if (buffer)
        buffer->cells++;
    list->t.shape.dim[0] = b->n_held = n + 1;
}

void list_remove(struct pool *p, struct cell *list, int64_t at)
{
    struct buffer *b = list->buffer, *gone = b->held[at];
    struct tensor *item = (struct tensor *)b->data + at;
    int64_t after = list_count(list) - at - 1;
    memmove(item, item + 1, (size_t)after * sizeof *item);
    memmove(b->held + at, b->held + at + 1, (size_t)after * sizeof *b->held);
    list->t.shape.dim[0] = --b->n_held;
    if (gone)
        buffer_drop(p, gone);
}

/* Bytes of an element; 0 with a text where these are not whole. */
static size_t whole_bytes(enum dtype t, struct err *err)
{
    unsigned bits = dtype_info(t)->bits;
    if (!bits || bits % 8)
        err_set(err, ERR_INPUT, "type %s is not supported", dtype_info(t)->name);
    return bits % 8 ? 0 : bits / 8;
}

int list_stack(struct pool *p, const struct cell *list, int64_t axis, bool reverse,
               struct cell **forms, struct err *err)
{
    const struct tensor *first = list_at(list, 0);
    int64_t n = list_count(list);
    size_t item = whole_bytes(first->dtype, err);
    int rank = first->shape.rank + 1;
    if (!item)
        return -1;
    if (rank > MAX_RANK || axis < -rank || axis >= rank)
        return err_set(err, ERR_INPUT, "axis %" PRId64 " is out of range for rank %d", axis, rank);
    int at = (int)(axis < 0 ? axis + rank : axis);
    struct tensor t = {.dtype = first->dtype, .shape.rank = rank};
    for (int d = 0; d < rank; d++)
        t.shape.dim[d] = d == at ? n : first->shape.dim[d - (d > at)];
    int64_t outer = shape_span(&t.shape, 0, at);
    size_t inner = (size_t)shape_span(&t.shape, at + 1, rank) * item;
    char *to = cell_new(p, forms, FACE_COMPUTED, &t)->t.data;
    for (int64_t i = 0; i < n; i++) {
        const struct tensor *x = list_at(list, reverse ? n - 1 - i : i);
        char one[SHAPE_TEXT], two[SHAPE_TEXT];
        if (!shape_equal(&x->shape, &first->shape) || x->dtype != first->dtype)
            return err_set(err, ERR_INPUT, "elements of shapes %s and %s cannot be stacked",
                           shape_text(&first->shape, one), shape_text(&x->shape, two));
        for (int64_t k = 0; k < outer && inner; k++)
            memcpy(to + (size_t)(k * n + i) * inner, (const char *)x->data + (size_t)k * inner,
                   inner);
    }
    return 0;
}

int slice_copy(const struct tensor *x, int axis, int64_t from, int64_t count, void *to,
               struct err *err)
{
    size_t item = whole_bytes(x->dtype, err);
    if (!item)
        return -1;
    int64_t outer = shape_span(&x->shape, 0, axis), n = x->shape.dim[axis];
    size_t inner = (size_t)shape_span(&x->shape, axis + 1, x->shape.rank) * item;
    size_t part = (size_t)count * inner;
    for (int64_t k = 0; k < outer && part; k++)
        memcpy((char *)to + (size_t)k * part,
               (const char *)x->data + (size_t)(k * n + from) * inner, part);
    return 0;
}
