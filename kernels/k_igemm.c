/* SPDX-License-Identifier: Apache-2.0
 *
 * k_igemm: the sums of a few rows with two panels stay in registers while k runs: each pair of a
 * row is repeated over a register and meets a pair of each column of the panel.
 */
#include "k_igemm.h"

#include "k_simd.h"

#include <string.h>

enum {
    ROWS = 6,      /* six rows of two registers of sums: 12 of 16 registers */
    PAIRS = 2 * K_IGEMM_PANEL, /* elements of a panel for a pair of k */
    CHUNK = 256,
};

/* Unsigned sums wrap around. */
void k_igemm_plain(int64_t m, int64_t n, int64_t row, const int16_t *a, const int16_t *b,
                   int32_t *c, int64_t ldc)
{
    for (int64_t j = 0; j < n; j += K_IGEMM_PANEL, b += K_IGEMM_PANEL * row) {
        int64_t columns = n - j < K_IGEMM_PANEL ? n - j : K_IGEMM_PANEL;
        for (int64_t i = 0; i < m; i++) {
            uint32_t s[K_IGEMM_PANEL] = {0};
            for (int64_t k = 0; k < row; k += 2)
                for (int q = 0; q < K_IGEMM_PANEL; q++)
                    s[q] += (uint32_t)(a[i * row + k] * b[k * K_IGEMM_PANEL + 2 * q]
                                       + a[i * row + k + 1] * b[k * K_IGEMM_PANEL + 2 * q + 1]);
            memcpy(c + i * ldc + j, s, sizeof *s * (size_t)columns);
        }
    }
}

#ifdef __x86_64__
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* Compilers keep sums in registers only where each is a variable of its own. */
#define EACH_ROW(what) what(0) what(1) what(2) what(3) what(4) what(5)
#define SUMS(i) __m256i s##i = _mm256_setzero_si256(), t##i = s##i;
#define ADD(i)                                                                                     \
    {                                                                                              \
        __m256i x = pair_at(a + i * row + k);                                                      \
        s##i = _mm256_add_epi32(s##i, _mm256_madd_epi16(x, left));                                 \
        t##i = _mm256_add_epi32(t##i, _mm256_madd_epi16(x, right));                                \
    }
#define STORE(i) store(s##i, t##i, c + i * ldc, columns);

AVX2 static inline __m256i pair_at(const int16_t *a)
{
    int32_t pair;
    memcpy(&pair, a, sizeof pair);
    return _mm256_set1_epi32(pair);
}

/* The first `columns` of two panels' sums, at most PAIRS. */
AVX2 static inline void store(__m256i s, __m256i t, int32_t *c, int64_t columns)
{
    int32_t sums[PAIRS];
    if (columns == PAIRS) {
        _mm256_storeu_si256((__m256i *)(void *)c, s);
        _mm256_storeu_si256((__m256i *)(void *)(c + K_IGEMM_PANEL), t);
        return;
    }
    _mm256_storeu_si256((__m256i *)(void *)sums, s);
    _mm256_storeu_si256((__m256i *)(void *)(sums + K_IGEMM_PANEL), t);
    memcpy(c, sums, sizeof *sums * (size_t)columns);
}

/* Rows of a by two panels, or by one where `columns` are no more. */
#define DEFINE_TILE(name, rows)                                                                    \
    AVX2 static void name(int64_t row, const int16_t *a, const int16_t *b, int32_t *c,             \
                          int64_t ldc, int64_t columns)                                            \
    {                                                                                              \
        const int16_t *next = columns > K_IGEMM_PANEL ? b + K_IGEMM_PANEL * row : b;               \
        rows(SUMS)                                                                                 \
        for (int64_t k = 0; k < row; k += 2, b += PAIRS, next += PAIRS) {                          \
            __m256i left = _mm256_loadu_si256((const __m256i *)(const void *)b);                   \
            __m256i right = _mm256_loadu_si256((const __m256i *)(const void *)next);               \
            rows(ADD)                                                                              \
        }                                                                                          \
        rows(STORE)                                                                                \
        (void)ldc;                                                                                 \
    }
#define FIRST_ROW(what) what(0)
DEFINE_TILE(tile_of_rows, EACH_ROW)
DEFINE_TILE(tile_of_row, FIRST_ROW)

/* The last rows are computed together with some before them, again, where there are enough. */
static void multiply_avx2(int64_t m, int64_t n, int64_t row, const int16_t *a, const int16_t *b,
                          int32_t *c, int64_t ldc)
{
    for (int64_t j = 0; j < n; j += PAIRS) {
        int64_t columns = n - j < PAIRS ? n - j : PAIRS;
        const int16_t *panels = b + j * row;
        for (int64_t i = 0; m < ROWS && i < m; i++)
            tile_of_row(row, a + i * row, panels, c + i * ldc + j, ldc, columns);
        for (int64_t i = 0; m >= ROWS && i < m; i += ROWS) {
            int64_t first = i + ROWS <= m ? i : m - ROWS;
            tile_of_rows(row, a + first * row, panels, c + first * ldc + j, ldc, columns);
        }
    }
}
#endif

void k_igemm(int64_t m, int64_t n, int64_t row, const int16_t *a, const int16_t *b, int32_t *c,
             int64_t ldc)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) {
        multiply_avx2(m, n, row, a, b, c, ldc);
        return;
    }
#endif
    k_igemm_plain(m, n, row, a, b, c, ldc);
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

void k_igemm_pack_rows(const struct k_igemm_lines *l, int16_t *y)
{
    int64_t row = k_igemm_row(l->k);
    for (int64_t i = 0; i < l->n; i++, y += row) {
        k_widen(l->dtype, l->data, l->at + i * l->outer, l->inner, l->k, l->zero[i * l->zero_step],
                y);
        if (row > l->k)
            y[l->k] = 0;
    }
}

void k_igemm_put(int64_t j, int64_t first, int64_t n, int64_t row, const int16_t *x, int16_t *y)
{
    int64_t k = first;
    y += j / K_IGEMM_PANEL * K_IGEMM_PANEL * row + j % K_IGEMM_PANEL * 2;
    if (k % 2 && n > 0)
        y[k++ / 2 * PAIRS + 1] = x[0];
    for (; k + 1 < first + n; k += 2)
        memcpy(y + k / 2 * PAIRS, x + k - first, 2 * sizeof *x);
    if (k < first + n)
        y[k / 2 * PAIRS] = x[k - first];
}

void k_igemm_pack_panels(const struct k_igemm_lines *l, int16_t *y)
{
    int16_t wide[CHUNK];
    int64_t row = k_igemm_row(l->k);
    memset(y, 0, sizeof *y * (size_t)k_igemm_panels(l->n, row));
    for (int64_t j = 0; j < l->n; j++)
        for (int64_t k = 0; k < l->k; k += CHUNK) {
            int64_t n = l->k - k < CHUNK ? l->k - k : CHUNK;
            k_widen(l->dtype, l->data, l->at + j * l->outer + k * l->inner, l->inner, n,
                    l->zero[j * l->zero_step], wide);
            k_igemm_put(j, k, n, row, wide, y);
        }
}
