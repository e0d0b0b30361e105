/* SPDX-License-Identifier: Apache-2.0
 *
 * k_gemm: single-threaded matrix products on dense row-major arrays.
 */
#ifndef K_GEMM_H
#define K_GEMM_H

#include <stdbool.h>
#include <stdint.h>

struct gemm {
    int64_t m, n, k;
    bool ta, tb;            /* a is stored k x m, b is stored n x k */
    int64_t lda, ldb, ldc;  /* elements from row to row as stored */
    float alpha, beta;      /* c = alpha * a * b + beta * c; beta 0: c is not read */
};

/* Sizes may be 0: with k = 0 the product is 0. */
void k_gemm_f32(const struct gemm *g, const float *a, const float *b, float *c);
void k_gemm_f64(const struct gemm *g, const double *a, const double *b, double *c);
/* Integers as ONNX has them: products and sums wrap around. */
void k_gemm_i64(const struct gemm *g, const int64_t *a, const int64_t *b, int64_t *c);

/* Dense a (m x k) and b (k x n). */
struct gemm gemm_dense(int64_t m, int64_t n, int64_t k);

#endif
