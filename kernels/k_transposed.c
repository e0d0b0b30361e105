/* SPDX-License-Identifier: Apache-2.0
 *
 * k_transposed: geometry, weights, and the outputs of filters put in turns.
 */
#include "k_transposed.h"

#include "k_simd.h"

#include <string.h>

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool split_axis(struct k_transposed *p, const struct conv_dims *d, int a)
{
    int64_t stride = d->stride[a], reach = (d->kernel[a] - 1) * d->dilation[a] + 1;
    if (stride > d->kernel[a] || (stride > 1 && d->dilation[a] > 1))
        return false;
    int64_t first = floor_div(d->pad[a], stride);
    /* The last place, counted from the last input. */
    int64_t beyond = floor_div(reach - d->pad_end[a] - 1, stride);
    struct conv_dims *c = &p->conv;
    c->kernel[a] = (d->kernel[a] + stride - 1) / stride;
    c->stride[a] = 1;
    c->pad[a] = (c->kernel[a] - 1) * d->dilation[a] - first;
    c->pad_end[a] = beyond;
    c->out[a] = d->in[a] + beyond - first;
    c->m *= stride;
    p->filters *= stride;
    p->cut[a] = d->pad[a] - first * stride;
    return c->pad[a] >= 0 && c->pad_end[a] >= 0;
}

bool k_transposed_init(struct k_transposed *p, const struct conv_dims *d)
{
    memcpy(&p->conv, d, sizeof *d); /* plans are found by bytes */
    p->conv.transposed = false;
    p->filters = 1;
    for (int a = 0; a < CONV_AXES; a++)
        if (!split_axis(p, d, a))
            return false;
    return d->transposed;
}

/* The taps of filter number `filter`, one channel in and one out, from all of theirs. */
K_INLINE void split_taps(const struct k_transposed *p, const struct conv_dims *d, int64_t filter,
                         size_t size, const char *from, char *to)
{
    const int64_t *taps = p->conv.kernel, *kernel = d->kernel, *stride = d->stride;
    int64_t r2 = filter % stride[2], r1 = filter / stride[2] % stride[1];
    int64_t r0 = filter / stride[2] / stride[1];
    for (int64_t k0 = r0; k0 < kernel[0]; k0 += stride[0])
        for (int64_t k1 = r1; k1 < kernel[1]; k1 += stride[1])
            for (int64_t k2 = r2; k2 < kernel[2]; k2 += stride[2]) {
                int64_t t0 = taps[0] - 1 - k0 / stride[0], t1 = taps[1] - 1 - k1 / stride[1];
                int64_t t2 = taps[2] - 1 - k2 / stride[2];
                int64_t tap = (t0 * taps[1] + t1) * taps[2] + t2;
                int64_t own = (k0 * kernel[1] + k1) * kernel[2] + k2;
                memcpy(to + (size_t)tap * size, from + (size_t)own * size, size);
            }
}

/* Where size is a constant, items are copied without a call. */
K_INLINE void split_all(const struct k_transposed *p, const struct conv_dims *d,
                        enum k_transposed_order order, size_t size, const char *w, char *to)
{
    int64_t c = d->c / d->groups, m = d->m / d->groups, filters = p->filters;
    int64_t kernel = conv_taps(d), taps = conv_taps(&p->conv);
    for (int64_t i = 0; i < d->c; i++)
        for (int64_t channel = 0; channel < m; channel++, w += (size_t)kernel * size)
            for (int64_t filter = 0; filter < filters; filter++) {
                int64_t o = order == K_CHANNEL_FIRST ? channel * filters + filter
                                                     : filter * m + channel;
                int64_t row = i / c * m * filters + o;
                split_taps(p, d, filter, size, w, to + (size_t)((row * c + i % c) * taps) * size);
            }
}

void k_transposed_split(const struct k_transposed *p, const struct conv_dims *d,
                        enum k_transposed_order order, size_t size, const void *w, void *to)
{
    memset(to, 0, (size_t)(p->conv.m * (d->c / d->groups) * conv_taps(&p->conv)) * size);
    if (size == sizeof(float))
        split_all(p, d, order, sizeof(float), w, to);
    else
        split_all(p, d, order, size, w, to);
}

/* Row (o0, o1) of the output; x: of one sample. */
static void join_row(const struct k_transposed *p, const struct conv_dims *d, const float *x,
                     int64_t o0, int64_t o1, float *row)
{
    int64_t m = d->m / d->groups;
    const int64_t *stride = d->stride, *cut = p->cut, *places = p->conv.out;
    int64_t q0 = (o0 + cut[0]) / stride[0], r0 = (o0 + cut[0]) % stride[0];
    int64_t q1 = (o1 + cut[1]) / stride[1], r1 = (o1 + cut[1]) % stride[1];
    for (int64_t o2 = 0; o2 < d->out[2]; o2++) {
        int64_t q2 = (o2 + cut[2]) / stride[2], r2 = (o2 + cut[2]) % stride[2];
        int64_t filter = (r0 * stride[1] + r1) * stride[2] + r2;
        const float *from = x + ((q0 * places[1] + q1) * places[2] + q2) * p->conv.m;
        for (int64_t g = 0; g < d->groups; g++)
            memcpy(row + o2 * d->m + g * m, from + (g * p->filters + filter) * m,
                   (size_t)m * sizeof *row);
    }
}

/* What is added may lie in y, so then rows are made elsewhere. */
void k_transposed_join(const struct k_transposed *p, const struct conv_dims *d, const float *x,
                       const struct tail *t, float *y, float *room)
{
    int64_t row = d->out[2] * d->m, n_in = conv_out_span(&p->conv) * p->conv.m;
    for (int64_t s = 0; s < d->batch; s++, x += n_in)
        for (int64_t o0 = 0; o0 < d->out[0]; o0++)
            for (int64_t o1 = 0; o1 < d->out[1]; o1++) {
                int64_t at = ((s * d->out[0] + o0) * d->out[1] + o1) * row;
                float *line = t->add ? room : y + at;
                struct tail tail = *t;
                tail.add = t->add ? t->add + at : NULL;
                join_row(p, d, x, o0, o1, line);
                k_tail(&tail, line, d->out[2], d->m);
                if (t->add)
                    memcpy(y + at, line, (size_t)row * sizeof *y);
            }
}
