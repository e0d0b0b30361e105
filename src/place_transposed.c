/* SPDX-License-Identifier: Apache-2.0
 *
 * place_transposed: the integer kernels of ConvTranspose take an input whose zero point is 0.
 */
#include "place_transposed.h"

#include "channel.h"

const struct bounds *place_transposed_bounds(const struct model *m, const struct target *t,
                                             struct arena *a)
{
    for (const struct node *n = m->graph->first; n; n = n->next)
        if (n->op == OP_ConvTranspose && target_rule(t, n) == TARGET_INTEGER)
            return bounds_find(m->graph, channels_find(m, a), a);
    return NULL;
}

const char *place_reason_against_transposed(const struct target *t, const struct node *n,
                                            const struct bounds *bounds)
{
    const struct value *x = node_input(n, 0);
    const struct qtype *type = &t->activation;
    if (target_rule(t, n) != TARGET_INTEGER || t->inputs != INPUTS_CALIBRATED)
        return "the target has no integer kernel for this operator";
    if (node_int(n, "group", 1) != 1)
        return "the target has no integer kernel for a ConvTranspose with groups";
    if (type->symmetric)
        return type->dtype == DTYPE_I8 ? NULL : "the zero point of its input would not be 0";
    for (int64_t c = 0; bounds && c < bounds[x->id].n; c++)
        if (!(bounds[x->id].lo[c] >= 0))
            return "its input may be negative, and then has a zero point";
    return bounds && bounds[x->id].n && x->graph == n->graph->model->graph
               ? NULL : "nothing is known of its input, which may have a zero point";
}
