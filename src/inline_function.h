/* SPDX-License-Identifier: Apache-2.0
 *
 * inline_function: calls of the model's own functions become what the functions compute.
 */
#ifndef INLINE_FUNCTION_H
#define INLINE_FUNCTION_H

#include "err.h"
#include "graph.h"

/* Replaces every call, in bodies and in what comes out of other calls too. The nodes that come in
 * have fresh names; what a call computes keeps the call's names of its outputs. A node from a
 * function of another operator set than the model's says so (node->opset). Returns how many calls
 * there were; -1: one cannot be replaced, and the model is of no use any more. */
int model_inline_functions(struct model *m, struct err *err);

#endif
