/* SPDX-License-Identifier: Apache-2.0
 *
 * stacks: shapes of matrix products.
 */
#include "stacks.h"

#include "ops.h"

#include <inttypes.h>

int stacks_read(const struct shape *a, const struct shape *b, struct stacks *s, struct err *err)
{
    *s = (struct stacks){.a = *a, .b = *b, .row = a->rank == 1, .column = b->rank == 1};
    if (a->rank == 0 || b->rank == 0)
        return err_set(err, ERR_INPUT, "a scalar cannot be an input");
    if (s->row)
        s->a = (struct shape){.rank = 2, .dim = {1, a->dim[0]}};
    if (s->column)
        s->b = (struct shape){.rank = 2, .dim = {b->dim[0], 1}};
    if (s->a.rank < 0 || s->b.rank < 0) {
        s->y.rank = -1;
        return 0;
    }
    int64_t k = s->a.dim[s->a.rank - 1], l = s->b.dim[s->b.rank - 2];
    if (k >= 0 && l >= 0 && k != l)
        return err_set(err, ERR_INPUT,
                       "the inner sizes differ: %" PRId64 " and %" PRId64, k, l);
    struct shape left = s->a, right = s->b;
    left.rank -= 2;
    right.rank -= 2;
    s->y = left;
    TRY(shape_broadcast(&s->y, &right, err));
    s->y.dim[s->y.rank++] = s->a.dim[s->a.rank - 2];
    s->y.dim[s->y.rank++] = s->b.dim[s->b.rank - 1];
    return 0;
}

struct shape stacks_result(const struct stacks *s)
{
    struct shape y = s->y;
    if (y.rank >= 2 && s->column)
        y.rank--;
    if (y.rank >= 1 && s->row) {
        if (!s->column)
            y.dim[y.rank - 2] = y.dim[y.rank - 1];
        y.rank--;
    }
    return y;
}

int64_t stacks_matrix(const struct shape *stack, const struct shape *result, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int k = 3; k <= result->rank; k++) {
        int64_t dim = result->dim[result->rank - k], index = i % dim;
        i /= dim;
        if (k > stack->rank)
            break;
        int64_t own = stack->dim[stack->rank - k];
        at += (own == 1 ? 0 : index) * step;
        step *= own;
    }
    return at;
}
