/* SPDX-License-Identifier: Apache-2.0
 *
 * k_rounding: GPTQ and coordinate descent for many rows at a time, by panels of columns: what a
 * column does to the others of its panel is done at once, to those behind it by one product.
 */
#include "k_rounding.h"

#include "k_gram.h"

#include <cblas.h>
#include <math.h>

enum { PANEL = 64 };

/* LAPACK, as OpenBLAS exports it; matrices are column-major there, so what is lower here is upper
 * there. */
void spftrf_(const char *transr, const char *uplo, const int *n, float *a, int *info);
void stftri_(const char *transr, const char *uplo, const char *diag, const int *n, float *a,
             int *info);

static const double damping = 0.01;

bool k_rounding_moments(int64_t k, int64_t columns, const double *x, bool centred, float *c)
{
    if (!columns)
        return false;
    double each = 1 / (double)columns, trace = 0;
    for (int64_t i = 0; i < k; i++) {
        double mean = centred ? x[i] * each : 0;
        for (int64_t j = 0; j <= i; j++) {
            float *at = &c[k_gram_at(k, i, j)];
            double v = ((double)*at - mean * x[j]) * each;
            if (i == j)
                trace += v;
            *at = (float)v;
        }
    }
    double add = damping * trace / (double)k;
    for (int64_t i = 0; i < k; i++) {
        float *at = &c[k_gram_at(k, i, i)];
        *at = (float)((double)*at + add);
    }
    return add > 0 && isfinite(add);
}

bool k_rounding_factor(int64_t k, const float *c, float *factor)
{
    int n = (int)k, info;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j <= i; j++)
            factor[k_gram_at(k, i, j)] = c[k_gram_at(k, k - 1 - j, k - 1 - i)];
    spftrf_("N", "U", &n, factor, &info);
    if (!info)
        stftri_("N", "U", "N", &n, factor, &info);
    return !info;
}

int64_t k_rounding_scratch(int64_t rows, int64_t k)
{
    return 2 * rows + PANEL * k + 2 * rows * k + 2 * rows * PANEL;
}

/* Of one call, in its scratch. */
struct work {
    double *gain;       /* [rows]: what the nearest codes cost more than the chosen ones */
    float *panel;       /* [PANEL][k]: rows of a matrix */
    float *a, *b;       /* [rows][k] */
    float *part, *more; /* [rows][PANEL] */
};

static float code(const struct k_rounding *r, float w, float d)
{
    float q = rintf(w / d);
    return q < r->qmin ? r->qmin : q > r->qmax ? r->qmax : q;
}

static int64_t panel_size(const struct k_rounding *r, int64_t first)
{
    return r->k - first < PANEL ? r->k - first : PANEL;
}

/* part[rows][n] = times * e[rows][k] times the panel's n rows, by their first `columns`. */
static void times_panel(const struct k_rounding *r, float times, const float *e,
                        const float *panel, int64_t n, int64_t columns, float *part)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)r->rows, (int)n, (int)columns, times,
                e, (int)r->k, panel, (int)r->k, 0, part, PANEL);
}

/* Codes of one column of a panel by GPTQ, which cost e^2. t has the columns of w turned around:
 * column i is their number k - 1 - i. */
static void spread_column(const struct k_rounding *r, const struct work *s, int64_t first,
                          int64_t i)
{
    const float *row = s->panel + (i - first) * r->k;
    for (int64_t o = 0; o < r->rows; o++) {
        float *t = s->a + o * r->k, d = r->scale[o], q = code(r, t[i], d);
        float e = (t[i] - q * d) / row[i];
        r->q[o * r->k + r->k - 1 - i] = q;
        s->part[o * PANEL + i - first] = e;
        s->gain[o] -= (double)e * (double)e;
        for (int64_t j = first; j < i; j++)
            t[j] -= e * row[j];
    }
}

