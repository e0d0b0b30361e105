/* SPDX-License-Identifier: Apache-2.0
 *
 * peaks: the smallest and the largest x of each channel of each value over samples of a dataset.
 */
#ifndef PEAKS_H
#define PEAKS_H

#include "channel.h"
#include "observe.h"
#include "tap.h"

/* Watches the values with known channels (n > 0) on `samples` samples. What it returns lives in the
 * arena and is filled when the run has ended. */
struct peaks *peaks_watch(const struct model *m, const struct channels *channels, int samples,
                          int jobs, struct arena *a, struct tap *tap);

/* What the tap's `watch` does, for who goes through the elements of values as well: their extremes
 * come with it. False: the value has no channels, or is not as it should be, and was not seen. */
bool peaks_see(const struct tap *tap, int slot, const struct value *v, const struct tensor *t,
               struct extremes *e);

#endif
