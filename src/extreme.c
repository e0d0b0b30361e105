/* SPDX-License-Identifier: Apache-2.0
 *
 * extreme: from the value up to where it comes from.
 */
#include "extreme.h"

#include "op.h"

static bool gives_extremes(const struct node *n)
{
    return n->op == OP_ReduceMax || n->op == OP_ReduceMin || n->op == OP_GlobalMaxPool;
}

/* The only input that is no constant; NULL: there are others, or none. */
static const struct value *only_input(const struct node *n)
{
    const struct value *only = NULL;
    for (int i = 0; i < n->n_in; i++) {
        const struct value *v = node_input(n, i);
        if (!v || v->constant)
            continue;
        if (only)
            return NULL;
        only = v;
    }
    return only;
}

static bool lowers_rank(const struct value *from, const struct value *to)
{
    return from->type.shape.rank > to->type.shape.rank;
}

bool value_is_extreme(const struct value *v)
{
    while (v && v->def && !gives_extremes(v->def)) {
        const struct value *from = only_input(v->def);
        if (!from || op_table[v->def->op].role == ROLE_WEIGHTED || lowers_rank(from, v))
            return false;
        v = from;
    }
    return v && v->def;
}
