/* SPDX-License-Identifier: Apache-2.0
 *
 * inline_attention: attention with graphs in its midst becomes what it is made of.
 */
#ifndef INLINE_ATTENTION_H
#define INLINE_ATTENTION_H

#include "err.h"
#include "graph.h"

/* Replaces every FlexAttention that has a score_mod or a prob_mod, in bodies too, by products, a
 * Softmax and the nodes of those graphs. What it computes keeps its name. Returns how many there
 * were; -1: one cannot be replaced, and the model is of no use any more. */
int model_inline_attention(struct model *m, struct err *err);

#endif
