/* SPDX-License-Identifier: Apache-2.0
 *
 * k_igemm: products of 8-bit matrices, exact: 32-bit sums that wrap around as two's complement.
 *
 * Operands are widened to int16 with their zero points taken off, so that they lie in -255 .. 255
 * and one multiply-and-add of pairs (vpmaddwd) serves every mixture of signs on every processor
 * without saturating on the way. The left one has its k elements side by side, in rows that are
 * padded with a zero to an even number. The right one lies in panels of K_IGEMM_PANEL columns,
 * [panel][pair of k][column][2], the last of them padded with zeros.
 */
#ifndef K_IGEMM_H
#define K_IGEMM_H

#include "dtype.h"

enum { K_IGEMM_PANEL = 8 };

/* Elements of a row of k. */
static inline int64_t k_igemm_row(int64_t k)
{
    return k + (k & 1);
}

/* Elements of the panels of n columns. */
static inline int64_t k_igemm_panels(int64_t n, int64_t row)
{
    return (n + K_IGEMM_PANEL - 1) / K_IGEMM_PANEL * K_IGEMM_PANEL * row;
}

/* c[i][j] = sum over k of a[i][k] * b[k][j]; row: k_igemm_row(k); ldc: from row to row of c. */
void k_igemm(int64_t m, int64_t n, int64_t row, const int16_t *a, const int16_t *b, int32_t *c,
             int64_t ldc);
/* The same by plain loops: what k_igemm() does where the processor has nothing better. */
void k_igemm_plain(int64_t m, int64_t n, int64_t row, const int16_t *a, const int16_t *b,
                   int32_t *c, int64_t ldc);

/* y[i] = x[i * stride] - zero, for uint8 or int8. */
void k_widen(enum dtype t, const void *x, int64_t at, int64_t stride, int64_t n, int32_t zero,
             int16_t *y);

/* An operand in t: element k of line i is x[at + i * outer + k * inner], zero[i * zero_step] its
 * zero point. */
struct k_igemm_lines {
    enum dtype dtype;
    const void *data;
    int64_t at, n, outer, k, inner;
    const int32_t *zero;
    int64_t zero_step;
};
/* Lines are rows of a, n * k_igemm_row(k) elements, or columns of b, k_igemm_panels() of them. */
void k_igemm_pack_rows(const struct k_igemm_lines *l, int16_t *y);
void k_igemm_pack_panels(const struct k_igemm_lines *l, int16_t *y);
/* Puts n elements of column j from `first` on into panels that are zero where nothing is put. */
void k_igemm_put(int64_t j, int64_t first, int64_t n, int64_t row, const int16_t *x, int16_t *y);

#endif
