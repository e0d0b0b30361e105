/* SPDX-License-Identifier: Apache-2.0
 *
 * k_pool: windows are cut to the taps that lie inside the input; what remains is a box with steps,
 * and the channels, which lie side by side, are the innermost loop.
 */
#include "k_pool.h"

#include "k_simd.h"

#include <float.h>
#include <math.h>

enum { CHANNELS = 64 }; /* channels whose sums are kept at a time */

/* The part of one window that lies inside [0, in): taps first .. last-1 on each axis. */
struct box {
    int64_t origin[CONV_AXES]; /* position of tap 0; may be negative */
    int64_t first[CONV_AXES], last[CONV_AXES];
};

/* Taps of a window that starts at `origin` whose positions lie in [low, high). */
static void clip_taps(const struct conv_dims *d, int a, int64_t origin, int64_t low, int64_t high,
                      int64_t *first, int64_t *last)
{
    int64_t step = d->dilation[a];
    *first = origin >= low ? 0 : (low - origin + step - 1) / step;
    *last = origin >= high ? 0 : (high - origin + step - 1) / step;
    if (*last > d->kernel[a])
        *last = d->kernel[a];
    if (*first > *last)
        *first = *last;
}

/* The window of output position o (flat). */
static struct box window_at(const struct conv_dims *d, int64_t o)
{
    struct box b;
    for (int a = CONV_AXES - 1; a >= 0; a--) {
        b.origin[a] = o % d->out[a] * d->stride[a] - d->pad[a];
        o /= d->out[a];
        clip_taps(d, a, b.origin[a], 0, d->in[a], &b.first[a], &b.last[a]);
    }
    return b;
}

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
        clip_taps(d, a, b->origin[a], -d->pad[a], d->in[a] + d->pad_end[a], &first, &last);
        n *= last - first;
    }
    return n;
}

/* Flat positions in the input of each tap of a box. */
#define EACH_TAP(d, b, place)                                                                      \
    for (int64_t t0 = (b).first[0]; t0 < (b).last[0]; t0++)                                        \
        for (int64_t t1 = (b).first[1]; t1 < (b).last[1]; t1++)                                    \
            for (int64_t t2 = (b).first[2],                                                        \
                         place = (((b).origin[0] + t0 * (d)->dilation[0]) * (d)->in[1]             \
                                  + (b).origin[1] + t1 * (d)->dilation[1])                         \
                                     * (d)->in[2]                                                  \
                                 + (b).origin[2] + t2 * (d)->dilation[2];                          \
                 t2 < (b).last[2]; t2++, place += (d)->dilation[2])

K_CLONES void k_pool_max(const struct conv_dims *d, const float *x, float *y)
{
    int64_t c = d->c, n_out = conv_out_span(d), n_in = conv_in_span(d);
    for (int64_t n = 0; n < d->batch; n++, x += n_in * c) {
        for (int64_t o = 0; o < n_out; o++, y += c) {
            struct box b = window_at(d, o);
            for (int64_t i = 0; i < c; i++)
                y[i] = -FLT_MAX;
            EACH_TAP(d, b, place) {
                const float *row = x + place * c;
                for (int64_t i = 0; i < c; i++)
                    y[i] = row[i] > y[i] ? row[i] : y[i];
            }
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

void k_pool_max_index(const struct conv_dims *d, const float *x, bool reverse, int64_t *index)
{
    int64_t n_out = conv_out_span(d), n_in = conv_in_span(d);
    for (int64_t n = 0; n < d->batch; n++, x += n_in * d->c) {
        for (int64_t c = 0; c < d->c; c++) {
            for (int64_t o = 0; o < n_out; o++) {
                struct box b = window_at(d, o);
                int64_t best = -1;
                EACH_TAP(d, b, place)
                    if (best < 0 || x[place * d->c + c] > x[best * d->c + c])
                        best = place;
                if (reverse && best >= 0)
                    best = reversed(d, best);
                *index++ = (n * d->c + c) * n_in + best;
            }
        }
    }
}

K_CLONES void k_pool_average(const struct conv_dims *d, bool count_padding, const float *x,
                             float *y)
{
    int64_t c = d->c, n_out = conv_out_span(d), n_in = conv_in_span(d);
    for (int64_t n = 0; n < d->batch; n++, x += n_in * c) {
        for (int64_t o = 0; o < n_out; o++, y += c) {
            struct box b = window_at(d, o);
            int64_t taps = count_padding ? padded_taps(d, &b) : box_taps(&b);
            for (int64_t i0 = 0; i0 < c; i0 += CHANNELS) {
                int64_t m = c - i0 < CHANNELS ? c - i0 : CHANNELS;
                double sum[CHANNELS] = {0};
                EACH_TAP(d, b, place) {
                    const float *row = x + place * c + i0;
                    for (int64_t i = 0; i < m; i++)
                        sum[i] += (double)row[i];
                }
                for (int64_t i = 0; i < m; i++)
                    y[i0 + i] = (float)(sum[i] / (double)(taps > 0 ? taps : 1));
            }
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
