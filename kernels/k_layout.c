/* SPDX-License-Identifier: Apache-2.0
 *
 * k_layout: transposition in square tiles, so that both sides stay in the cache.
 */
#include "k_layout.h"

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
DEFINE_TRANSPOSE(32)
DEFINE_TRANSPOSE(64)

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
            transpose_8(to, from, rows, columns);
            break;
        case 2:
            transpose_16(to, from, rows, columns);
            break;
        case 4:
            transpose_32(to, from, rows, columns);
            break;
        default:
            transpose_64(to, from, rows, columns);
            break;
        }
    }
}
