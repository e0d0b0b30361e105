/* SPDX-License-Identifier: Apache-2.0
 *
 * k_gram: the columns are taken tap by tap. Outer products are summed by syrk; the many short ones
 * of a depthwise convolution side by side, a vector of channels at a time.
 */
#include "k_gram.h"

#include "k_simd.h"

#include <string.h>

/* LAPACK, as OpenBLAS exports it; matrices are column-major there. */
void ssfrk_(const char *transr, const char *uplo, const char *trans, const int *n, const int *k,
            const float *alpha, const float *a, const int *lda, const float *beta, float *c);

/* Where tap `t` of output position `o` reads, as an index into the spatial axes; -1: padding. */
static int64_t tap_source(const struct conv_dims *d, const int64_t *o, int64_t t)
{
    int64_t tap[CONV_AXES], at = 0;
    for (int a = CONV_AXES - 1; a >= 0; a--) {
        tap[a] = t % d->kernel[a];
        t /= d->kernel[a];
    }
    for (int a = 0; a < CONV_AXES; a++) {
        int64_t i = o[a] * d->stride[a] - d->pad[a] + tap[a] * d->dilation[a];
        if (i < 0 || i >= d->in[a])
            return -1;
        at = at * d->in[a] + i;
    }
    return at;
}

/* Position p as batch index, returned, and spatial axes. */
static int64_t split_position(const struct conv_dims *d, int64_t p, int64_t *o)
{
    for (int a = CONV_AXES - 1; a >= 0; a--) {
        o[a] = p % d->out[a];
        p /= d->out[a];
    }
    return p;
}

/* n channels of one tap, `step` floats apart in x, `taps` apart in the column. */
static void copy_tap(const float *x, int64_t step, int64_t n, float *column, int64_t taps)
{
    if (step == 1 && taps == 1)
        memcpy(column, x, (size_t)n * sizeof *x);
    else
        for (int64_t c = 0; c < n; c++)
            column[c * taps] = x[c * step];
}

void k_gram_column(const struct conv_dims *d, const float *x, bool last, int64_t p, float *column,
                   int64_t positions)
{
    int64_t taps = conv_taps(d), in = conv_in_span(d), n = d->c / d->groups, o[CONV_AXES];
    const float *sample = x + split_position(d, p, o) * d->c * in;
    for (int64_t t = 0; t < taps; t++) {
        int64_t at = tap_source(d, o, t);
        for (int64_t g = 0; g < d->groups; g++) {
            float *to = column + g * positions * n * taps + t;
            const float *from = sample + (last ? at * d->c + g * n : g * n * in + at);
            if (at >= 0)
                copy_tap(from, last ? 1 : in, n, to, taps);
            else
                for (int64_t c = 0; c < n; c++)
                    to[c * taps] = 0;
        }
    }
}

int64_t k_gram_size(int64_t k)
{
    return k * (k + 1) / 2;
}

/* What lies across is copied by columns, a few rows of which are neighbours; then what lies along
 * the rows. */
void k_gram_rows(int64_t k, const float *xx, int64_t first, int64_t n, float *rows)
{
    int64_t middle = k / 2, step = k % 2 ? k : k + 1, end = first + n;
    for (int64_t j = 0; j < k; j++) {
        int64_t from = j < middle && j > first ? j : first, to = j < middle ? middle : j + 1;
        const float *x = j < middle ? xx + j * step + middle + 1 : xx + (j - middle) * step;
        for (int64_t i = from; i < (to < end ? to : end); i++)
            rows[(i - first) * k + j] = x[i];
    }
    for (int64_t i = first; i < end; i++) {
        float *row = rows + (i - first) * k;
        if (i < middle)
            memcpy(row + i, xx + k_gram_at(k, i, i), (size_t)(middle - i) * sizeof *row);
        else
            memcpy(row, xx + k_gram_at(k, i, 0), (size_t)(i + 1) * sizeof *row);
    }
}

void k_gram_add(int64_t k, int64_t positions, const float *x, float *xx, double *sum)
{
    const float one = 1;
    int n = (int)k, count = (int)positions;
    for (int64_t p = 0; p < positions; p++)
        for (int64_t i = 0; i < k; i++)
            sum[i] += (double)x[p * k + i];
    ssfrk_("N", "U", "N", &n, &count, &one, x, &n, &one, xx);
}

void k_gram_taps(const struct conv_dims *d, const float *x, bool last, int64_t p, float *column)
{
    int64_t taps = conv_taps(d), in = conv_in_span(d), o[CONV_AXES];
    const float *sample = x + split_position(d, p, o) * d->c * in;
    for (int64_t t = 0; t < taps; t++) {
        int64_t at = tap_source(d, o, t);
        if (at >= 0)
            copy_tap(sample + (last ? at * d->c : at), last ? 1 : in, d->c, column + t * d->c, 1);
        else
            memset(column + t * d->c, 0, (size_t)d->c * sizeof *column);
    }
}

/* a += x y, element by element: this is what compilers make vectors of. */
K_CLONES static void add_products(float *restrict a, const float *restrict x,
                                  const float *restrict y, int64_t n)
{
    for (int64_t c = 0; c < n; c++)
        a[c] += x[c] * y[c];
}

void k_gram_add_taps(int64_t channels, int64_t taps, int64_t positions, const float *x,
                     float *products, float *xx, double *sum)
{
    memset(products, 0, (size_t)(channels * taps * (taps + 3) / 2) * sizeof *products);
    float *means = products + channels * taps * (taps + 1) / 2;
    for (int64_t p = 0; p < positions; p++, x += taps * channels) {
        float *to = products;
        for (int64_t i = 0; i < taps; i++) {
            for (int64_t j = 0; j <= i; j++, to += channels)
                add_products(to, x + i * channels, x + j * channels, channels);
            for (int64_t c = 0; c < channels; c++)
                means[i * channels + c] += x[i * channels + c];
        }
    }
    int64_t size = k_gram_size(taps);
    for (int64_t i = 0; i < taps; i++) {
        for (int64_t j = 0; j <= i; j++, products += channels)
            for (int64_t c = 0; c < channels; c++)
                xx[c * size + k_gram_at(taps, i, j)] += products[c];
        for (int64_t c = 0; c < channels; c++)
            sum[c * taps + i] += (double)means[i * channels + c];
    }
}
