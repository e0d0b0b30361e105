/* SPDX-License-Identifier: Apache-2.0
 *
 * merge-pad: a Pad in front of a Conv or a pool becomes its padding.
 *
 *     Conv(Pad(x, p, 0))           =>  Conv(x), pads + p
 *     AveragePool(Pad(x, p, 0))    =>  AveragePool(x), pads + p, where it counts the padding
 *     MaxPool(Pad(x, p, v))        =>  MaxPool(x), pads + p, where v cannot be the largest:
 *                                      it is the lowest number, or 0 behind a Relu
 *
 * Only spatial axes may be padded, by constant numbers that are not negative, and nothing else may
 * read the padded value. The padding of a pool stays smaller than its window, so that every window
 * sees a number.
 */
#include "bounds.h"
#include "match.h"
#include "pass.h"

#include <float.h>
#include <math.h>

/* The value that a Pad writes; false: it is not constant, or other modes. */
static bool pad_value(const struct node *pad, double *v)
{
    *v = (double)node_float(pad, "value", 0);
    return node_string_is(pad, "mode", "constant", "constant")
        && (!node_input(pad, 2) || match_number(pad, 2, v));
}

/* How much a Pad adds before and behind each of the spatial axes of a value of this rank, in the
 * order of the attribute pads; false: that is not known, or it does something else as well. */
static bool pad_amounts(const struct node *pad, int rank, int64_t *amount)
{
    size_t count = 0;
    const int64_t *given = node_ints(pad, "pads", &count);
    const struct tensor *t = node_constant(pad, 1), *axes = node_constant(pad, 3);
    if (t)
        count = (size_t)tensor_count(t);
    if (rank < 3 || rank > MAX_RANK || (!t && !given) || (node_input(pad, 3) && !axes))
        return false;
    int64_t n = axes ? tensor_count(axes) : rank, spatial = rank - 2;
    if (count != (size_t)(2 * n))
        return false;
    for (int i = 0; i < 2 * spatial; i++)
        amount[i] = 0;
    for (int64_t i = 0; i < 2 * n; i++) {
        int64_t v = t ? tensor_get_int(t, i) : given[i];
        int64_t axis = axes ? tensor_get_int(axes, i % n) : i % n;
        axis += axis < 0 ? rank : 0;
        if (v < 0 || axis >= rank || (axis < 2 && v))
            return false;
        if (axis >= 2)
            amount[axis - 2 + (i < n ? 0 : spatial)] += v;
    }
    return true;
}

/* The padding that the node has; false: it depends on sizes. */
static bool own_pads(const struct node *n, int spatial, int64_t *pads)
{
    size_t count;
    const int64_t *given = node_ints(n, "pads", &count);
    bool valid = node_string_is(n, "auto_pad", "NOTSET", "VALID");
    if (!valid && !node_string_is(n, "auto_pad", "NOTSET", "NOTSET"))
        return false;
    bool none = valid || !given;
    if (!none && count != (size_t)(2 * spatial))
        return false;
    for (int i = 0; i < 2 * spatial; i++)
        pads[i] = none ? 0 : given[i];
    return true;
}

static bool are_zero(const int64_t *v, int n)
{
    for (int i = 0; i < n; i++)
        if (v[i])
            return false;
    return true;
}

/* Does every window of a pool with these pads see a number of the input? */
static bool windows_reach(const struct node *pool, int spatial, const int64_t *pads)
{
    size_t count;
    const int64_t *window = node_ints(pool, "kernel_shape", &count);
    if (!window || count != (size_t)spatial)
        return false;
    for (int i = 0; i < 2 * spatial; i++)
        if (pads[i] >= window[i % spatial])
            return false;
    return true;
}

static bool is_unstretched(const struct node *pool)
{
    size_t count;
    const int64_t *dilation = node_ints(pool, "dilations", &count);
    for (size_t i = 0; i < count; i++)
        if (dilation[i] != 1)
            return false;
    return !node_int(pool, "ceil_mode", 0);
}

static bool max_ignores(const struct node *pool, const struct value *x, double v)
{
    double lo, hi;
    bool index = pool->n_out > 1 && pool->out[1] && pool->out[1]->uses;
    bool lowest = v <= (x->type.dtype == DTYPE_F32 ? -(double)FLT_MAX : -INFINITY);
    bool above = x->def && bounds_of_clip(x->def, &lo, &hi) && lo >= v;
    return !index && (lowest || above) && is_unstretched(pool);
}

/* pads: of the node, padding added: of both. */
static bool takes(const struct node *n, const struct value *x, double v, int spatial,
                  const int64_t *pads, const int64_t *both)
{
    bool counts = node_int(n, "count_include_pad", 0) || are_zero(pads, 2 * spatial);
    switch (n->op) {
    case OP_Conv: return v == 0;
    case OP_AveragePool:
        return v == 0 && counts && is_unstretched(n) && windows_reach(n, spatial, both);
    case OP_MaxPool: return max_ignores(n, x, v) && windows_reach(n, spatial, both);
    default: return false;
    }
}

static int merge(struct node *n, void *unused)
{
    (void)unused;
    if (n->op != OP_Conv && n->op != OP_AveragePool && n->op != OP_MaxPool)
        return 0;
    struct node *pad = match_inner(node_input(n, 0), OP_Pad);
    struct value *x = pad ? node_input(pad, 0) : NULL;
    int64_t pads[2 * MAX_RANK], both[2 * MAX_RANK];
    double v;
    if (!pad || !pad_value(pad, &v))
        return 0;
    int rank = pad->out[0]->type.shape.rank, spatial = rank - 2;
    if (!pad_amounts(pad, rank, both) || !own_pads(n, spatial, pads))
        return 0;
    for (int i = 0; i < 2 * spatial; i++)
        both[i] += pads[i];
    if (!takes(n, x, v, spatial, pads, both))
        return 0;
    node_drop_attr(n, "auto_pad");
    node_set_ints(n, "pads", both, (size_t)(2 * spatial));
    if (n->op == OP_AveragePool)
        node_set_int(n, "count_include_pad", 1);
    node_set_input(n, 0, x);
    node_remove(pad);
    return 1;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)ctx;
    (void)err;
    int changes = match_each(m->graph, merge, NULL);
    graph_sweep(m->graph);
    return changes;
}

const struct pass pass_merge_pad = {
    .name = "merge-pad",
    .summary = "make a Pad in front of a Conv or a pool its padding",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
