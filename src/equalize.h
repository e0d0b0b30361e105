/* SPDX-License-Identifier: Apache-2.0
 *
 * equalize: scales channels so that one scale serves all channels of a weight, or of an activation.
 * Both rewrite all graphs of the model; what it computes in float stays the same. They return how
 * many layers got other weights.
 */
#ifndef EQUALIZE_H
#define EQUALIZE_H

#include "channel.h"

/* For weights with one scale: largest weights alike, from the weights alone. */
int equalize_weights(struct model *m, struct arena *scratch);
/* For activations with one scale, by the peaks of all values that have channels (channel.h).
 * gates: gates such as x * Sigmoid(x) may come apart, into x * Sigmoid(s x). */
int equalize_activations(struct model *m, const struct peaks *peaks, bool gates,
                         struct arena *scratch);
/* Are there such gates? */
bool equalize_finds_gates(struct model *m, struct arena *scratch);

#endif
