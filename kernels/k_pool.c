/* SPDX-License-Identifier: Apache-2.0
 *
 * k_pool: windows are cut to the taps that lie inside the input; what remains is a box with steps.
 * Channels lie side by side and are the innermost loop.
 */
#include "k_pool.h"

#include "k_simd.h"
#include "k_window.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    SMALL = 16,   /* taps whose sum is exact enough in float */
    CHANNELS = 64 /* channels of a larger window that are summed at a time */
};

static int64_t box_taps(const struct box *b)
{
    int64_t n = 1;
    for (int a = 0; a < CONV_AXES; a++)
        n *= b->last[a] - b->first[a];
    return n;
}

/* Taps inside the input and its padding. */
static int64_t padded_taps(const struct conv_dims *d, const struct box *b)
{
    int64_t n = 1;
    for (int a = 0; a < CONV_AXES; a++) {
        int64_t first, last;
        window_taps(d, a, b->origin[a], -d->pad[a], d->in[a] + d->pad_end[a], &first, &last);
        n *= last - first;
    }
    return n;
}

/* One tap for a row of windows: n windows of c channels, whose elements in x lie `step` apart. */
K_CLONES static void row_max(float *restrict y, const float *restrict x, int64_t n, int64_t step,
                             int64_t c)
{
    for (int64_t j = 0; j < n; j++, y += c, x += step)
        for (int64_t i = 0; i < c; i++)
            y[i] = x[i] > y[i] ? x[i] : y[i];
}

K_CLONES static void row_sum(float *restrict y, const float *restrict x, int64_t n, int64_t step,
                             int64_t c)
{
    for (int64_t j = 0; j < n; j++, y += c, x += step)
        for (int64_t i = 0; i < c; i++)
            y[i] += x[i];
}

typedef void row_fn(float *restrict y, const float *restrict x, int64_t n, int64_t step, int64_t c);

/* All taps for the row of windows whose first is output position o. Tap by tap: then the inner
 * loops are long. */
static void pool_row(const struct conv_dims *d, int64_t o, const float *x, float *y, row_fn *fn)
{
    struct box b = window_at(d, o);
    int64_t c = d->c, step = d->stride[2];
    for (int64_t t0 = b.first[0]; t0 < b.last[0]; t0++) {
        for (int64_t t1 = b.first[1]; t1 < b.last[1]; t1++) {
            int64_t p0 = b.origin[0] + t0 * d->dilation[0];
            int64_t p1 = b.origin[1] + t1 * d->dilation[1];
            const float *row = x + (p0 * d->in[1] + p1) * d->in[2] * c;
            for (int64_t t2 = 0; t2 < d->kernel[2]; t2++) {
                int64_t at = t2 * d->dilation[2] - d->pad[2]; /* of window 0 */
                int64_t first = at < 0 ? (step - 1 - at) / step : 0;
                int64_t last = d->in[2] > at ? (d->in[2] - at + step - 1) / step : 0;
                last = last < d->out[2] ? last : d->out[2];
                if (first >= last)
                    continue;
                const float *from = row + (at + first * step) * c;
                if (step == 1)
                    fn(y + first * c, from, 1, 0, (last - first) * c);
                else
                    fn(y + first * c, from, last - first, step * c, c);
            }
        }
    }
}

void k_pool_max(const struct conv_dims *d, const float *x, float *y)
{
    int64_t row = d->out[2] * d->c, n_out = conv_out_span(d), n_in = conv_in_span(d);
    for (int64_t n = 0; n < d->batch; n++, x += n_in * d->c) {
        for (int64_t o = 0; o < n_out; o += d->out[2], y += row) {
            for (int64_t i = 0; i < row; i++)
                y[i] = -FLT_MAX;
            pool_row(d, o, x, y, row_max);
        }
    }
}

void k_pool_max_f64(const struct conv_dims *d, const double *x, double *y)
{
    int64_t n_out = conv_out_span(d), n_in = conv_in_span(d), c = d->c;
    for (int64_t n = 0; n < d->batch; n++, x += n_in * c) {
        for (int64_t o = 0; o < n_out; o++, y += c) {
            struct box b = window_at(d, o);
            for (int64_t i = 0; i < c; i++)
                y[i] = -DBL_MAX;
            EACH_TAP(d, b, place)
                for (int64_t i = 0; i < c; i++)
                    y[i] = x[place * c + i] > y[i] ? x[place * c + i] : y[i];
        }
    }
}

/* Index of a flat position when the spatial axes are counted in reverse. */
static int64_t reversed(const struct conv_dims *d, int64_t place)
{
    int64_t at[CONV_AXES];
    for (int a = CONV_AXES - 1; a >= 0; a--) {
        at[a] = place % d->in[a];
        place /= d->in[a];
    }
    return (at[2] * d->in[1] + at[1]) * d->in[0] + at[0];
}

