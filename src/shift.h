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

#include "err.h"
#include "place.h"
#include "tap.h"

struct means; /* of the channels of layers' inputs */

/* Watches the inputs of the layers on `samples` samples; the means live in the arena. */
struct means *means_watch(const struct model *m, const struct placement *p, int samples, int jobs,
                          struct arena *a, struct tap *tap);
/* Gives layers of the annotated and solved model new biases, where they have one and a float weight
 * that they read rounded, by the means that a run has brought. Not ConvTranspose, of whose weight
 * each output sees another part. */
void shift_biases(struct model *m, const struct placement *p, const struct means *means);

#endif
