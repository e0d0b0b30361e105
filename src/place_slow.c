/* SPDX-License-Identifier: Apache-2.0
 *
 * place_slow: convolutions by the formulas of predict_cost.h, products by measurement
 * (docs/targets.md).
 */
#include "place_slow.h"

#include "predict_cost.h"

static const double slower = 1.5; /* times the float kernel's time, conversions included */

static bool is_volume(const struct node *n)
{
    const struct value *w = node_input(n, 1);
    return w && w->type.shape.rank > 4;
}

static bool is_slower(const struct target *t, const struct node *n)
{
    struct layer_cost c;
    return t->inputs == INPUTS_CALIBRATED && n->op == OP_Conv && cost_of_layer(n, &c)
        && c.integer > slower * (c.real + c.conversions);
}

/* It has a kernel for these. Alone some are slower in it than in float, but no net was faster with
 * them in float. */
static bool is_depthwise(const struct node *n)
{
    const struct value *w = node_input(n, 1);
    int64_t groups = node_int(n, "group", 1);
    return groups % 8 == 0 && w && w->type.shape.rank > 1 && w->type.shape.dim[1] == 1
        && w->type.shape.dim[0] == groups;
}

/* ONNX Runtime gathers the input of each group for itself, and is slow at it where groups are many
 * and small. */
bool place_is_slow_group(const struct target *t, const struct node *n)
{
    return t->slow_groups && node_int(n, "group", 1) > 1 && !is_volume(n) && !is_depthwise(n)
        && is_slower(t, n);
}

/* Over many rows it takes longer to round what a product of few channels reads than to multiply. */
bool place_is_slow_product(const struct target *t, const struct node *n)
{
    enum { FEW = 16, MANY = 256 };
    const struct tensor *w = node_constant(n, 1);
    const struct value *x = node_input(n, 0);
    if (!t->slow_products || t->inputs != INPUTS_CALIBRATED
        || (n->op != OP_MatMul && n->op != OP_Gemm) || !w || w->shape.rank != 2
        || w->shape.dim[0] > FEW || w->shape.dim[1] > FEW)
        return false;
    int64_t rows = 1;
    for (int i = 0; i + 1 < x->type.shape.rank; i++)
        rows *= x->type.shape.dim[i] > 0 ? x->type.shape.dim[i] : 1;
    return rows >= MANY;
}

/* OpenVINO has no integer kernel for a depthwise convolution of volumes with a zero point. Where
 * each channel has two or three outputs it takes 1.6 times as long as the float one with a small
 * filter; with more of either 1.35. */
bool place_is_slow_depthwise(const struct target *t, const struct node *n)
{
    enum { MANY = 4, SMALL = 9 };
    const struct value *x = node_input(n, 0), *w = node_input(n, 1);
    if (!t->slow_depthwise || t->inputs != INPUTS_CALIBRATED || n->op != OP_Conv || !w
        || w->type.shape.rank < 3 || w->type.shape.dim[1] != 1 || node_int(n, "group", 1) == 1)
        return false;
    int64_t outputs = w->type.shape.dim[0] / node_int(n, "group", 1);
    if (outputs > 1 && outputs < MANY && shape_span(&w->type.shape, 2, w->type.shape.rank) <= SMALL)
        return true;
    return is_volume(n) && !value_def(x, OP_Relu);
}

/* It copies the elements under the filter of a volume, or their addresses, for each position. */
bool place_is_slow_volume(const struct target *t, const struct node *n)
{
    return t->slow_volumes && *t->weights_only && is_volume(n) && is_slower(t, n);
}
