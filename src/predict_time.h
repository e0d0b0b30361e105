/* SPDX-License-Identifier: Apache-2.0
 *
 * predict_time: about how long a quantized model takes in ONNX Runtime, and the float model that it
 * was made from: what quantizing adds and saves, node by node. To tell the user where it does not
 * pay; good to a quarter where dims are known.
 */
#ifndef PREDICT_TIME_H
#define PREDICT_TIME_H

#include "predict.h"

/* By the verdicts of p; p's layers get their costs as well. */
void predict_time(const struct model *m, struct arena *a, struct prediction *p);

#endif
