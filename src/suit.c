/* SPDX-License-Identifier: Apache-2.0
 *
 * suit: what is built for every runtime.
 */
#include "suit.h"

struct value *suit_scalar(struct build *at, const char *stem, double x)
{
    struct tensor *t = tensor_new(at->graph->model->arena, DTYPE_F32, &(struct shape){0});
    tensor_f32(t)[0] = (float)x;
    return build_constant(at, stem, t);
}

/* Of a FakeQuantize. */
static bool find_ends(const struct node *n, double *lo, double *hi)
{
    const struct tensor *low = node_constant(n, 1), *high = node_constant(n, 2);
    if (!low || !high || tensor_count(low) != 1 || tensor_count(high) != 1)
        return false;
    double levels = (double)node_int(n, "levels", 256);
    double step = (tensor_get(high, 0) - tensor_get(low, 0)) / (levels - 1);
    *lo = tensor_get(low, 0) - step;
    *hi = tensor_get(high, 0) + step;
    return true;
}

bool suit_limits(const struct node *n, double *lo, double *hi)
{
    if (n->op == OP_FakeQuantize)
        return find_ends(n, lo, hi);
    const struct tensor *scale = node_constant(n, 1), *zero = node_constant(n, 2);
    if (!scale || !zero || tensor_count(scale) != 1 || !dtype_info(zero->dtype)->is_integer)
        return false;
    double s = tensor_get(scale, 0), z = tensor_get(zero, 0);
    const struct dtype_info *codes = dtype_info(zero->dtype);
    *lo = ((double)codes->min - z - 1) * s;
    *hi = ((double)codes->max - z + 1) * s;
    return true;
}

bool suit_has_integer_weight(const struct node *n, int slot)
{
    const struct node *dq = value_def(node_input(n, slot), OP_DequantizeLinear);
    return dq && node_constant(dq, 0);
}
