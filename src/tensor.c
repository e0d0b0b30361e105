/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor: shapes and small constructors.
 */
#include "tensor.h"

#include "err.h"
#include "k_convert.h"

#include <stdio.h>
#include <string.h>

int64_t shape_count(const struct shape *s)
{
    if (s->rank < 0)
        return -1;
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0)
            return -1;
        if (__builtin_mul_overflow(n, s->dim[i], &n))
            die("a tensor of shape %s is too large", shape_text(s, (char[SHAPE_TEXT]){0}));
    }
    return n;
}

int64_t shape_span(const struct shape *s, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++)
        n *= s->dim[i];
    return n;
}

bool shape_known(const struct shape *s)
{
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] < 0)
            return false;
    return s->rank >= 0;
}

bool shape_equal(const struct shape *a, const struct shape *b)
{
    return a->rank == b->rank
        && (a->rank < 1 || !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]));
}

struct shape shape_of(int rank, const int64_t *dim)
{
    struct shape s = {.rank = rank};
    for (int i = 0; i < rank; i++)
        s.dim[i] = dim[i];
    return s;
}

char *shape_text(const struct shape *s, char buf[SHAPE_TEXT])
{
    if (s->rank < 0) {
        snprintf(buf, SHAPE_TEXT, "[...]");
        return buf;
    }
    int n = 1;
    buf[0] = '[';
    for (int i = 0; i < s->rank; i++) {
        if (i)
            buf[n++] = ',';
        if (s->dim[i] < 0)
            buf[n++] = '?';
        else
            n += snprintf(buf + n, (size_t)(SHAPE_TEXT - n), "%lld", (long long)s->dim[i]);
    }
    buf[n++] = ']';
    buf[n] = 0;
    return buf;
}

int shape_axis(const struct shape *s, int64_t axis)
{
    if (axis < 0)
        axis += s->rank;
    return axis < 0 || axis >= s->rank ? -1 : (int)axis;
}

static struct tensor *tensor_of(struct arena *a, enum dtype dtype, const struct shape *shape)
{
    int64_t n = shape_count(shape);
    if (n < 0)
        BUG("a tensor of unknown shape has no memory");
    struct tensor *t = NEW(a, struct tensor);
    t->dtype = dtype;
    t->shape = *shape;
    t->size = dtype_size(dtype, n);
    return t;
}

struct tensor *tensor_new(struct arena *a, enum dtype dtype, const struct shape *shape)
{
    struct tensor *t = tensor_of(a, dtype, shape);
    t->data = arena_alloc(a, t->size ? t->size : 1);
    return t;
}

struct tensor *tensor_buffer(struct arena *a, enum dtype dtype, const struct shape *shape)
{
    struct tensor *t = tensor_of(a, dtype, shape);
    t->data = arena_buffer(a, t->size ? t->size : 1, 1);
    return t;
}

struct tensor *tensor_scalar(struct arena *a, enum dtype dtype, double v)
{
    struct tensor *t = tensor_new(a, dtype, &(struct shape){.rank = 0});
    dtype_store(dtype, t->data, 0, v);
    return t;
}

struct tensor *tensor_from_i64(struct arena *a, const int64_t *v, int64_t n)
{
    struct tensor *t = tensor_new(a, DTYPE_I64, &(struct shape){1, {n}});
    if (n)
        memcpy(t->data, v, t->size);
    return t;
}

struct tensor *tensor_from_f32(struct arena *a, const float *v, int64_t n)
{
    struct tensor *t = tensor_new(a, DTYPE_F32, &(struct shape){1, {n}});
    if (n)
        memcpy(t->data, v, t->size);
    return t;
}

int64_t tensor_count(const struct tensor *t)
{
    return shape_count(&t->shape);
}

const struct tensor *tensor_to_f32(struct arena *a, const struct tensor *t)
{
    if (t->dtype == DTYPE_F32)
        return t;
    struct tensor *f = tensor_new(a, DTYPE_F32, &t->shape);
    k_load_f32(t->dtype, t->data, 0, 1, tensor_count(t), tensor_f32(f));
    return f;
}
