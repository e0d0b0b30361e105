/* SPDX-License-Identifier: Apache-2.0
 *
 * peaks: the smallest and the largest x of each channel of each value over samples of a dataset.
 */
#ifndef PEAKS_H
#define PEAKS_H

#include "channel.h"
#include "dataset.h"
#include "err.h"

/* Of the values of the main graph with known channels, in the arena; n samples spread over the
 * dataset. -1: the model cannot be run, or the data not read. */
int peaks_measure(const struct model *m, const struct channels *channels, const struct dataset *d,
                  int n, int jobs, struct arena *a, struct peaks *peaks, struct err *err);

#endif
