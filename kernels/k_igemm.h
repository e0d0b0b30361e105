/* SPDX-License-Identifier: Apache-2.0
 *
 * k_igemm: products of 8-bit matrices, exact: 32-bit sums that wrap around as two's complement.
 *
 * Operands are widened to int16 with their zero points taken off, so that they lie in -255 .. 255
 * and one multiply-and-add of pairs (vpmaddwd) serves every mixture of signs on every processor
 * without saturating on the way. Both have their k elements side by side, in rows that are padded
 * with zeros to a multiple of K_IGEMM_STEP.
 */
#ifndef K_IGEMM_H
#define K_IGEMM_H

#include "dtype.h"

enum { K_IGEMM_STEP = 16 };

/* Elements of a row of k. */
static inline int64_t k_igemm_row(int64_t k)
{
    return (k + K_IGEMM_STEP - 1) / K_IGEMM_STEP * K_IGEMM_STEP;
}

/* c[i][j] = sum over k of a[i][k] * b[j][k]; `row` is k_igemm_row(k), the distance from row to row
 * in both; ldc the distance in c. */
void k_igemm(int64_t m, int64_t n, int64_t row, const int16_t *a, const int16_t *b, int32_t *c,
             int64_t ldc);

/* y[i] = x[i * stride] - zero, for uint8 or int8. */
void k_widen(enum dtype t, const void *x, int64_t at, int64_t stride, int64_t n, int32_t zero,
             int16_t *y);

/* Rows of an operand: y[i][k] = x[at + i * outer + k * inner] - zero[i * zero_step], and the
 * padding. */
void k_igemm_pack(enum dtype t, const void *x, int64_t at, int64_t rows, int64_t outer, int64_t k,
                  int64_t inner, const int32_t *zero, int64_t zero_step, int16_t *y);

#endif
