/* SPDX-License-Identifier: Apache-2.0
 *
 * predict_products: what stands around a product of codes whose input is quantized at run time.
 */
#ifndef PREDICT_PRODUCTS_H
#define PREDICT_PRODUCTS_H

#include "graph.h"

/* The MatMulInteger or ConvInteger to which a node belongs: the Cast behind it, the Mul of the
 * scales, the Mul by them, the Add of a bias. NULL: none. */
const struct node *product_around(const struct node *n);

#endif
