/* SPDX-License-Identifier: Apache-2.0
 *
 * qmatmul: QLinearMatMul of 8-bit floats, which is no product of integers.
 */
#ifndef QMATMUL_H
#define QMATMUL_H

#include "op.h"

/* Is one of the types an 8-bit float? All inputs are there. */
bool qmatmul_is_real(const struct call *c);
int qmatmul_real(const struct call *c, struct err *err);

#endif