#define MAX_INDEX(name, type)                                                                      \
    void name(const struct conv_dims *d, const type *x, bool reverse, int64_t *index)              \
    {                                                                                              \
        int64_t n_out = conv_out_span(d), n_in = conv_in_span(d);                                  \
        for (int64_t n = 0; n < d->batch; n++, x += n_in * d->c) {                                 \
            for (int64_t c = 0; c < d->c; c++) {                                                   \
                for (int64_t o = 0; o < n_out; o++) {                                              \
                    struct box b = window_at(d, o);                                                \
                    int64_t best = -1;                                                             \
                    EACH_TAP(d, b, place)                                                          \
                        if (best < 0 || x[place * d->c + c] > x[best * d->c + c])                  \
                            best = place;                                                          \
                    if (reverse && best >= 0)                                                      \
                        best = reversed(d, best);                                                  \
                    *index++ = (n * d->c + c) * n_in + best;                                       \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
MAX_INDEX(k_pool_max_index, float)
MAX_INDEX(k_pool_max_index_f64, double)

/* What the sum of the window at output position o is divided by. */
static int64_t divisor(const struct conv_dims *d, bool count_padding, int64_t o)
{
    struct box b = window_at(d, o);
    int64_t taps = count_padding ? padded_taps(d, &b) : box_taps(&b);
    return taps > 0 ? taps : 1;
}

K_CLONES static void average_small(const struct conv_dims *d, bool count_padding, const float *x,
                                   float *y)
{
    int64_t c = d->c, row = d->out[2] * c, n_out = conv_out_span(d);
    for (int64_t o = 0; o < n_out; o += d->out[2], y += row) {
        memset(y, 0, sizeof *y * (size_t)row);
        pool_row(d, o, x, y, row_sum);
        for (int64_t j = 0; j < d->out[2]; j++) {
            float taps = (float)divisor(d, count_padding, o + j);
            for (int64_t i = 0; i < c; i++)
                y[j * c + i] /= taps;
        }
    }
}

/* Sums of many elements want more than a float. */
K_CLONES static void average_large(const struct conv_dims *d, bool count_padding, const float *x,
                                   float *y)
{
    int64_t c = d->c, n_out = conv_out_span(d);
    for (int64_t o = 0; o < n_out; o++, y += c) {
        struct box b = window_at(d, o);
        double taps = (double)divisor(d, count_padding, o);
        for (int64_t i0 = 0; i0 < c; i0 += CHANNELS) {
            int64_t m = c - i0 < CHANNELS ? c - i0 : CHANNELS;
            double sum[CHANNELS] = {0};
            EACH_TAP(d, b, place) {
                const float *row = x + place * c + i0;
                for (int64_t i = 0; i < m; i++)
                    sum[i] += (double)row[i];
            }
            for (int64_t i = 0; i < m; i++)
                y[i0 + i] = (float)(sum[i] / taps);
        }
    }
}

void k_pool_average(const struct conv_dims *d, bool count_padding, const float *x, float *y)
{
    int64_t n_in = conv_in_span(d) * d->c, n_out = conv_out_span(d) * d->c;
    for (int64_t n = 0; n < d->batch; n++, x += n_in, y += n_out) {
        if (conv_taps(d) <= SMALL)
            average_small(d, count_padding, x, y);
        else
            average_large(d, count_padding, x, y);
    }
}

void k_pool_average_float(const struct conv_dims *d, bool count_all, const float *x, float *y)
{
    int64_t n_in = conv_in_span(d), n_out = conv_out_span(d), c = d->c;
    memset(y, 0, sizeof *y * (size_t)(d->batch * n_out * c));
    for (int64_t n = 0; n < d->batch; n++, x += n_in * c) {
        for (int64_t o = 0; o < n_out; o++, y += c) {
            if (o % d->out[2] == 0)
                pool_row(d, o, x, y, row_sum);
            float taps = (float)(count_all ? conv_taps(d) : divisor(d, false, o));
            for (int64_t i = 0; i < c; i++)
                y[i] /= taps;
        }
    }
}

void k_pool_lp(const struct conv_dims *d, int p, const float *x, float *y)
{
    int64_t n_out = conv_out_span(d), n_in = conv_in_span(d);
    for (int64_t n = 0; n < d->batch; n++, x += n_in * d->c) {
        for (int64_t o = 0; o < n_out; o++) {
            struct box b = window_at(d, o);
            for (int64_t c = 0; c < d->c; c++) {
                double sum = 0;
                EACH_TAP(d, b, place)
                    sum += pow(fabs((double)x[place * d->c + c]), p);
                *y++ = (float)pow(sum, 1.0 / p);
            }
        }
    }
}
