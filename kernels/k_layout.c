/* SPDX-License-Identifier: Apache-2.0
 *
 * k_layout: transposition in square tiles, so that both sides stay in the cache; floats four by
 * four in registers.
 */
#include "k_layout.h"

#include "k_simd.h"

#include <string.h>

enum { TILE = 16 };

#define DEFINE_TRANSPOSE(bits)                                                                     \
    static void transpose_##bits(uint##bits##_t *restrict dst, const uint##bits##_t *restrict src, \
                                 int64_t rows, int64_t columns)                                    \
    {                                                                                              \
        for (int64_t i0 = 0; i0 < rows; i0 += TILE) {                                              \
            int64_t i1 = i0 + TILE < rows ? i0 + TILE : rows;                                      \
            for (int64_t j0 = 0; j0 < columns; j0 += TILE) {                                       \
                int64_t j1 = j0 + TILE < columns ? j0 + TILE : columns;                            \
                for (int64_t j = j0; j < j1; j++)                                                  \
                    for (int64_t i = i0; i < i1; i++)                                              \
                        dst[j * rows + i] = src[i * columns + j];                                  \
            }                                                                                      \
        }                                                                                          \
    }

DEFINE_TRANSPOSE(8)
DEFINE_TRANSPOSE(16)
DEFINE_TRANSPOSE(64)

typedef uint32_t quad __attribute__((vector_size(16)));

static inline void transpose_4x4(uint32_t *restrict dst, const uint32_t *restrict src,
                                 int64_t rows, int64_t columns)
{
    quad a, b, c, d;
    memcpy(&a, src, sizeof a);
    memcpy(&b, src + columns, sizeof b);
    memcpy(&c, src + 2 * columns, sizeof c);
    memcpy(&d, src + 3 * columns, sizeof d);
    quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    quad ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    quad cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    quad cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
    memcpy(dst, &a, sizeof a);
    memcpy(dst + rows, &b, sizeof b);
    memcpy(dst + 2 * rows, &c, sizeof c);
    memcpy(dst + 3 * rows, &d, sizeof d);
}

/* Rows i0 .. i1-1 and columns j0 .. j1-1. */
static void transpose_tile(uint32_t *restrict dst, const uint32_t *restrict src, int64_t rows,
                           int64_t columns, int64_t i0, int64_t i1, int64_t j0, int64_t j1)
{
    int64_t j = j0;
    for (; j + 4 <= j1; j += 4) {
        int64_t i = i0;
        for (; i + 4 <= i1; i += 4)
            transpose_4x4(dst + j * rows + i, src + i * columns + j, rows, columns);
        for (; i < i1; i++)
            for (int k = 0; k < 4; k++)
                dst[(j + k) * rows + i] = src[i * columns + j + k];
    }
    for (; j < j1; j++)
        for (int64_t i = i0; i < i1; i++)
            dst[j * rows + i] = src[i * columns + j];
}

/* Images have three channels, which makes tiles thin. */
#define DEFINE_INTERLEAVE(bits)                                                                    \
    K_CLONES static void interleave_##bits(uint##bits##_t *restrict dst,                           \
                                           const uint##bits##_t *restrict src, int64_t columns)    \
    {                                                                                              \
        for (int64_t j = 0; j < columns; j++)                                                      \
            for (int64_t i = 0; i < 3; i++)                                                        \
                dst[j * 3 + i] = src[i * columns + j];                                             \
    }

DEFINE_INTERLEAVE(8)
DEFINE_INTERLEAVE(32)

static void transpose_32(uint32_t *restrict dst, const uint32_t *restrict src, int64_t rows,
                         int64_t columns)
{
    if (rows == 3) {
        interleave_32(dst, src, columns);
        return;
    }
    for (int64_t i = 0; i < rows; i += TILE)
        for (int64_t j = 0; j < columns; j += TILE)
            transpose_tile(dst, src, rows, columns, i, i + TILE < rows ? i + TILE : rows, j,
                           j + TILE < columns ? j + TILE : columns);
}

void k_transpose(void *dst, const void *src, size_t item, int64_t batch, int64_t rows,
                 int64_t columns)
{
    size_t block = item * (size_t)rows * (size_t)columns;
    if (rows == 1 || columns == 1) {
        if (block)
            memcpy(dst, src, block * (size_t)batch);
        return;
    }
    for (int64_t b = 0; b < batch; b++) {
        void *to = (char *)dst + block * (size_t)b;
        const void *from = (const char *)src + block * (size_t)b;
        switch (item) {
        case 1:
            if (rows == 3)
                interleave_8(to, from, columns);
            else
                transpose_8(to, from, rows, columns);
            break;
        case 2: transpose_16(to, from, rows, columns); break;
        case 4: transpose_32(to, from, rows, columns); break;
        default: transpose_64(to, from, rows, columns); break;
        }
    }
}
