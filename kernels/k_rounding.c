/* SPDX-License-Identifier: Apache-2.0
 *
 * k_rounding: GPTQ and coordinate descent on dense symmetric moments; LAPACK inverts them.
 */
#include "k_rounding.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

/* LAPACK, as OpenBLAS exports it; matrices are column-major there, so what is lower here is upper
 * there. */
void spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info);
void spotri_(const char *uplo, const int *n, float *a, const int *lda, int *info);

static const double damping = 0.01;

bool k_rounding_moments(int64_t k, int64_t columns, const double *x, bool centred, float *c)
{
    if (!columns)
        return false;
    double n = (double)columns, trace = 0;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j <= i; j++) {
            double v = (double)c[i * k + j] / n;
            if (centred)
                v -= x[i] / n * (x[j] / n);
            if (i == j)
                trace += v;
            c[i * k + j] = c[j * k + i] = (float)v;
        }
    double add = damping * trace / (double)k;
    for (int64_t i = 0; i < k; i++)
        c[i * k + i] = (float)((double)c[i * k + i] + add);
    return add > 0 && isfinite(add);
}

int64_t k_rounding_scratch(int64_t k)
{
    return k * k + 2 * k;
}

static float code(const struct k_rounding *r, float w, float d)
{
    float q = rintf(w / d);
    return q < r->qmin ? r->qmin : q > r->qmax ? r->qmax : q;
}

/* u: upper triangular with u^T u = c^-1. */
static bool inverse_factor(const float *c, int64_t k, float *u)
{
    int n = (int)k, info;
    memcpy(u, c, (size_t)(k * k) * sizeof *u);
    spotrf_("L", &n, u, &n, &info);
    if (!info)
        spotri_("L", &n, u, &n, &info); /* fills column-major lower = row-major upper */
    for (int64_t i = 0; !info && i < k; i++)
        for (int64_t j = 0; j < i; j++)
            u[i * k + j] = u[j * k + i];
    if (!info)
        spotrf_("L", &n, u, &n, &info); /* row-major upper factor of the symmetric inverse */
    return !info;
}

/* y = c e */
static void moments_times(const float *c, const float *e, int64_t k, float *y)
{
    cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)k, (int)k, 1, c, (int)k, e, 1, 0, y, 1);
}

static double cost(const float *e, const float *c, int64_t k, float *y)
{
    moments_times(c, e, k, y);
    double sum = 0;
    for (int64_t i = 0; i < k; i++)
        sum += (double)e[i] * (double)y[i];
    return sum;
}

static void spread_errors(const struct k_rounding *r, const float *u, float d, float *w, float *q)
{
    int64_t k = r->k;
    for (int64_t i = 0; i < k; i++) {
        const float *row = u + i * k;
        q[i] = code(r, w[i], d);
        float e = (w[i] - q[i] * d) / row[i];
        for (int64_t j = i + 1; j < k; j++)
            w[j] -= e * row[j];
    }
}

/* One sweep: each code moves to where the row's cost is lowest, the others held. e = w - dq. */
static void sweep(const struct k_rounding *r, float d, const float *e0, float *g, float *q)
{
    int64_t k = r->k;
    moments_times(r->c, e0, k, g);
    for (int64_t i = 0; i < k; i++) {
        const float *row = r->c + i * k;
        float better = code(r, q[i] * d + g[i] / row[i], d);
        if (better == q[i])
            continue;
        float change = (better - q[i]) * d;
        q[i] = better;
        for (int64_t j = 0; j < k; j++)
            g[j] -= change * row[j];
    }
}

static void error_of(const float *w, const float *q, float d, int64_t k, float *e)
{
    for (int64_t i = 0; i < k; i++)
        e[i] = w[i] - q[i] * d;
}

bool k_rounding_solve(const struct k_rounding *r, float *scratch)
{
    int64_t k = r->k;
    float *u = scratch, *e = u + k * k, *work = e + k;
    for (int64_t o = 0; o < r->rows; o++)
        for (int64_t i = 0; i < k; i++)
            r->q[o * k + i] = code(r, r->w[o * k + i], r->scale[o]);
    if (!inverse_factor(r->c, k, u))
        return false;
    for (int64_t o = 0; o < r->rows; o++) {
        const float *w = r->w + o * k;
        float *q = r->q + o * k, d = r->scale[o];
        error_of(w, q, d, k, e);
        double nearest = cost(e, r->c, k, work);
        if (nearest == 0)
            continue;
        memcpy(work, w, (size_t)k * sizeof *work);
        spread_errors(r, u, d, work, q);
        error_of(w, q, d, k, e);
        sweep(r, d, e, work, q);
        error_of(w, q, d, k, e);
        if (cost(e, r->c, k, work) >= nearest)
            for (int64_t i = 0; i < k; i++)
                q[i] = code(r, w[i], d);
    }
    return true;
}
