/* SPDX-License-Identifier: Apache-2.0
 *
 * suit_ort: ONNX Runtime quantizes by itself, with one scale, the constant weight of a float layer
 * whose input and output are quantized. And it gives each reader of a DequantizeLinear one of its
 * own, so that it finds no x * Sigmoid(x), which it has a kernel for:
 *
 *     Conv(x, w)      =>  Conv(Clip(x), w)                        w float, x dequantized
 *     x * Sigmoid(x)  =>  com.microsoft.QuickGelu(x), alpha = 1   x dequantized
 *
 * The limits of the Clip lie a step outside of what codes stand for: it changes no number, and the
 * runtime looks no further. Means of whole channels, as PyTorch's exporter writes them, it computes
 * amid integer layers in their layout, channels last, where its code for them is 8 to 16 times
 * slower; the operator for that it computes as well as ever:
 *
 *     ReduceMean(x) over height and width  =>  GlobalAveragePool(x)
 */
#include "channel.h"
#include "op.h"
#include "predict.h"
#include "suit.h"

/* Across operators that move codes. */
static const struct node *dequantize_before(const struct value *v)
{
    const struct node *n = v->def;
    while (n && n->op != OP_DequantizeLinear)
        n = n->n_in && n->in[0].value ? n->in[0].value->def : NULL;
    return n;
}

/* v across a Clip in front of node n; NULL: the limits of its codes are not known. */
static struct value *clip_codes(const struct value *v, struct node *n)
{
    const struct node *dq = dequantize_before(v);
    double lo, hi;
    if (!dq || !suit_limits(dq, &lo, &hi))
        return NULL;
    struct build at = build_before(n);
    struct value *in[] = {(struct value *)v, suit_scalar(&at, "least", lo),
                          suit_scalar(&at, "most", hi)};
    return build_node(&at, OP_Clip, 3, in, 1)->out[0];
}

/* The Sigmoid of n = x * Sigmoid(x), where x comes out of a DequantizeLinear and goes nowhere else;
 * NULL: n is another. */
static struct node *gate_of(const struct node *n)
{
    for (int i = 0; n->op == OP_Mul && i < 2; i++) {
        const struct value *x = node_input(n, 1 - i);
        struct node *sigmoid = value_def(node_input(n, i), OP_Sigmoid);
        if (!sigmoid || node_input(sigmoid, 0) != x || !value_def(x, OP_DequantizeLinear))
            continue;
        int uses = 0;
        value_each_use(x, u)
            uses++;
        if (uses == 2 && value_only_user(sigmoid->out[0]) == n && sigmoid->graph == n->graph
            && x->type.dtype == DTYPE_F32)
            return sigmoid;
    }
    return NULL;
}

static void write_gelu(struct node *n, struct node *sigmoid)
{
    struct model *m = n->graph->model;
    struct build at = build_before(n);
    struct value *x = node_input(sigmoid, 0);
    struct node *gelu = build_node(&at, OP_QuickGelu, 1, &x, 1);
    node_set_float(gelu, "alpha", 1);
    gelu->out[0]->type = n->out[0]->type;
    value_replace(n->out[0], gelu->out[0]);
    value_swap_names(n->out[0], gelu->out[0]);
    node_remove(n);
    node_remove(sigmoid);
    if (!model_opset(m, gelu->domain))
        model_set_opset(m, gelu->domain, 1);
}

/* The mean of whole channels of pictures that are made of codes? */
static bool is_channel_mean(const struct node *n)
{
    enum { PICTURE = 4 };
    int64_t axes[MAX_RANK * 2];
    const struct value *x = node_input(n, 0);
    return n->op == OP_ReduceMean && x->type.shape.rank == PICTURE
        && x->type.dtype == DTYPE_F32 && node_int(n, "keepdims", 1)
        && channel_ints(n, "axes", 1, axes) == 2 && (axes[0] & 3) + (axes[1] & 3) == 5
        && dequantize_before(x);
}

static void write_pool(struct node *n)
{
    struct build at = build_before(n);
    struct value *x = node_input(n, 0);
    struct node *pool = build_node(&at, OP_GlobalAveragePool, 1, &x, 1);
    pool->out[0]->type = n->out[0]->type;
    value_replace(n->out[0], pool->out[0]);
    value_swap_names(n->out[0], pool->out[0]);
    node_remove(n);
}

int suit_ort(struct graph *g)
{
    int changes = 0;
    graph_each(g, n) {
        struct value *cut = NULL;
        struct node *sigmoid = gate_of(n);
        if (sigmoid) {
            write_gelu(n, sigmoid);
            changes++;
        } else if (is_channel_mean(n)) {
            write_pool(n);
            changes++;
        } else if (predict_ort_rounds_weight(n) && (cut = clip_codes(n->in[0].value, n))) {
            node_set_input(n, 0, cut);
            changes++;
        }
    }
    return changes;
}
