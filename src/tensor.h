/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor: a view of typed memory. It owns nothing: the memory belongs to an arena, a mapping or
 * the executor. Shapes are always logical (ONNX's axis order); only the executor and the kernels
 * behind it meet data that is stored channels-last.
 *
 * A sequence passes for a tensor of rank 1: its data is an array of struct tensor, the elements,
 * with size 0. What is known of a sequence without its data is only its dtype.
 */
#ifndef TENSOR_H
#define TENSOR_H

#include "arena.h"
#include "dtype.h"

enum { MAX_RANK = 8 };

struct shape {
    int rank;               /* -1: unknown */
    int64_t dim[MAX_RANK];  /* -1: unknown */
};

enum layout {
    LAYOUT_PLAIN,         /* row-major in the order of the shape */
    LAYOUT_CHANNELS_LAST, /* rank >= 3: stored as N, spatial axes ..., C */
};

struct tensor {
    enum dtype dtype;
    enum layout layout;
    struct shape shape;
    void *data;         /* dense, native endian; NULL: only the type is known */
    size_t size;        /* bytes behind data */
    const void *origin; /* the message it was read from; only onnx_* looks */
};

/* Elements; -1: not fully known. Rank 0 has one. */
int64_t shape_count(const struct shape *s);
/* Product of dims from..to-1; all must be known. */
int64_t shape_span(const struct shape *s, int from, int to);
bool shape_known(const struct shape *s);
bool shape_equal(const struct shape *a, const struct shape *b);
struct shape shape_of(int rank, const int64_t *dim);
/* Writes "[1,3,?,32]"; returns buf. */
enum { SHAPE_TEXT = MAX_RANK * 22 + 4 };
char *shape_text(const struct shape *s, char buf[SHAPE_TEXT]);
/* axis counted from the end where negative; -1: out of range. */
int shape_axis(const struct shape *s, int64_t axis);

/* A tensor with zeroed memory; every dim must be known and not negative. */
struct tensor *tensor_new(struct arena *a, enum dtype dtype, const struct shape *shape);
/* The same, not cleared, in memory that arena_reset() keeps. */
struct tensor *tensor_buffer(struct arena *a, enum dtype dtype, const struct shape *shape);
/* Rank 0 or 1, filled. */
struct tensor *tensor_scalar(struct arena *a, enum dtype dtype, double v);
struct tensor *tensor_from_i64(struct arena *a, const int64_t *v, int64_t n);
struct tensor *tensor_from_f32(struct arena *a, const float *v, int64_t n);
int64_t tensor_count(const struct tensor *t);
/* Any dtype as float in the arena; the tensor itself where it is float already. */
const struct tensor *tensor_to_f32(struct arena *a, const struct tensor *t);
/* Element i of any numeric dtype. */
static inline double tensor_get(const struct tensor *t, int64_t i)
{
    return dtype_load(t->dtype, t->data, i);
}
static inline int64_t tensor_get_int(const struct tensor *t, int64_t i)
{
    return dtype_load_int(t->dtype, t->data, i);
}
/* The data of a float tensor. */
static inline float *tensor_f32(const struct tensor *t)
{
    return t->data;
}

#endif
