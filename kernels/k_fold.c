/* SPDX-License-Identifier: Apache-2.0
 *
 * k_fold: element by element of the block, each a strided copy of one row of blocks after another.
 */
#include "k_fold.h"

#include <string.h>

static int64_t product(const int64_t *dim, int n)
{
    int64_t p = 1;
    for (int i = 0; i < n; i++)
        p *= dim[i];
    return p;
}

/* Position `flat` of an array of these dims, axis by axis. */
static void split(int64_t flat, const int64_t *dim, int n, int64_t *at)
{
    for (int i = n - 1; i >= 0; i--) {
        at[i] = flat % dim[i];
        flat /= dim[i];
    }
}

/* Where the row `row` of blocks (all axes but the last) falls in the image; -1: outside. */
static int64_t row_start(const struct k_fold *f, const int64_t *tap, int64_t row)
{
    int64_t at[K_FOLD_AXES], flat = 0;
    split(row, f->blocks, f->axes - 1, at);
    for (int i = 0; i < f->axes - 1; i++) {
        int64_t p = at[i] * f->stride[i] - f->pad[i] + tap[i] * f->dilation[i];
        if (p < 0 || p >= f->image[i])
            return -1;
        flat = flat * f->image[i] + p;
    }
    return flat * f->image[f->axes - 1];
}

/* Blocks of a row that fall into the image: from *first to before *end. */
static void row_limits(const struct k_fold *f, int64_t tap, int64_t *first, int64_t *end)
{
    int a = f->axes - 1;
    int64_t stride = f->stride[a], shift = tap * f->dilation[a] - f->pad[a];
    int64_t last = f->image[a] - 1 - shift;
    *first = shift < 0 ? (-shift + stride - 1) / stride : 0;
    *end = last < 0 ? 0 : last / stride + 1;
    if (*end > f->blocks[a])
        *end = f->blocks[a];
}

#define FOLD(name, T)                                                                              \
    void name(const struct k_fold *f, const T *x, T *y)                                            \
    {                                                                                              \
        int last = f->axes - 1;                                                                    \
        int64_t taps = product(f->block, f->axes), rows = product(f->blocks, last);                \
        int64_t plane = product(f->image, f->axes), stride = f->stride[last];                      \
        memset(y, 0, (size_t)(f->planes * plane) * sizeof *y);                                     \
        for (int64_t i = 0; i < f->planes * taps; i++) {                                           \
            int64_t tap[K_FOLD_AXES], first, end;                                                  \
            split(i % taps, f->block, f->axes, tap);                                               \
            row_limits(f, tap[last], &first, &end);                                                \
            for (int64_t r = 0; r < rows; r++, x += f->blocks[last]) {                             \
                int64_t start = row_start(f, tap, r);                                              \
                T *to = y + i / taps * plane + start + tap[last] * f->dilation[last];              \
                for (int64_t k = first; k < end && start >= 0; k++)                                \
                    to[k * stride - f->pad[last]] += x[k];                                         \
            }                                                                                      \
        }                                                                                          \
    }

FOLD(k_fold_f32, float)
FOLD(k_fold_f64, double)
FOLD(k_fold_u64, uint64_t)
