/* SPDX-License-Identifier: Apache-2.0
 *
 * predict_cost: about how long layers take in ONNX Runtime, in float and in integers, on one core.
 *
 * Simple formulas for its kernels on x86-64 with VNNI, fitted to measurements (docs/targets.md).
 * They are meant to tell whether integers pay, which they do not where channels are few, and are
 * within a factor of two for most layers. Nothing else is derived from them.
 */
#ifndef PREDICT_COST_H
#define PREDICT_COST_H

#include "predict.h"

/* Of an execution; false: an operator without a formula. Dims that are not known count as 32, but
 * the first as 1. */
bool cost_of_layer(const struct node *n, struct layer_cost *c);
/* What it takes more if its input is quantized at run time and not by calibrated ranges; INFINITY:
 * not known. */
double cost_of_dynamic(const struct node *n);
/* The same with a scale for each row, of a matrix product. */
double cost_of_rows(const struct node *n);
/* Would a convolution in integers be faster with zeros around that make so many input channels? */
bool cost_pays_to_pad(const struct node *n, double channels);
/* How many times as long it takes with zeros between its channels that make so many of them;
 * INFINITY: not known. */
double cost_times_spread(const struct node *n, double channels);
/* Product of dims from..rank-1, those that are not known as above; 0: the rank is not known. */
double cost_size(const struct value *v, int from);

/* Microseconds of a node that computes nothing, and of QuantizeLinear or DequantizeLinear for an
 * element. */
#define COST_PER_NODE 2
#define COST_PER_CONVERTED 3e-4

#endif
