/* SPDX-License-Identifier: Apache-2.0
 *
 * k_window: windows are cut to the taps that lie inside the input; what remains is a box with
 * steps.
 */
#include "k_window.h"

void window_taps(const struct conv_dims *d, int a, int64_t origin, int64_t low, int64_t high,
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

struct box window_at(const struct conv_dims *d, int64_t o)
{
    struct box b;
    for (int a = CONV_AXES - 1; a >= 0; a--) {
        b.origin[a] = o % d->out[a] * d->stride[a] - d->pad[a];
        o /= d->out[a];
        window_taps(d, a, b.origin[a], 0, d->in[a], &b.first[a], &b.last[a]);
    }
    return b;
}
