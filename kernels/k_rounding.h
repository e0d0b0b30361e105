/* SPDX-License-Identifier: Apache-2.0
 *
 * k_rounding: weight codes that minimise a layer's output error instead of the weights' own error.
 *
 * Per row w of K weights with scale d and second moments H of the inputs, over the codes q:
 *     min (dq - w) C (dq - w)^T,   C = H - mu mu^T + damping I
 * The mean part of the error goes into the bias: b += (w - dq) mu. First GPTQ (Frantar et al. 2022:
 * columns in order, each error spread over the columns to come by the Cholesky factor of C^-1),
 * then one sweep of coordinate descent. A row keeps its nearest codes where they cost less.
 *
 * Both matrices are symmetric or triangular and stay packed as in k_gram.h: for K = 1536 each takes
 * 4.7 MB. The factor is found without the inverse: with the order
 * of the columns turned around, C = L L^T, and L^-1, turned back, is what is wanted.
 */
#ifndef K_ROUNDING_H
#define K_ROUNDING_H

#include <stdbool.h>
#include <stdint.h>

struct k_rounding {
    int64_t rows, k;
    const float *w;      /* [rows][k] */
    const float *scale;  /* [rows] */
    float qmin, qmax;    /* limits of the codes; the zero point is 0 */
    const float *c;      /* k_gram_size(k): damped, as above */
    const float *factor; /* k_gram_size(k) */
    float *q;            /* [rows][k] out: codes */
};

/* C of a group in the place of the sums of products; x are the sums of the columns; centred:
 * subtract the mean (the layer has a bias). Damping is 1 % of the mean diagonal. False: there is
 * nothing to learn from (no columns, or all inputs are 0). */
bool k_rounding_moments(int64_t k, int64_t columns, const double *x, bool centred, float *c);
/* False: C is not positive definite. */
bool k_rounding_factor(int64_t k, const float *c, float *factor);
/* Scratch floats that k_rounding_solve() needs. Many rows at once are faster. */
int64_t k_rounding_scratch(int64_t rows, int64_t k);
void k_rounding_solve(const struct k_rounding *r, float *scratch);

#endif
