/* SPDX-License-Identifier: Apache-2.0
 *
 * stacks: the operands of MatMul and its relatives as stacks of matrices, by numpy's rules: a
 * vector is a row on the left and a column on the right, leading axes broadcast.
 */
#ifndef STACKS_H
#define STACKS_H

#include "err.h"
#include "tensor.h"

struct stacks {
    struct shape a, b, y; /* leading axes broadcast; y's are known last two */
    bool row, column;     /* a, b was a vector: that axis is not in the result */
};

int stacks_read(const struct shape *a, const struct shape *b, struct stacks *s, struct err *err);
/* The shape of the result, without the axes that vectors lack. */
struct shape stacks_result(const struct stacks *s);
/* Which matrix of a stack is used for matrix i of the result. */
int64_t stacks_matrix(const struct shape *stack, const struct shape *result, int64_t i);

#endif
