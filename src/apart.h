/* SPDX-License-Identifier: Apache-2.0
 *
 * apart: keeps layers that are float apart from the codes around them.
 *
 * ONNX Runtime quantizes the weight of a float Conv, ConvTranspose or Gemm itself, with one scale,
 * where it reads a DequantizeLinear and a QuantizeLinear alone reads it, maybe behind Relu or Clip.
 * An operator in between that does nothing keeps it from that:
 *
 *     x -> Conv -> Relu -> y   =>   x -> Conv -> Max -> Relu -> y      x and y are codes
 */
#ifndef APART_H
#define APART_H

#include "target.h"

/* Of an annotated model, before it is lowered. Returns how many layers were set apart. */
int apart_floats(struct model *m, const struct target *t);

#endif
