/* SPDX-License-Identifier: Apache-2.0
 *
 * lower_products: layers whose input is quantized at run time (qtype.dynamic) become products of
 * codes.
 *
 *     MatMul(x, w)  =>  q, s, z = DynamicQuantizeLinear(x)
 *                       Mul(Cast(MatMulInteger(q, codes of w, z, zero of w)), Mul(s, scale of w))
 *     Gemm(x, w, b) =>  the same, and an Add of b
 *     Conv(x, w, b) =>  the same with ConvInteger; scales and bias along the channel axis
 *
 * With a scale a row, s = max |x| / 127 of each:
 *
 *     MatMul(x, w)  =>  Mul(MatMul(DQ(Q(Div(x, s), 1, 128), 1, 128), DQ(codes of w)), s)
 *
 * The first are the shapes that ONNX Runtime fuses into DynamicQuantizeMatMul; the second looks
 * like one of calibrated activations, and runs in integers where that does.
 */
#ifndef LOWER_PRODUCTS_H
#define LOWER_PRODUCTS_H

#include "graph.h"

/* Returns how many layers there were. The weights of those with a scale a row have a quant that
 * whoever calls writes. */
int lower_products(struct model *m, struct arena *scratch);

#endif
