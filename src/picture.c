/* SPDX-License-Identifier: Apache-2.0
 *
 * picture: the rules.
 */
#include "picture.h"

#include "op.h"
#include "predict_cost.h"

enum { MULTIPLE = 4 };

static bool is_code(const struct node *n, int i)
{
    const struct value *v = node_input(n, i);
    return value_def(v, OP_DequantizeLinear) || (v && v->quant && !n->in[i].plain);
}

/* What comes through Transposes only, on codes or not. */
static const struct value *before_transposes(const struct value *v)
{
    for (;;) {
        const struct node *n = value_def(v, OP_Transpose), *d;
        if (!n)
            return v;
        v = node_input(n, 0);
        d = value_def(v, OP_DequantizeLinear);
        d = d ? value_def(node_input(d, 0), OP_QuantizeLinear) : NULL;
        if (d)
            v = node_input(d, 0);
    }
}

/* Nothing of what it computes goes into the kernel of a layer, or runs on codes. */
static bool is_outside(const struct value *v)
{
    v = before_transposes(v);
    const struct node *n = v->def;
    if (!n)
        return !v->constant;
    if (op_table[n->op].role == ROLE_WEIGHTED || n->op == OP_Relu || n->op == OP_Clip
        || n->op == OP_Add)
        return false;
    for (int i = 0; i < n->n_in; i++)
        if (is_code(n, i))
            return false;
    return true;
}

static int64_t round_up(int64_t n)
{
    return (n + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
}

/* Zeros between few channels are for the outputs to be right, and may cost a part of this layer. */
static bool spreads(const struct target *t, const struct node *conv, int64_t c, enum dtype codes)
{
    enum { FEW = 4 };
    const double dear = 1.6; /* as predicted; measured 1.3 at most */
    if (!t->short_sums || !t->channels_apart || codes != DTYPE_I8 || c < 2 || c > FEW)
        return false;
    return !t->pad_channels || cost_times_spread(conv, (double)round_up(2 * c)) < dear;
}

struct picture picture_find(const struct target *t, const struct node *conv, const struct value *x,
                            const struct tensor *w, enum dtype codes)
{
    const struct picture none = {0, 1, false};
    if (conv->op != OP_Conv || node_int(conv, "group", 1) != 1 || w->shape.rank != 4
        || x->graph != conv->graph || x->type.dtype != DTYPE_F32 || x->type.shape.rank != 4
        || !is_outside(x))
        return none;
    int64_t c = w->shape.dim[1], more = round_up(c);
    if (spreads(t, conv, c, codes))
        return (struct picture){round_up(2 * c), 2, true};
    if (!t->pad_channels || c == more || !cost_pays_to_pad(conv, (double)more))
        return none;
    return (struct picture){more, 1, c == 1};
}
