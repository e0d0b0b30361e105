/* SPDX-License-Identifier: Apache-2.0
 *
 * k_conv: convolution as a matrix product. A block of output positions is gathered into rows
 * [taps][c / groups], which meet the weight as a matrix; a transposed convolution goes the other
 * way, from products to sums at the places they belong to. Few channels are gathered from planes,
 * as columns, since a position has too little of them to copy. With one channel a group there is
 * no matrix to speak of, and the taps are walked directly.
 */
#include "k_conv.h"

#include "k_gemm.h"
#include "k_layout.h"
#include "k_simd.h"

#include <string.h>

enum { BLOCK = 256 }; /* positions gathered at a time: rows stay in the second level cache */

static int64_t product(const int64_t v[CONV_AXES])
{
    return v[0] * v[1] * v[2];
}

int64_t conv_taps(const struct conv_dims *d)
{
    return product(d->kernel);
}

int64_t conv_in_span(const struct conv_dims *d)
{
    return product(d->in);
}

int64_t conv_out_span(const struct conv_dims *d)
{
    return product(d->out);
}

struct conv_dims conv_dims_product(int64_t rows, int64_t k, int64_t n)
{
    struct conv_dims d;
    memset(&d, 0, sizeof d); /* who looks for code compares bytes */
    d.axes = 1;
    d.batch = d.groups = 1;
    d.c = k;
    d.m = n;
    for (int a = 0; a < CONV_AXES; a++) {
        d.in[a] = d.out[a] = a == CONV_AXES - 1 ? rows : 1;
        d.kernel[a] = d.stride[a] = d.dilation[a] = 1;
    }
    return d;
}

static bool is_depthwise(const struct conv_dims *d)
{
    return !d->transposed && d->groups == d->c && d->groups == d->m;
}

static bool has_few_channels(const struct conv_dims *d)
{
    enum { FEW = 16 };
    return !d->transposed && !is_depthwise(d) && d->c / d->groups < FEW;
}

bool k_conv_is_apart(const struct conv_dims *d)
{
    bool apart = d->transposed;
    for (int a = 0; a < CONV_AXES; a++)
        apart = apart && d->dilation[a] == 1 && d->kernel[a] == d->stride[a] && d->pad[a] == 0
             && d->out[a] == d->in[a] * d->stride[a];
    return apart;
}

size_t k_conv_packed(const struct conv_dims *d)
{
    return (size_t)(d->c / d->groups * d->m * conv_taps(d));
}

/* Forward: [group][m][tap][c]; depthwise [tap][m]; transposed [group][c][tap][m]. */
void k_conv_pack(const struct conv_dims *d, const float *w, float *packed)
{
    int64_t taps = conv_taps(d), c = d->c / d->groups, m = d->m / d->groups;
    int64_t outer = d->transposed ? d->c : d->m, inner = d->transposed ? m : c;
    if (is_depthwise(d)) {
        outer = 1;
        inner = d->m;
    }
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            for (int64_t t = 0; t < taps; t++)
                packed[(o * taps + t) * inner + i] = w[(o * inner + i) * taps + t];
}

size_t k_conv_scratch(const struct conv_dims *d)
{
    if (is_depthwise(d))
        return 0;
    int64_t row = (d->transposed ? d->m : d->c) / d->groups * conv_taps(d);
    if (!has_few_channels(d))
        return (size_t)(BLOCK * row);
    return (size_t)(BLOCK * (row + d->m / d->groups) + d->c * conv_in_span(d));
}

/* Coordinates of a flat position, the last axis fastest. */
static void split(int64_t position, const int64_t span[CONV_AXES], int64_t at[CONV_AXES])
{
    for (int a = CONV_AXES - 1; a >= 0; a--) {
        at[a] = position % span[a];
        position /= span[a];
    }
}

/* Where a tap of the window at `at` lies on the other side; -1: outside. `other` has the extent
 * that the window moves over: the input, or the output of a transposed convolution. */
static int64_t tap_place(const struct conv_dims *d, const int64_t at[CONV_AXES],
                         const int64_t tap[CONV_AXES], const int64_t other[CONV_AXES])
{
    int64_t place = 0;
    for (int a = 0; a < CONV_AXES; a++) {
        int64_t p = at[a] * d->stride[a] - d->pad[a] + tap[a] * d->dilation[a];
        if (p < 0 || p >= other[a])
            return -1;
        place = place * other[a] + p;
    }
    return place;
}

