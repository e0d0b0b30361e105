/* SPDX-License-Identifier: Apache-2.0
 *
 * ref: what the kernels compute, written for reading. Data is plain (N, C, spatial); sums are in
 * double. The random numbers are the same in every run.
 */
#ifndef REF_H
#define REF_H

#include "dtype.h"
#include "k_conv.h"
#include "k_gemm.h"
#include "k_tail.h"

/* xorshift; seed once with any number that is not 0. */
struct random {
    uint64_t state;
};
uint64_t random_bits(struct random *r);
int64_t random_int(struct random *r, int64_t lo, int64_t hi); /* lo <= result <= hi */
float random_float(struct random *r);                         /* -1 .. 1 */
void random_fill(struct random *r, float *x, int64_t n);

/* x: [batch][c][in], w: as ONNX has it, y: [batch][m][out]; t->add as y. */
void ref_conv(const struct conv_dims *d, const float *x, const float *w, const struct tail *t,
              float *y);
/* Codes less their zero points; zero[m * step] for the weight. y: [m][out]; sums wrap around. */
void ref_iconv(const struct conv_dims *d, enum dtype tx, const void *x, int32_t x_zero,
               enum dtype tw, const void *w, const int32_t *zero, int64_t step, int32_t *y);
void ref_gemm(const struct gemm *g, const float *a, const float *b, float *c);
enum ref_pool { REF_MAX, REF_AVERAGE, REF_AVERAGE_PADDED, REF_LP };
void ref_pool(const struct conv_dims *d, enum ref_pool kind, int p, const float *x, float *y);
/* Where the maxima are; see k_pool_max_index(). */
void ref_pool_index(const struct conv_dims *d, bool reverse, const float *x, int64_t *index);
/* y[b][j][i] = x[b][i][j] */
void ref_transpose(const float *x, int64_t batch, int64_t rows, int64_t columns, float *y);
float ref_limit(const struct tail *t, float y, int64_t channel);

/* Largest |a - b| divided by the largest |b| (or 1 where that is smaller). */
double ref_error(const float *a, const float *b, int64_t n);

#endif
