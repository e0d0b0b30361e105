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

/* rows[i][tap][channel] of n positions, channels of one group; zeros outside. */
static void gather(const struct conv_dims *d, const struct k_iconv_input *x, int64_t group,
                   int64_t first, int64_t n, int16_t *rows)
{
    int64_t c = d->c / d->groups, row = row_of(d);
    memset(rows, 0, sizeof *rows * (size_t)(n * row));
    for (int64_t o = first; o < first + n; o++, rows += row) {
        struct box b = window_at(d, o);
        EACH_TAP(d, b, place) {
            int64_t tap = (t0 * d->kernel[1] + t1) * d->kernel[2] + t2;
            k_widen(x->dtype, x->data, x->at + place * d->c + group * c, 1, c, x->zero,
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
        k_igemm(n, m, row, scratch, packed + g * m * row, y + g * m, d->m);
    }
}
