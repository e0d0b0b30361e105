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

bool suit_limits(const struct node *n, double *lo, double *hi)
{
    const struct tensor *scale = node_constant(n, 1), *zero = node_constant(n, 2);
    if (!scale || !zero || tensor_count(scale) != 1 || !dtype_info(zero->dtype)->is_integer)
        return false;
    double s = tensor_get(scale, 0), z = tensor_get(zero, 0);
    const struct dtype_info *codes = dtype_info(zero->dtype);
    *lo = ((double)codes->min - z - 1) * s;
    *hi = ((double)codes->max - z + 1) * s;
    return true;
}
