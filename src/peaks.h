/* SPDX-License-Identifier: Apache-2.0
 *
 * peaks: the largest |x| of each channel of each value over samples of a dataset.
 */
#ifndef PEAKS_H
#define PEAKS_H

#include "channel.h"
#include "dataset.h"
#include "err.h"

/* peak[id][channel] for the values of the main graph with known channels, in the arena; NULL for
 * the others. n samples spread over the dataset. NULL: the model cannot be run, or the data not
 * read. */
float **peaks_measure(const struct model *m, const struct channels *channels,
                      const struct dataset *d, int n, int jobs, struct arena *a,
                      struct err *err);

#endif
