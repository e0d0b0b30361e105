/* SPDX-License-Identifier: Apache-2.0
 *
 * op_enum: the kinds of operators that quern knows, one for each row of ops.def.
 */
#ifndef OP_ENUM_H
#define OP_ENUM_H

enum op {
    OP_OTHER, /* no row: kept as it is */
    OP_RESULT, /* the pseudo node whose inputs are the graph's outputs */
#define OP(name, ...) OP_##name,
#define OP_IN(domain, id, ...) OP_##id,
#include "ops.def"
    N_OPS
};

#endif
