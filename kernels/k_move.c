/* SPDX-License-Identifier: Apache-2.0
 *
 * k_move: rows that are contiguous on both sides are memcpy; two axes that change places go in
 * square tiles, so that neither side jumps through memory for each element.
 */
#include "k_move.h"

#include "k_loop.h"
#include "k_simd.h"

#include <string.h>

struct pair {
    uint64_t a, b;
};

#define ROW(type)                                                                                  \
    do {                                                                                           \
        type *to = (type *)dst;                                                                    \
        const type *from = (const type *)src;                                                      \
        if (ss == 0 && ds == 1) {                                                                  \
            const type v = *from;                                                                  \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i] = v;                                                                         \
        } else if (ss == 2 && ds == 1) {                                                           \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i] = from[2 * i];                                                               \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i * ds] = from[i * ss];                                                         \
        }                                                                                          \
    } while (0)

K_CLONES static void move_row(void *dst, const void *src, size_t item, int64_t n, int64_t ds,
                              int64_t ss)
{
    if (ds == 1 && ss == 1) {
        memcpy(dst, src, (size_t)n * item);
        return;
    }
    switch (item) {
    case 1: ROW(uint8_t); break;
    case 2: ROW(uint16_t); break;
    case 4: ROW(uint32_t); break;
    case 8: ROW(uint64_t); break;
    default: ROW(struct pair); break;
    }
}

/* One axis of rows. Short ones, the channels of a pixel, are not worth a call of memcpy each. */
static void move_rows(char *dst, const char *src, size_t item, int64_t rows, int64_t to_next,
                      int64_t from_next, int64_t n, int64_t ds, int64_t ss)
{
    enum { WORD = 4, VECTOR = 16, LINE = 64, SHORT = 256 };
    size_t bytes = (size_t)n * item;
    bool dense = ds == 1 && ss == 1 && bytes <= SHORT && bytes % WORD == 0;
    for (int64_t r = 0; r < rows; r++, dst += to_next, src += from_next) {
        if (!dense)
            move_row(dst, src, item, n, ds, ss);
        else if (bytes % LINE == 0)
            for (size_t i = 0; i < bytes; i += LINE)
                memcpy(dst + i, src + i, LINE);
        else if (bytes % VECTOR == 0)
            for (size_t i = 0; i < bytes; i += VECTOR)
                memcpy(dst + i, src + i, VECTOR);
        else
            for (size_t i = 0; i < bytes; i += WORD)
                memcpy(dst + i, src + i, WORD);
    }
}

enum { TILE = 16 };

#define SQUARE(type)                                                                               \
    do {                                                                                           \
        type *to = (type *)dst;                                                                    \
        const type *from = (const type *)src;                                                      \
        for (int64_t r = r0; r < r1; r++)                                                          \
            for (int64_t i = i0; i < i1; i++)                                                      \
                to[r * ds + i] = from[r + i * ss];                                                 \
    } while (0)

/* dst[r][i] = src[i][r]: rows of the destination are ds apart, rows of the source ss. */
static void move_plane(void *dst, const void *src, size_t item, int64_t rows, int64_t n, int64_t ds,
                       int64_t ss)
{
    for (int64_t r0 = 0; r0 < rows; r0 += TILE)
        for (int64_t i0 = 0; i0 < n; i0 += TILE) {
            int64_t r1 = r0 + TILE < rows ? r0 + TILE : rows, i1 = i0 + TILE < n ? i0 + TILE : n;
            switch (item) {
            case 1: SQUARE(uint8_t); break;
            case 2: SQUARE(uint16_t); break;
            case 4: SQUARE(uint32_t); break;
            case 8: SQUARE(uint64_t); break;
            default: SQUARE(struct pair); break;
            }
        }
}

/* Is there an axis along which the source is contiguous, where the last axis is not it? It is
 * taken out of the loop, which then walks planes. */
static bool take_crossing_axis(struct k_loop *l, int64_t *rows, int64_t *ds)
{
    int last = l->rank - 1;
    if (last == 0 || l->stride[0][last] != 1 || l->stride[1][last] <= 1 || l->dim[last] < 4)
        return false;
    for (int i = 0; i < last; i++) {
        if (l->stride[1][i] != 1 || l->dim[i] < 4)
            continue;
        *rows = l->dim[i];
        *ds = l->stride[0][i];
        l->dim[i] = 1;
        return true;
    }
    return false;
}

