/* SPDX-License-Identifier: Apache-2.0
 *
 * quantized: recognizing a model that somebody has quantized before.
 */
#ifndef QUANTIZED_H
#define QUANTIZED_H

#include "graph.h"

/* The first node (bodies included) that only quantized models have: QuantizeLinear,
 * DequantizeLinear, QLinear*, *Integer, FakeQuantize, MatMulNBits and the like; NULL: none. */
const struct node *model_find_quantized(const struct model *m);
/* The same for one operator. */
bool node_is_quantized(const struct node *n);

#endif
