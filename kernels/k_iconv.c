/* SPDX-License-Identifier: Apache-2.0
 *
 * k_iconv: a block of output positions is gathered and widened into rows [taps][c / groups] for
 * k_igemm(). With one channel a group the taps are walked directly.
 */
#include "k_iconv.h"

#include "k_simd.h"
#include "k_window.h"

#include <string.h>

static bool is_depthwise(const struct conv_dims *d)
{
    return d->groups == d->c && d->groups == d->m;
}

static int64_t row_of(const struct conv_dims *d)
{
    return k_igemm_row(d->c / d->groups * conv_taps(d));
}

size_t k_iconv_packed(const struct conv_dims *d)
{
    int64_t panels = k_igemm_panels(d->m / d->groups, row_of(d));
    return (size_t)(is_depthwise(d) ? conv_taps(d) * d->m : d->groups * panels);
}

/* Panels of [tap][c] for each group; depthwise [tap][m]. */
void k_iconv_pack(const struct conv_dims *d, enum dtype t, const void *w, const int32_t *zero,
                  int64_t zero_step, int16_t *packed)
{
    enum { CHUNK = 256 };
    int16_t wide[CHUNK];
    int64_t taps = conv_taps(d), c = d->c / d->groups, row = row_of(d), each = d->m / d->groups;
    bool depthwise = is_depthwise(d);
    if (!depthwise)
        memset(packed, 0, sizeof *packed * k_iconv_packed(d));
    for (int64_t m = 0; m < d->m; m++) {
        int64_t j = m % each;
        int16_t *panels = packed + m / each * k_igemm_panels(each, row);
        for (int64_t k = 0; k < taps; k++)
            for (int64_t i = 0; i < c; i += CHUNK) {
                int64_t n = c - i < CHUNK ? c - i : CHUNK;
                k_widen(t, w, (m * c + i) * taps + k, taps, n, zero[m * zero_step], wide);
                if (depthwise)
                    packed[k * d->m + m] = wide[0];
                else
                    k_igemm_put(j, k * c + i, n, row, wide, panels);
            }
    }
}

size_t k_iconv_scratch(const struct conv_dims *d)
{
    return is_depthwise(d) ? 0 : (size_t)(K_ICONV_BLOCK * row_of(d));
}

#define ADD_TAP(type)                                                                              \
    do {                                                                                           \
        const type *restrict from = (const type *)x + at;                                          \
        for (int64_t i = 0; i < m; i++)                                                            \
            y[i] = (int32_t)((uint32_t)y[i] + (uint32_t)((from[i] - zero) * w[i]));                \
    } while (0)

K_CLONES static void add_tap(enum dtype t, const void *x, int64_t at, int32_t zero, int64_t m,
                             const int16_t *restrict w, int32_t *restrict y)
{
    if (t == DTYPE_U8)
        ADD_TAP(uint8_t);
    else
        ADD_TAP(int8_t);
}

static void depthwise(const struct conv_dims *d, const struct k_iconv_input *x, const int16_t *w,
                      int64_t first, int64_t n, int32_t *y)
{
    int64_t m = d->m;
    memset(y, 0, sizeof *y * (size_t)(n * m));
    for (int64_t o = first; o < first + n; o++, y += m) {
        struct box b = window_at(d, o);
        EACH_TAP(d, b, place) {
            int64_t tap = (t0 * d->kernel[1] + t1) * d->kernel[2] + t2;
            add_tap(x->dtype, x->data, x->at + place * m, x->zero, m, w + tap * m, y);
        }
    }
}

static bool is_whole(const struct conv_dims *d, const struct box *b)
{
    bool whole = true;
    for (int a = 0; a < CONV_AXES; a++)
        whole = whole && b->last[a] - b->first[a] == d->kernel[a];
    return whole;
}

/* rows[i][tap][channel] of n positions, channels of one group; zeros outside. Taps that are
 * neighbours on the last axis are widened together where their channels are as well. */
static void gather(const struct conv_dims *d, const struct k_iconv_input *x, int64_t group,
                   int64_t first, int64_t n, int16_t *rows)
{
    int64_t c = d->c / d->groups, row = row_of(d), used = c * conv_taps(d);
    bool together = d->groups == 1 && d->dilation[2] == 1;
    for (int64_t o = first; o < first + n; o++, rows += row) {
        struct box b = window_at(d, o);
        int64_t run = together ? b.last[2] - b.first[2] : 1;
        if (!is_whole(d, &b))
            memset(rows, 0, sizeof *rows * (size_t)row);
        else if (row > used)
            rows[used] = 0;
        b.last[2] = together && run > 0 ? b.first[2] + 1 : b.last[2];
        EACH_TAP(d, b, place) {
            int64_t tap = (t0 * d->kernel[1] + t1) * d->kernel[2] + t2;
            k_widen(x->dtype, x->data, x->at + place * d->c + group * c, 1, run * c, x->zero,
                    rows + tap * c);
        }
    }
}

void k_iconv(const struct conv_dims *d, const struct k_iconv_input *x, const int16_t *packed,
             int64_t first, int64_t n, int32_t *y, int16_t *scratch)
{
    int64_t m = d->m / d->groups, row = row_of(d);
    if (is_depthwise(d)) {
        depthwise(d, x, packed, first, n, y);
        return;
    }
    for (int64_t g = 0; g < d->groups; g++) {
        gather(d, x, g, first, n, scratch);
        k_igemm(n, m, row, scratch, packed + g * k_igemm_panels(m, row), y + g * m, d->m);
    }
}