void k_move(void *dst, const void *src, size_t item, int rank, const int64_t *dim,
            const int64_t *dst_stride, const int64_t *src_stride)
{
    struct k_loop l;
    const int64_t *stride[] = {dst_stride, src_stride};
    k_loop_init(&l, rank, dim, 2, stride);
    int64_t rows = 1, ds = 0, n = l.dim[l.rank - 1];
    int64_t step = (int64_t)item, to = l.stride[0][l.rank - 1], from = l.stride[1][l.rank - 1];
    bool planes = take_crossing_axis(&l, &rows, &ds);
    int64_t to_next = 0, from_next = 0;
    if (!k_loop_first(&l))
        return;
    if (!planes && l.rank > 1) {
        rows = l.dim[l.rank - 2];
        to_next = l.stride[0][l.rank - 2] * step;
        from_next = l.stride[1][l.rank - 2] * step;
        l.dim[l.rank - 2] = 1;
    }
    do {
        char *d = (char *)dst + l.at[0] * step;
        const char *s = (const char *)src + l.at[1] * step;
        if (planes)
            move_plane(d, s, item, rows, n, ds, from);
        else
            move_rows(d, s, item, rows, to_next, from_next, n, to, from);
    } while (k_loop_next(&l));
}

#define PICK(type)                                                                                 \
    do {                                                                                           \
        type *to = (type *)dst;                                                                    \
        const type *from = (const type *)src;                                                      \
        for (int64_t i = 0; i < n; i++)                                                            \
            to[i * ds] = from[offset[i]];                                                          \
    } while (0)

static void pick_row(void *dst, const void *src, size_t item, int64_t n, int64_t ds,
                     const int64_t *offset)
{
    switch (item) {
    case 1: PICK(uint8_t); break;
    case 2: PICK(uint16_t); break;
    case 4: PICK(uint32_t); break;
    case 8: PICK(uint64_t); break;
    default: PICK(struct pair); break;
    }
}

static bool is_run(const int64_t *offset, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (offset[i] != offset[0] + i)
            return false;
    return true;
}

void k_pick(void *dst, const void *src, size_t item, int rank, const int64_t *dim,
            const int64_t *dst_stride, const int64_t *const *offset)
{
    int64_t zero = 0, index[K_LOOP_RANK] = {0};
    int axis[K_LOOP_RANK], n_axes = 0, inner = -1;
    for (int i = 0; i < rank; i++)
        if (dim[i] == 0)
            return;
    /* the axis that is contiguous in the destination goes inside, the others around it */
    for (int i = 0; i < rank; i++)
        if (dim[i] > 1 && (inner < 0 || dst_stride[i] < dst_stride[inner]))
            inner = i;
    int64_t fixed = 0, n = inner < 0 ? 1 : dim[inner], ds = inner < 0 ? 1 : dst_stride[inner];
    const int64_t *row = inner < 0 ? &zero : offset[inner];
    for (int i = 0; i < rank; i++) {
        if (dim[i] == 1)
            fixed += offset[i][0];
        else if (i != inner)
            axis[n_axes++] = i;
    }
    bool run = ds == 1 && is_run(row, n);
    int k;
    do {
        int64_t to = 0, from = fixed;
        for (int i = 0; i < n_axes; i++) {
            to += index[i] * dst_stride[axis[i]];
            from += offset[axis[i]][index[i]];
        }
        char *d = (char *)dst + to * (int64_t)item;
        const char *s = (const char *)src + from * (int64_t)item;
        if (run)
            memcpy(d, s + row[0] * (int64_t)item, (size_t)n * item);
        else
            pick_row(d, s, item, n, ds, row);
        for (k = n_axes - 1; k >= 0 && ++index[k] == dim[axis[k]]; k--)
            index[k] = 0;
    } while (k >= 0);
}

void k_fill(void *dst, const void *element, size_t item, int64_t n)
{
    move_row(dst, element, item, n, 1, 0);
}
