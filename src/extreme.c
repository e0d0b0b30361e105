/* SPDX-License-Identifier: Apache-2.0
 *
 * extreme: from the value up to where it comes from.
 */
#include "extreme.h"

#include "op.h"

static bool gives_extremes(const struct node *n, bool or_sums)
{
    switch (n->op) {
    case OP_ReduceMax: case OP_ReduceMin: case OP_GlobalMaxPool: return true;
    case OP_ReduceSum: case OP_ReduceProd: return or_sums;
    default: return false;
    }
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

/* Has it a lower rank, or another number of elements? */
static bool is_reshaped(const struct value *from, const struct value *to)
{
    const struct shape *a = &from->type.shape, *b = &to->type.shape;
    return a->rank > b->rank
        || (shape_known(a) && shape_known(b) && shape_count(a) != shape_count(b));
}

/* budget: values that may be looked at: joins of joins double the paths. */
static bool is_extreme(const struct value *v, bool or_sum, int *budget)
{
    for (; v && v->def && (*budget)--; v = only_input(v->def)) {
        const struct node *n = v->def;
        const struct value *from = only_input(n);
        if (gives_extremes(n, or_sum))
            return true;
        for (int i = 0; i < n->n_in && n->op == OP_Concat; i++)
            if (is_extreme(node_input(n, i), or_sum, budget))
                return true;
        if (op_table[n->op].role == ROLE_WEIGHTED || (from && is_reshaped(from, v)))
            return false;
    }
    return *budget < 0;
}

bool value_is_extreme(const struct value *v, bool or_sum)
{
    return is_extreme(v, or_sum, &(int){1000});
}
