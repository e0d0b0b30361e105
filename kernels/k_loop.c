/* SPDX-License-Identifier: Apache-2.0
 *
 * k_loop: the walk over strided arrays.
 */
#include "k_loop.h"

static int64_t magnitude(int64_t v)
{
    return v < 0 ? -v : v;
}

/* Does the order of the axes want `a` before `b`? Ties of the first operand (0 where it repeats)
 * are broken by the next ones. */
static bool goes_before(const struct k_loop *l, int a, int b)
{
    for (int k = 0; k < l->n_operands; k++) {
        int64_t x = magnitude(l->stride[k][a]), y = magnitude(l->stride[k][b]);
        if (x != y)
            return x > y;
    }
    return false;
}

static void axis_swap(struct k_loop *l, int a, int b)
{
    int64_t t = l->dim[a];
    l->dim[a] = l->dim[b];
    l->dim[b] = t;
    for (int k = 0; k < l->n_operands; k++) {
        t = l->stride[k][a];
        l->stride[k][a] = l->stride[k][b];
        l->stride[k][b] = t;
    }
}

static bool continues(const struct k_loop *l, int outer, int inner)
{
    for (int k = 0; k < l->n_operands; k++)
        if (l->stride[k][outer] != l->stride[k][inner] * l->dim[inner])
            return false;
    return true;
}

void k_loop_init(struct k_loop *l, int rank, const int64_t *dim, int n_operands,
                 const int64_t *const *stride)
{
    l->rank = 0;
    l->n_operands = n_operands;
    for (int i = 0; i < rank; i++) {
        if (dim[i] == 1)
            continue;
        l->dim[l->rank] = dim[i];
        for (int k = 0; k < n_operands; k++)
            l->stride[k][l->rank] = stride[k][i];
        for (int j = l->rank++; j > 0 && goes_before(l, j, j - 1); j--)
            axis_swap(l, j, j - 1);
    }
    if (!l->rank) {
        l->dim[l->rank++] = 1;
        for (int k = 0; k < n_operands; k++)
            l->stride[k][0] = 1;
    }
    int last = 0;
    for (int i = 1; i < l->rank; i++) {
        bool merge = continues(l, last, i);
        if (!merge)
            last++;
        l->dim[last] = merge ? l->dim[last] * l->dim[i] : l->dim[i];
        for (int k = 0; k < n_operands; k++)
            l->stride[k][last] = l->stride[k][i];
    }
    l->rank = last + 1;
}

bool k_loop_first(struct k_loop *l)
{
    bool any = true;
    for (int i = 0; i < l->rank; i++) {
        l->index[i] = 0;
        any = any && l->dim[i] > 0;
    }
    for (int k = 0; k < l->n_operands; k++)
        l->at[k] = 0;
    return any;
}

bool k_loop_next(struct k_loop *l)
{
    for (int i = l->rank - 2; i >= 0; i--) {
        for (int k = 0; k < l->n_operands; k++)
            l->at[k] += l->stride[k][i];
        if (++l->index[i] < l->dim[i])
            return true;
        for (int k = 0; k < l->n_operands; k++)
            l->at[k] -= l->stride[k][i] * l->dim[i];
        l->index[i] = 0;
    }
    return false;
}
