/* SPDX-License-Identifier: Apache-2.0
 *
 * k_iconv: a block of output positions is gathered into rows [taps][c / groups] for k_igemm(), or
 * the input is such rows already. With one channel a group the taps are walked directly.
 */
#include "k_iconv.h"

#include "k_simd.h"

#include <string.h>

enum { BLOCK = 64 }; /* positions gathered at a time: rows stay in the second level cache */

static bool is_depthwise(const struct conv_dims *d)
{
    return d->groups == d->c && d->groups == d->m;
}

static int64_t row_of(const struct conv_dims *d)
{
    return k_igemm_row(d->c / d->groups * conv_taps(d));
}

/* Each position of the input is the row of one position of the output. */
static bool is_pointwise(const struct conv_dims *d)
{
    bool same = d->groups == 1 && row_of(d) == d->c;
    for (int a = 0; a < CONV_AXES; a++)
        same = same && d->kernel[a] == 1 && d->stride[a] == 1 && !d->pad[a]
            && d->in[a] == d->out[a];
    return same;
}

size_t k_iconv_packed(const struct conv_dims *d)
{
    return (size_t)(is_depthwise(d) ? conv_taps(d) * d->m : row_of(d) * d->m);
}

/* [m][tap][c] with padded rows; depthwise [tap][m]. */
void k_iconv_pack(const struct conv_dims *d, enum dtype t, const void *w, const int32_t *zero,
                  int64_t zero_step, int16_t *packed)
{
    int64_t taps = conv_taps(d), c = d->c / d->groups, row = row_of(d);
    bool depthwise = is_depthwise(d);
    for (int64_t m = 0; m < d->m; m++) {
        int32_t off = zero[m * zero_step];
        for (int64_t k = 0; k < taps; k++) {
            if (depthwise)
                k_widen(t, w, m * taps + k, 1, 1, off, packed + k * d->m + m);
            else
                k_widen(t, w, m * c * taps + k, taps, c, off, packed + m * row + k * c);
        }
        if (!depthwise)
            memset(packed + m * row + taps * c, 0, sizeof *packed * (size_t)(row - taps * c));
    }
}

size_t k_iconv_scratch(const struct conv_dims *d)
{
    return is_depthwise(d) || is_pointwise(d) ? 0 : (size_t)(BLOCK * row_of(d));
}

K_CLONES static void add_tap(int64_t m, const int16_t *restrict x, const int16_t *restrict w,
                             int32_t *restrict y)
{
    for (int64_t i = 0; i < m; i++)
        y[i] = (int32_t)((uint32_t)y[i] + (uint32_t)(x[i] * w[i]));
}

static void depthwise(const struct conv_dims *d, const int16_t *x, const int16_t *w, int32_t *y)
{
    int64_t taps = conv_taps(d), m = d->m, n_out = conv_out_span(d);
    memset(y, 0, sizeof *y * (size_t)(n_out * m));
    for (int64_t o = 0; o < n_out; o++, y += m) {
        int64_t at[CONV_AXES], tap[CONV_AXES];
        conv_split(o, d->out, at);
        for (int64_t t = 0; t < taps; t++) {
            conv_split(t, d->kernel, tap);
            int64_t place = conv_tap_place(d, at, tap, d->in);
            if (place >= 0)
                add_tap(m, x + place * m, w + t * m, y);
        }
    }
}

/* rows[i][tap][channel] of the positions first .. first+n-1, channels of one group. */
static void gather(const struct conv_dims *d, const int16_t *x, int64_t first, int64_t n,
                   int16_t *rows)
{
    int64_t taps = conv_taps(d), c = d->c / d->groups, row = row_of(d);
    for (int64_t i = 0; i < n; i++, rows += row) {
        int64_t at[CONV_AXES], tap[CONV_AXES];
        conv_split(first + i, d->out, at);
        for (int64_t t = 0; t < taps; t++) {
            conv_split(t, d->kernel, tap);
            int64_t place = conv_tap_place(d, at, tap, d->in);
            if (place < 0)
                memset(rows + t * c, 0, sizeof *rows * (size_t)c);
            else
                memcpy(rows + t * c, x + place * d->c, sizeof *rows * (size_t)c);
        }
        memset(rows + taps * c, 0, sizeof *rows * (size_t)(row - taps * c));
    }
}

void k_iconv(const struct conv_dims *d, const int16_t *x, const int16_t *packed, int32_t *y,
             int16_t *scratch)
{
    int64_t c = d->c / d->groups, m = d->m / d->groups, row = row_of(d), n_out = conv_out_span(d);
    if (is_depthwise(d)) {
        depthwise(d, x, packed, y);
        return;
    }
    bool pointwise = is_pointwise(d);
    for (int64_t first = 0; first < n_out; first += BLOCK) {
        int64_t n = n_out - first < BLOCK ? n_out - first : BLOCK;
        for (int64_t g = 0; g < d->groups; g++) {
            const int16_t *rows = pointwise ? x + first * row : scratch;
            if (!pointwise)
                gather(d, x + g * c, first, n, scratch);
            k_igemm(n, m, row, rows, packed + g * m * row, y + first * d->m + g * m, d->m);
        }
    }
}
