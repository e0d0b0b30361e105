/* SPDX-License-Identifier: Apache-2.0
 *
 * gated: what the executor makes of x, its Sigmoid or HardSigmoid, and their product.
 */
#ifndef GATED_H
#define GATED_H

#include "op.h"

/* Output 0 = the tail's activation of input 0, both float. Its alpha counts along axis 1. */
void gated_eval(const struct call *c);

#endif
