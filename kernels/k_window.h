/* SPDX-License-Identifier: Apache-2.0
 *
 * k_window: the part of a window that lies inside the input; the geometry is k_conv.h's.
 */
#ifndef K_WINDOW_H
#define K_WINDOW_H

#include "k_conv.h"

/* Taps first .. last-1 on each axis lie inside [0, in). */
struct box {
    int64_t origin[CONV_AXES]; /* position of tap 0; may be negative */
    int64_t first[CONV_AXES], last[CONV_AXES];
};

/* The window of output position o (flat). */
struct box window_at(const struct conv_dims *d, int64_t o);
/* Taps of axis a of a window that starts at `origin` whose positions lie in [low, high). */
void window_taps(const struct conv_dims *d, int a, int64_t origin, int64_t low, int64_t high,
                 int64_t *first, int64_t *last);

/* Flat positions in the input of each tap (t0, t1, t2) of a box. */
#define EACH_TAP(d, b, place)                                                                      \
    for (int64_t t0 = (b).first[0]; t0 < (b).last[0]; t0++)                                        \
        for (int64_t t1 = (b).first[1]; t1 < (b).last[1]; t1++)                                    \
            for (int64_t t2 = (b).first[2],                                                        \
                         place = (((b).origin[0] + t0 * (d)->dilation[0]) * (d)->in[1]             \
                                  + (b).origin[1] + t1 * (d)->dilation[1])                         \
                                     * (d)->in[2]                                                  \
                                 + (b).origin[2] + t2 * (d)->dilation[2];                          \
                 t2 < (b).last[2]; t2++, place += (d)->dilation[2])

#endif
