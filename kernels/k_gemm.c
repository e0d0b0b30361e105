/* SPDX-License-Identifier: Apache-2.0
 *
 * k_gemm: oneDNN where it is present, because it is the faster of the two for almost every shape
 * and by far for thin ones; OpenBLAS otherwise, and for double.
 */
#include "k_gemm.h"

#include "k_dnnl.h"

#include <cblas.h>

struct gemm gemm_dense(int64_t m, int64_t n, int64_t k)
{
    return (struct gemm){.m = m, .n = n, .k = k, .lda = k, .ldb = n, .ldc = n, .alpha = 1};
}

/* BLAS wants leading dimensions of at least 1. */
static int leading(int64_t ld)
{
    return ld > 0 ? (int)ld : 1;
}

static CBLAS_TRANSPOSE transposed(bool t)
{
    return t ? CblasTrans : CblasNoTrans;
}

void k_gemm_f32(const struct gemm *g, const float *a, const float *b, float *c)
{
    if (g->m == 0 || g->n == 0)
        return;
    if (g->k > 0 && k_dnnl_gemm(g, a, b, c))
        return;
    cblas_sgemm(CblasRowMajor, transposed(g->ta), transposed(g->tb), (int)g->m, (int)g->n,
                (int)g->k, g->alpha, a, leading(g->lda), b, leading(g->ldb), g->beta, c,
                leading(g->ldc));
}

void k_gemm_f64(const struct gemm *g, const double *a, const double *b, double *c)
{
    if (g->m == 0 || g->n == 0)
        return;
    cblas_dgemm(CblasRowMajor, transposed(g->ta), transposed(g->tb), (int)g->m, (int)g->n,
                (int)g->k, (double)g->alpha, a, leading(g->lda), b, leading(g->ldb),
                (double)g->beta, c, leading(g->ldc));
}

void k_gemm_i64(const struct gemm *g, const int64_t *a, const int64_t *b, int64_t *c)
{
    for (int64_t i = 0; i < g->m; i++) {
        for (int64_t j = 0; j < g->n; j++) {
            uint64_t sum = 0;
            for (int64_t k = 0; k < g->k; k++) {
                int64_t x = a[g->ta ? k * g->lda + i : i * g->lda + k];
                int64_t y = b[g->tb ? j * g->ldb + k : k * g->ldb + j];
                sum += (uint64_t)x * (uint64_t)y;
            }
            c[i * g->ldc + j] = (int64_t)sum;
        }
    }
}