/* All ways add to what y holds. */
K_CLONES static void depthwise(const struct conv_dims *d, const float *x, const float *w, float *y)
{
    int64_t taps = conv_taps(d), m = d->m, n_out = conv_out_span(d);
    for (int64_t o = 0; o < n_out; o++) {
        float *row = y + o * m;
        int64_t at[CONV_AXES], tap[CONV_AXES];
        split(o, d->out, at);
        for (int64_t t = 0; t < taps; t++) {
            split(t, d->kernel, tap);
            int64_t place = tap_place(d, at, tap, d->in);
            if (place < 0)
                continue;
            const float *from = x + place * m, *by = w + t * m;
            for (int64_t i = 0; i < m; i++)
                row[i] += from[i] * by[i];
        }
    }
}

/* rows[i][tap][channel] of the positions first .. first+n-1, channels of one group. */
static void gather(const struct conv_dims *d, const float *x, int64_t first, int64_t n, float *rows)
{
    int64_t taps = conv_taps(d), c = d->c / d->groups;
    for (int64_t i = 0; i < n; i++) {
        int64_t at[CONV_AXES], tap[CONV_AXES];
        split(first + i, d->out, at);
        for (int64_t t = 0; t < taps; t++, rows += c) {
            split(t, d->kernel, tap);
            int64_t place = tap_place(d, at, tap, d->in);
            if (place < 0)
                memset(rows, 0, sizeof *rows * (size_t)c);
            else
                memcpy(rows, x + place * d->c, sizeof *rows * (size_t)c);
        }
    }
}

/* to[i] = from[at + i * step] for i < n, 0 where that is not within the line. */
static void copy_line(const float *from, int64_t line, int64_t at, int64_t step, int64_t n,
                      float *to)
{
    int64_t first = at < 0 ? (-at + step - 1) / step : 0;
    int64_t last = at < line ? (line - at + step - 1) / step : 0;
    first = first < n ? first : n;
    last = last < n ? last : n;
    if (last <= first) {
        memset(to, 0, sizeof *to * (size_t)n);
        return;
    }
    memset(to, 0, sizeof *to * (size_t)first);
    if (step == 1)
        memcpy(to + first, from + at + first, sizeof *to * (size_t)(last - first));
    else
        for (int64_t i = first; i < last; i++)
            to[i] = from[at + i * step];
    memset(to + last, 0, sizeof *to * (size_t)(n - last));
}

/* columns[tap][channel][i] of positions first + i, all of one line of the output; x has planes, of
 * the channels of one group. */
static void gather_line(const struct conv_dims *d, const float *x, int64_t first, int64_t n,
                        float *columns)
{
    int64_t taps = conv_taps(d), c = d->c / d->groups, line = d->in[2], span = conv_in_span(d);
    int64_t at[CONV_AXES], tap[CONV_AXES], p[CONV_AXES];
    split(first, d->out, at);
    for (int64_t t = 0; t < taps; t++) {
        split(t, d->kernel, tap);
        for (int a = 0; a < CONV_AXES; a++)
            p[a] = at[a] * d->stride[a] - d->pad[a] + tap[a] * d->dilation[a];
        bool inside = p[0] >= 0 && p[0] < d->in[0] && p[1] >= 0 && p[1] < d->in[1];
        const float *from = x + (inside ? (p[0] * d->in[1] + p[1]) * line : 0);
        for (int64_t i = 0; i < c; i++, columns += BLOCK)
            copy_line(from + i * span, inside ? line : 0, p[2], d->stride[2], n, columns);
    }
}

static void gather_planes(const struct conv_dims *d, const float *x, int64_t first, int64_t n,
                          float *columns)
{
    for (int64_t i = 0, run; i < n; i += run) {
        run = d->out[2] - (first + i) % d->out[2];
        run = run < n - i ? run : n - i;
        gather_line(d, x, first + i, run, columns + i);
    }
}

/* The reverse for a transposed convolution: rows are added to y. */
static void scatter(const struct conv_dims *d, const float *rows, int64_t first, int64_t n,
                    float *y)
{
    int64_t taps = conv_taps(d), m = d->m / d->groups;
    for (int64_t i = 0; i < n; i++) {
        int64_t at[CONV_AXES], tap[CONV_AXES];
        split(first + i, d->in, at);
        for (int64_t t = 0; t < taps; t++, rows += m) {
            split(t, d->kernel, tap);
            int64_t place = tap_place(d, at, tap, d->out);
            if (place < 0)
                continue;
            float *to = y + place * d->m;
            for (int64_t j = 0; j < m; j++)
                to[j] += rows[j];
        }
    }
}

