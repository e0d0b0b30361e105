/* SPDX-License-Identifier: Apache-2.0
 *
 * k_binary: functions of two numbers over rows. sa and sb are the steps of the operands, usually 1
 * or 0 (one number for the whole row); y is dense and may be an operand of step 1.
 */
#ifndef K_BINARY_H
#define K_BINARY_H

#include <stddef.h>
#include <stdint.h>

enum k_binary {
    K_ADD, K_SUB, K_MUL,
    K_DIV,  /* integers: truncated; by zero: 0 */
    K_MAX, K_MIN, /* NaN where either is NaN */
    K_MOD,  /* the sign of the divisor */
    K_FMOD, /* the sign of the dividend */
    K_POW, K_PRELU,
    K_BIT_AND, K_BIT_OR, K_BIT_XOR, K_SHIFT_LEFT, K_SHIFT_RIGHT, /* integers only;
        a signed number keeps its sign when it is shifted to the right */
};
enum k_compare { K_EQUAL, K_GREATER, K_GREATER_OR_EQUAL, K_LESS, K_LESS_OR_EQUAL };

#define K_BINARY(T, suffix)                                                                        \
    void k_binary_##suffix(enum k_binary op, const T *a, int64_t sa, const T *b, int64_t sb, T *y, \
                           int64_t n);                                                             \
    void k_compare_##suffix(enum k_compare op, const T *a, int64_t sa, const T *b, int64_t sb,     \
                            uint8_t *y, int64_t n);
K_BINARY(float, f32)
K_BINARY(double, f64)
K_BINARY(int64_t, i64)
K_BINARY(uint64_t, u64)
#undef K_BINARY

/* y[i] = c[i] ? a[i] : b[i] for elements of 1, 2, 4, 8 or 16 bytes. */
void k_where(const uint8_t *c, int64_t sc, const void *a, int64_t sa, const void *b, int64_t sb,
             void *y, size_t item, int64_t n);

#endif
