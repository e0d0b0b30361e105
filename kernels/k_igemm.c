/* SPDX-License-Identifier: Apache-2.0
 *
 * k_igemm: a tile of 2 x 4 sums at a time, each a dot product of int16 rows, which compilers turn
 * into multiply-and-add of pairs. A panel of b's rows stays in the cache while all rows of a pass.
 */
#include "k_igemm.h"

#include "k_simd.h"

#include <string.h>

enum {
    LONGEST = 1 << 14, /* elements whose sum of products fits int32: 2^14 * 255^2 < 2^30 */
    TILE_A = 2,
    TILE_B = 4,
};

/* Adds without the undefined overflow of signed numbers. */
static inline int32_t wrap_add(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* s[i][j] = a's row i times b's row j; k is a multiple of K_IGEMM_STEP up to LONGEST. */
K_INLINE void tile(int64_t k, int64_t row, const int16_t *restrict a, const int16_t *restrict b,
                   int32_t s[TILE_A][TILE_B])
{
    const int16_t *a1 = a + row, *b1 = b + row, *b2 = b1 + row, *b3 = b2 + row;
    int32_t s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
    k = k / K_IGEMM_STEP * K_IGEMM_STEP; /* for the compiler to know */
    for (int64_t i = 0; i < k; i++) {
        s00 += a[i] * b[i];
        s01 += a[i] * b1[i];
        s02 += a[i] * b2[i];
        s03 += a[i] * b3[i];
        s10 += a1[i] * b[i];
        s11 += a1[i] * b1[i];
        s12 += a1[i] * b2[i];
        s13 += a1[i] * b3[i];
    }
    const int32_t sums[TILE_A][TILE_B] = {{s00, s01, s02, s03}, {s10, s11, s12, s13}};
    memcpy(s, sums, sizeof sums);
}

K_INLINE int32_t dot(int64_t k, const int16_t *restrict a, const int16_t *restrict b)
{
    int32_t s = 0;
    k = k / K_IGEMM_STEP * K_IGEMM_STEP;
    for (int64_t i = 0; i < k; i++)
        s += a[i] * b[i];
    return s;
}

/* Adds the products over k elements to c. */
K_CLONES static void add_products(int64_t m, int64_t n, int64_t k, int64_t row, const int16_t *a,
                                  const int16_t *b, int32_t *c, int64_t ldc)
{
    int64_t j = 0, m_tiles = m / TILE_A * TILE_A;
    for (; j + TILE_B <= n; j += TILE_B) {
        for (int64_t i = 0; i < m_tiles; i += TILE_A) {
            int32_t s[TILE_A][TILE_B];
            tile(k, row, a + i * row, b + j * row, s);
            for (int p = 0; p < TILE_A; p++)
                for (int q = 0; q < TILE_B; q++)
                    c[(i + p) * ldc + j + q] = wrap_add(c[(i + p) * ldc + j + q], s[p][q]);
        }
        for (int64_t q = 0; m_tiles < m && q < TILE_B; q++) {
            int32_t *to = &c[m_tiles * ldc + j + q];
            *to = wrap_add(*to, dot(k, a + m_tiles * row, b + (j + q) * row));
        }
    }
    for (; j < n; j++)
        for (int64_t i = 0; i < m; i++)
            c[i * ldc + j] = wrap_add(c[i * ldc + j], dot(k, a + i * row, b + j * row));
}

void k_igemm(int64_t m, int64_t n, int64_t row, const int16_t *a, const int16_t *b, int32_t *c,
             int64_t ldc)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            c[i * ldc + j] = 0;
    for (int64_t k = 0; k < row; k += LONGEST)
        add_products(m, n, row - k < LONGEST ? row - k : LONGEST, row, a + k, b + k, c, ldc);
}

#define WIDEN(type)                                                                                \
    do {                                                                                           \
        const type *from = (const type *)x + at;                                                   \
        if (stride == 1)                                                                           \
            for (int64_t i = 0; i < n; i++)                                                        \
                y[i] = (int16_t)(from[i] - zero);                                                  \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                        \
                y[i] = (int16_t)(from[i * stride] - zero);                                         \
    } while (0)

K_CLONES void k_widen(enum dtype t, const void *x, int64_t at, int64_t stride, int64_t n,
                      int32_t zero, int16_t *y)
{
    if (t == DTYPE_U8)
        WIDEN(uint8_t);
    else
        WIDEN(int8_t);
}

void k_igemm_pack(enum dtype t, const void *x, int64_t at, int64_t rows, int64_t outer, int64_t k,
                  int64_t inner, const int32_t *zero, int64_t zero_step, int16_t *y)
{
    int64_t row = k_igemm_row(k);
    for (int64_t i = 0; i < rows; i++, y += row) {
        k_widen(t, x, at + i * outer, inner, k, zero[i * zero_step], y);
        memset(y + k, 0, sizeof *y * (size_t)(row - k));
    }
}
