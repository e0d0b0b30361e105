/* SPDX-License-Identifier: Apache-2.0
 *
 * k_rnn: sizes, products with either kind of weights, and the template for float and double.
 */
#include "k_rnn.h"

#include "k_gemm.h"
#include "k_math.h"
#include "k_simd.h"
#include "k_stats.h"

#include <math.h>
#include <string.h>

int64_t k_rnn_gates(enum k_rnn_kind kind)
{
    return kind == K_LSTM ? 4 : kind == K_GRU ? 3 : 1;
}

/* Elements of a row with all gates. */
static int64_t row_width(const struct k_rnn *k)
{
    return k_rnn_gates(k->kind) * k->hidden;
}

/* The bias of all gates, the bias that a GRU may have to keep apart, and both weights transposed:
 * products with few rows are faster so. */
size_t k_rnn_packed(const struct k_rnn *k)
{
    int64_t depth = k->dynamic ? 0 : k->in + k->hidden;
    return (size_t)(row_width(k) * (1 + depth) + k->hidden);
}

enum { ROWS = 64 }; /* of codes at a time */

/* Floats: the projected input, one step of all gates, and a state that is set apart; rounded up,
 * since doubles may follow. */
static int64_t floats(const struct k_rnn *k)
{
    return (k->batch * ((k->steps + 1) * row_width(k) + k->hidden) + 15) / 16 * 16;
}

size_t k_rnn_scratch(const struct k_rnn *k)
{
    int64_t depth = k->in > k->hidden ? k->in : k->hidden;
    return (size_t)(floats(k) + (k->dynamic ? 2 * ROWS * (depth + row_width(k)) : 0));
}

static int64_t length_of(const struct k_rnn *k, int64_t row)
{
    return k->lens ? k->lens[row] : k->steps;
}

/* c = or += a times columns of the weight on one side, from `first` on. */
struct product {
    bool state; /* the recurrence weight, else the input's */
    bool add;
    int64_t rows, first, n;
};

static int64_t depth_of(const struct k_rnn *k, const struct product *p)
{
    return p->state ? k->hidden : k->in;
}

/* Of a weight in packed ones. */
static int64_t weight_at(const struct k_rnn *k, const struct product *p)
{
    return row_width(k) * (1 + (p->state ? k->in : 0)) + k->hidden + p->first;
}

static struct gemm gemm_of(const struct k_rnn *k, const struct product *p)
{
    struct gemm g = gemm_dense(p->rows, p->n, depth_of(k, p));
    g.ldb = g.ldc = row_width(k);
    g.beta = p->add ? 1 : 0;
    return g;
}

K_CLONES static void to_codes(const float *x, int64_t n, float scale, float zero, double *q)
{
    for (int64_t i = 0; i < n; i++) {
        float v = k_rint(x[i] / scale) + zero;
        v = v < 0 ? 0 : v > 255 ? 255 : v;
        q[i] = (double)(v - zero);
    }
}

K_CLONES static void from_sums(const double *sum, int64_t n, float scale, const float *scales,
                               bool add, float *y)
{
    K_NO_CARRY
    for (int64_t i = 0; i < n; i++)
        y[i] = (add ? y[i] : 0) + (float)sum[i] * (scale * scales[i]);
}

/* Sums of products of codes are exact in double. */
static void product_dynamic(const struct k_rnn *k, const struct product *p, const float *a,
                            float *scratch, float *c)
{
    const struct k_rnn_dynamic *w = k->dynamic;
    int64_t depth = depth_of(k, p), width = row_width(k);
    float lo = 0, hi = 0;
    k_extremes(a, p->rows * depth, &lo, &hi);
    lo = lo < 0 ? lo : 0;
    hi = hi > 0 ? hi : 0;
    float scale = hi > lo ? (hi - lo) / 255 : 1, zero = k_rint(-lo / scale);
    zero = zero > 255 ? 255 : zero;
    double *codes = (double *)(void *)(scratch + floats(k)), *sums = codes + ROWS * depth;
    for (int64_t at = 0; at < p->rows; at += ROWS) {
        int64_t rows = p->rows - at < ROWS ? p->rows - at : ROWS;
        struct gemm g = gemm_dense(rows, p->n, depth);
        g.ldb = width;
        to_codes(a + at * depth, rows * depth, scale, zero, codes);
        k_gemm_f64(&g, codes, (p->state ? w->r : w->w) + p->first, sums);
        for (int64_t i = 0; i < rows; i++)
            from_sums(sums + i * p->n, p->n, scale,
                      (p->state ? w->r_scale : w->w_scale) + p->first, p->add,
                      c + (at + i) * width);
    }
}

static void product_f32(const struct k_rnn *k, const struct product *p, const float *packed,
                        const float *a, float *scratch, float *c)
{
    struct gemm g = gemm_of(k, p);
    if (k->dynamic)
        product_dynamic(k, p, a, scratch, c);
    else
        k_gemm_f32(&g, a, packed + weight_at(k, p), c);
}

static void product_f64(const struct k_rnn *k, const struct product *p, const double *packed,
                        const double *a, double *scratch, double *c)
{
    struct gemm g = gemm_of(k, p);
    (void)scratch;
    k_gemm_f64(&g, a, packed + weight_at(k, p), c);
}

#define T float
#define NAME(fn) fn##_f32
#define DATA struct k_rnn_f32
#include "k_rnn_tmpl.h"
#undef T
#undef NAME
#undef DATA

#define T double
#define NAME(fn) fn##_f64
#define DATA struct k_rnn_f64
#include "k_rnn_tmpl.h"
