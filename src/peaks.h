/* SPDX-License-Identifier: Apache-2.0
 *
 * peaks: the smallest and the largest x of each channel of each value over samples of a dataset.
 */
#ifndef PEAKS_H
#define PEAKS_H

#include "channel.h"
#include "tap.h"

/* Watches the values with known channels (n > 0) on `samples` samples. sums: also those of channels
 * next to each other; INFINITY where they do not lie side by side. What it returns lives in the
 * arena and is filled when the run has ended. */
struct peaks *peaks_watch(const struct model *m, const struct channels *channels, bool sums,
                          int samples, int jobs, struct arena *a, struct tap *tap);

#endif
