/* SPDX-License-Identifier: Apache-2.0
 *
 * shift: moves what the rounding of weights does to the mean of a layer's output into its bias.
 *
 *     b += (W - Wq) E[x]
 *
 * with E[x] for each input channel from a few samples of float inference, positions at the border
 * counted like all others. It is the cheap part of bias correction. Without it the error of a
 * network is a lottery: a step of the weights that is a third finer can cost 10 dB, since all
 * weights of a small kernel may happen to be rounded to the same side.
 */
#ifndef SHIFT_H
#define SHIFT_H

#include "dataset.h"
#include "err.h"
#include "place.h"

/* Gives layers of an annotated and solved model new biases, where they have one and a float weight.
 * `samples` of the dataset are run, spread over it. */
int shift_biases(struct model *m, const struct placement *p, const struct dataset *d, int samples,
                 int jobs, struct arena *a, struct err *err);

#endif
