/* SPDX-License-Identifier: Apache-2.0
 *
 * coded: operators between quantizers that ONNX Runtime replaces by one on codes: where a and b are
 * dequantized, added and quantized, that is com.microsoft's QLinearAdd, and so on.
 */
#ifndef CODED_H
#define CODED_H

#include "op.h"

/* How many inputs arrive as codes where the operator is one of those (Add, Mul, AveragePool,
 * GlobalAveragePool, LeakyRelu, Sigmoid, Softmax); 0: it is not. */
int coded_inputs(enum op op);
/* Instead of its eval, where call.codes has `each` and `y`. The tail has nothing but limits. */
int coded_eval(struct call *c, struct err *err);

#endif
