/* SPDX-License-Identifier: Apache-2.0
 *
 * affine: from the constants of nodes; what cannot be taken as it is written is left alone.
 */
#include "affine.h"

#include "channel.h"
#include "linear.h"

#include <math.h>

struct affine affine_new(struct arena *a, int64_t n)
{
    return (struct affine){n, NEW_ARRAY(a, n, double), NEW_ARRAY(a, n, double)};
}

bool affine_is_finite(const struct affine *y)
{
    for (int64_t c = 0; c < y->n; c++)
        if (!isfinite(y->k[c]) || !isfinite(y->t[c]))
            return false;
    return true;
}

bool affine_all(const double *v, int64_t n, double what)
{
    for (int64_t i = 0; i < n; i++)
        if (v[i] != what)
            return false;
    return true;
}

struct affine affine_of_bn(struct arena *a, const struct node *bn)
{
    const struct tensor *p[5];
    for (int i = 1; i < 5; i++)
        p[i] = node_constant(bn, i);
    double epsilon = (double)node_float(bn, "epsilon", 1e-5f);
    struct affine y = affine_new(a, tensor_count(p[1]));
    for (int64_t c = 0; c < y.n; c++) {
        y.k[c] = tensor_get(p[1], c) / sqrt(tensor_get(p[4], c) + epsilon);
        y.t[c] = tensor_get(p[2], c) - tensor_get(p[3], c) * y.k[c];
    }
    return y;
}

int affine_slot(const struct node *n)
{
    bool is = n->op == OP_Mul || n->op == OP_Div || n->op == OP_Add || n->op == OP_Sub;
    if (!is || !node_input(n, 0) || !node_input(n, 1) || (node_constant(n, 0) && n->op == OP_Div))
        return -1;
    return node_constant(n, 1) ? 1 : node_constant(n, 0) ? 0 : -1;
}

bool affine_of_arithmetic(struct arena *a, const struct node *node, int rank, int axis, int64_t n,
                          struct affine *y)
{
    int slot = affine_slot(node);
    *y = affine_new(a, n);
    if (slot < 0 || !channel_vector(node_constant(node, slot), rank, axis, n, y->t))
        return false;
    for (int64_t c = 0; c < n; c++) {
        double v = y->t[c];
        bool reversed = node->op == OP_Sub && slot == 0; /* v - x */
        y->k[c] = node->op == OP_Mul ? v : node->op == OP_Div ? 1 / v : reversed ? -1 : 1;
        y->t[c] = node->op == OP_Add || reversed ? v : node->op == OP_Sub ? -v : 0;
    }
    return affine_is_finite(y);
}

struct value *affine_gather(struct arena *a, struct value *x, int axis, struct affine *y)
{
    int rank = x->type.shape.rank, slot;
    struct affine before;
    while (value_used_once(x) && x->def && (slot = affine_slot(x->def)) >= 0
           && x->def->in[!slot].value->type.shape.rank == rank
           && affine_of_arithmetic(a, x->def, rank, axis, y->n, &before)) {
        for (int64_t c = 0; c < y->n; c++) {
            y->t[c] += y->k[c] * before.t[c];
            y->k[c] *= before.k[c];
        }
        x = x->def->in[!slot].value;
    }
    return x;
}

/* n alone reads the layer and is y of it:  the layer computes n with k W and k b + t. */
static bool take_back(struct arena *scratch, struct linear *l, struct node *n,
                      const struct affine *y)
{
    double *bias = NEW_ARRAY(scratch, l->n_out, double);
    if (!linear_bias(l, bias))
        return false;
    for (int64_t o = 0; o < l->n_out; o++)
        bias[o] = bias[o] * y->k[o] + y->t[o];
    bool same_weight = affine_all(y->k, y->n, 1), no_bias = affine_all(bias, y->n, 0);
    bool has_bias = l->bias_node && node_input(l->bias_node, l->bias_slot);
    const struct tensor *w = same_weight ? l->weight : linear_scaled(l, y->k, NULL);
    if (!w || ((has_bias || !no_bias) && !linear_set_bias(l, "folded", bias)))
        return false;
    if (!same_weight)
        linear_set_weight(l, "folded", w);
    value_swap_names(n->out[0], l->out); /* what readers know by that name stays the same */
    value_replace(n->out[0], l->out);
    node_remove(n);
    return true;
}

bool affine_fold(struct arena *scratch, struct node *n, struct value *x)
{
    struct linear l;
    struct affine y;
    if (!value_used_once(x) || x->graph != n->graph || !linear_of_value(x, &l))
        return false;
    int known = x->type.shape.rank, rank = known < 0 ? l.weight->shape.rank : known;
    int axis = l.axis_last ? rank - 1 : 1;
    if (n->op != OP_BatchNormalization) {
        if (!affine_of_arithmetic(scratch, n, rank, axis, l.n_out, &y))
            return false;
    } else {
        y = affine_of_bn(scratch, n);
        if (axis != 1 || y.n != l.n_out)
            return false;
    }
    return take_back(scratch, &l, n, &y);
}
