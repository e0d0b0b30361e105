/* SPDX-License-Identifier: Apache-2.0
 *
 * picks: who reads a value.
 */
#include "picks.h"

static bool all_are(const int64_t *v, int64_t n, int64_t x)
{
    for (int64_t i = 0; i < n; i++)
        if (v[i] != x)
            return false;
    return true;
}

bool picks_of(const struct use *u, struct picks *p)
{
    size_t n_pads, n_strides;
    const struct node *n = u->user;
    const struct value *w = n->op == OP_Conv && u == &n->in[0] ? node_input(n, 1) : NULL;
    const int64_t *pads = node_ints(n, "pads", &n_pads);
    const int64_t *stride = node_ints(n, "strides", &n_strides);
    p->axes = w ? w->type.shape.rank - 2 : 0;
    if (p->axes < 1 || p->axes > PICK_AXES || !stride || n_strides != (size_t)p->axes
        || !all_are(w->type.shape.dim + 2, p->axes, 1)
        || (pads && !all_are(pads, (int64_t)n_pads, 0)))
        return false;
    for (int i = 0; i < p->axes; i++) {
        p->stride[i] = stride[i];
        if (stride[i] < 1 || stride[i] > PICK_LARGEST)
            return false;
    }
    return !all_are(stride, p->axes, 1);
}

bool picks_all(const struct value *v, struct picks *p)
{
    struct picks one;
    bool any = false;
    value_each_use(v, u) {
        if (u->user->graph != v->graph || !picks_of(u, &one))
            return false;
        for (int i = 0; any && i < one.axes; i++)
            if (one.axes != p->axes || one.stride[i] != p->stride[i])
                return false;
        *p = one;
        any = true;
    }
    return any && v->type.shape.rank == p->axes + 2;
}