/* The same where windows do not touch: each element of y is written once. */
static void place_rows(const struct conv_dims *d, const float *rows, int64_t first, int64_t n,
                       float *y)
{
    const int64_t *k = d->kernel, *out = d->out;
    int64_t m = d->m / d->groups, at[CONV_AXES];
    int64_t pieces = d->groups == 1 ? 1 : k[2], piece = d->groups == 1 ? k[2] * m : m;
    split(first, d->in, at);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t t0 = 0; t0 < k[0]; t0++)
            for (int64_t t1 = 0; t1 < k[1]; t1++) {
                float *to = y + (((at[0] * k[0] + t0) * out[1] + at[1] * k[1] + t1) * out[2]
                                 + at[2] * k[2]) * d->m;
                for (int64_t t2 = 0; t2 < pieces; t2++, rows += piece, to += d->m)
                    for (int64_t j = 0; j < piece; j++)
                        to[j] = rows[j];
            }
        for (int a = CONV_AXES - 1; a >= 0 && ++at[a] == d->in[a] && a; a--)
            at[a] = 0;
    }
}

/* Of few channels; the products come out as planes too. */
static void forward_planes(const struct conv_dims *d, const float *x, const float *w, float *y,
                           float *planes)
{
    int64_t c = d->c / d->groups, m = d->m / d->groups, k = c * conv_taps(d);
    int64_t n_out = conv_out_span(d), span = conv_in_span(d);
    float *columns = planes + d->c * span, *sums = columns + k * BLOCK;
    k_transpose(planes, x, sizeof *x, 1, span, d->c);
    for (int64_t g = 0; g < d->groups; g++) {
        for (int64_t first = 0; first < n_out; first += BLOCK) {
            int64_t n = n_out - first < BLOCK ? n_out - first : BLOCK;
            gather_planes(d, planes + g * c * span, first, n, columns);
            struct gemm p = {.m = m, .n = n, .k = k, .lda = k, .ldb = BLOCK, .ldc = BLOCK,
                             .alpha = 1};
            k_gemm_f32(&p, w + g * m * k, columns, sums);
            for (int64_t j = 0; j < m; j++)
                for (int64_t i = 0; i < n; i++)
                    y[(first + i) * d->m + g * m + j] += sums[j * BLOCK + i];
        }
    }
}

static void forward(const struct conv_dims *d, const float *x, const float *w, float *y,
                    float *rows)
{
    int64_t c = d->c / d->groups, m = d->m / d->groups, k = c * conv_taps(d);
    int64_t n_out = conv_out_span(d);
    for (int64_t g = 0; g < d->groups; g++) {
        for (int64_t first = 0; first < n_out; first += BLOCK) {
            int64_t n = n_out - first < BLOCK ? n_out - first : BLOCK;
            gather(d, x + g * c, first, n, rows);
            struct gemm p = {.m = n, .n = m, .k = k, .tb = true, .lda = k, .ldb = k, .ldc = d->m,
                             .alpha = 1, .beta = 1};
            k_gemm_f32(&p, rows, w + g * m * k, y + first * d->m + g * m);
        }
    }
}

static void backward(const struct conv_dims *d, const float *x, const float *w, bool fresh,
                     float *y, float *rows)
{
    int64_t c = d->c / d->groups, m = d->m / d->groups, k = m * conv_taps(d);
    int64_t n_in = conv_in_span(d);
    for (int64_t g = 0; g < d->groups; g++) {
        for (int64_t first = 0; first < n_in; first += BLOCK) {
            int64_t n = n_in - first < BLOCK ? n_in - first : BLOCK;
            struct gemm p = {.m = n, .n = k, .k = c, .lda = d->c, .ldb = k, .ldc = k, .alpha = 1};
            k_gemm_f32(&p, x + first * d->c + g * c, w + g * c * k, rows);
            if (fresh)
                place_rows(d, rows, first, n, y + g * m);
            else
                scatter(d, rows, first, n, y + g * m);
        }
    }
}

void k_conv(const struct conv_dims *d, const float *x, const float *packed, const struct tail *t,
            float *y, float *scratch)
{
    int64_t n_in = conv_in_span(d) * d->c, n_out = conv_out_span(d) * d->m;
    size_t size = sizeof *y * (size_t)(d->batch * n_out);
    struct tail rest = *t;
    rest.add = NULL;
    bool fresh = !t->add && k_conv_is_apart(d);
    if (!t->add && !fresh)
        memset(y, 0, size);
    else if (t->add && t->add != y)
        memcpy(y, t->add, size);
    for (int64_t b = 0; b < d->batch; b++, x += n_in, y += n_out) {
        if (d->transposed)
            backward(d, x, packed, fresh, y, scratch);
        else if (is_depthwise(d))
            depthwise(d, x, packed, y);
        else if (has_few_channels(d))
            forward_planes(d, x, packed, y, scratch);
        else
            forward(d, x, packed, y, scratch);
        k_tail(&rest, y, conv_out_span(d), d->m);
    }
}
