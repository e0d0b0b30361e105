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
/* Gates such as x * Sigmoid(x): they stay as they are, or may come apart, into x * Sigmoid(s x),
 * where x is as exact as its layer, or where it is rounded like the product. */
enum equalize_gates { GATES_WHOLE, GATES_APART, GATES_APART_ROUNDED };
/* For activations with one scale, by the peaks of all values that have channels (channel.h). */
int equalize_activations(struct model *m, const struct peaks *peaks, enum equalize_gates gates,
                         struct arena *scratch);
/* Are there such gates? */
bool equalize_finds_gates(struct model *m, struct arena *scratch);

#endif