static void spread_errors(const struct k_rounding *r, const struct work *s)
{
    int64_t k = r->k;
    for (int64_t o = 0; o < r->rows; o++)
        for (int64_t i = 0; i < k; i++)
            s->a[o * k + i] = r->w[o * k + k - 1 - i];
    for (int64_t end = k, first; end; end = first) {
        first = end > PANEL ? end - PANEL : 0;
        k_gram_rows(k, r->factor, first, end - first, s->panel);
        for (int64_t i = end - 1; i >= first; i--)
            spread_column(r, s, first, i);
        if (first)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)r->rows, (int)first,
                        (int)(end - first), -1, s->part, PANEL, s->panel, (int)k, 1, s->a, (int)k);
    }
}

/* Column i of a panel: each code moves to where its row's cost is lowest, the others held. s->part
 * has the products g of the errors s->b with the panel. */
static void sweep_column(const struct k_rounding *r, const struct work *s, int64_t first,
                         int64_t n, int64_t i)
{
    const float *row = s->panel + (i - first) * r->k;
    for (int64_t o = 0; o < r->rows; o++) {
        float *g = s->part + o * PANEL, *q = &r->q[o * r->k + i], d = r->scale[o];
        float better = code(r, *q * d + g[i - first] / row[i], d), change = (better - *q) * d;
        if (better == *q)
            continue;
        *q = better;
        s->gain[o] += (double)change * (2 * (double)g[i - first] - (double)change * (double)row[i]);
        s->b[o * r->k + i] -= change;
        for (int64_t j = i - first; j < n; j++)
            g[j] -= change * row[first + j];
    }
}

/* Adds the products of x[rows][n], rows k apart, with y[rows][PANEL]. */
static void add_costs(const struct k_rounding *r, const float *x, const float *y, int64_t n,
                      double *sum)
{
    for (int64_t o = 0; o < r->rows; o++)
        for (int64_t i = 0; i < n; i++)
            sum[o] += (double)x[o * r->k + i] * (double)y[o * PANEL + i];
}

/* What the errors s->a cost: twice what is before a panel's diagonal block, and the block. */
static void add_nearest(const struct k_rounding *r, const struct work *s, int64_t first, int64_t n)
{
    const float *a = s->a + first;
    if (first) {
        times_panel(r, 2, s->a, s->panel, n, first, s->more);
        add_costs(r, a, s->more, n, s->gain);
    }
    times_panel(r, 1, a, s->panel + first, n, n, s->more);
    add_costs(r, a, s->more, n, s->gain);
}

static void sweep(const struct k_rounding *r, const struct work *s)
{
    for (int64_t first = 0, n; first < r->k; first += n) {
        n = panel_size(r, first);
        k_gram_rows(r->k, r->c, first, n, s->panel);
        add_nearest(r, s, first, n);
        times_panel(r, 1, s->b, s->panel, n, r->k, s->part);
        for (int64_t i = first; i < first + n; i++)
            sweep_column(r, s, first, n, i);
    }
}

void k_rounding_solve(const struct k_rounding *r, float *scratch)
{
    int64_t k = r->k, all = r->rows * k;
    struct work s = {.gain = (double *)(void *)scratch, .panel = scratch + 2 * r->rows};
    s.a = s.panel + PANEL * k;
    s.b = s.a + all;
    s.part = s.b + all;
    s.more = s.part + r->rows * PANEL;
    for (int64_t o = 0; o < r->rows; o++)
        s.gain[o] = 0;
    spread_errors(r, &s);
    for (int64_t o = 0; o < r->rows; o++) {
        float d = r->scale[o];
        for (int64_t at = o * k; at < (o + 1) * k; at++) {
            s.a[at] = r->w[at] - code(r, r->w[at], d) * d;
            s.b[at] = r->w[at] - r->q[at] * d;
        }
    }
    sweep(r, &s);
    for (int64_t o = 0; o < r->rows; o++)
        for (int64_t at = o * k; at < (o + 1) * k && !(s.gain[o] > 0); at++)
            r->q[at] = code(r, r->w[at], r->scale[o]);
}
