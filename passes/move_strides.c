/* SPDX-License-Identifier: Apache-2.0
 *
 * move-strides: what nobody reads is not computed.
 *
 *     Conv(f(Conv(x), y), 1x1, stride 2)  =>  Conv(f(Conv(x, stride 2), MaxPool(y, 1x1, stride 2)))
 *
 * A convolution of 1x1 with strides reads one place of its input in four. Where all readers of a
 * value are such, as at the end of each stage of a ResNet whose strides stand in front (Caffe's,
 * Keras'), the strides move up: through element-wise operators, to the convolution that computes
 * the value, and on from there. A MaxPool of one element takes the same places of what others read
 * as well.
 *
 * OpenVINO does so by itself, but across a quantizer it parts DequantizeLinear from the layers, and
 * runs them in float. For it the MaxPool stands in front of the readers where there is no such
 * convolution, also where others read all places of the value, but none of its codes:
 *
 *     a -> Conv(1x1, stride 2), Relu  =>  a -> Conv(MaxPool(a, 1x1, stride 2)), Relu
 */
#include "match.h"
#include "pass.h"
#include "picks.h"
#include "target.h"

enum { DEPTH = 8 }; /* operators that strides move across at most */

static const int64_t ones[PICK_AXES] = {1, 1, 1, 1, 1, 1};

/* How many of the first inputs are computed with, place by place; 0: it is no such operator. */
static int operands(const struct node *n)
{
    switch (n->op) {
    case OP_Relu: case OP_LeakyRelu: case OP_Clip: case OP_Sigmoid: case OP_HardSigmoid:
    case OP_HardSwish: case OP_Tanh: return 1;
    case OP_Add: case OP_Sub: case OP_Mul: return 2;
    default: return 0;
    }
}

/* Has it one number for all places? */
static bool is_flat(const struct value *v, int axes)
{
    const struct shape *s = &v->type.shape;
    for (int i = s->rank > axes ? s->rank - axes : 0; i < s->rank; i++)
        if (s->dim[i] != 1)
            return false;
    return s->rank >= 0;
}

/* Has the operand the places of what the operator makes, all known? */
static bool same_places(const struct value *in, const struct value *out)
{
    const struct shape *a = &in->type.shape, *b = &out->type.shape;
    bool same = a->rank == b->rank && !in->constant;
    for (int i = 2; same && i < b->rank; i++)
        same = a->dim[i] == b->dim[i] && b->dim[i] > 0;
    return same;
}

/* Can every operand be thinned out, or left? */
static bool is_by_places(const struct node *n, int axes)
{
    for (int i = 0; i < operands(n); i++) {
        const struct value *in = node_input(n, i);
        if (!in || !(is_flat(in, axes) || operands(n) == 1 || same_places(in, n->out[0])))
            return false;
    }
    return operands(n) > 0;
}

/* Can a convolution take the strides in addition to its own? Not if its padding hangs on them. */
static bool takes(const struct node *conv, const struct picks *p)
{
    size_t count;
    const int64_t *now = node_ints(conv, "strides", &count);
    if (!node_constant(conv, 1) || (now && count != (size_t)p->axes)
        || !(node_string_is(conv, "auto_pad", "NOTSET", "NOTSET")
             || node_string_is(conv, "auto_pad", "NOTSET", "VALID")))
        return false;
    for (int i = 0; i < p->axes; i++)
        if (now && now[i] > PICK_LARGEST / p->stride[i])
            return false;
    return true;
}

/* Does a convolution compute less if the places of v are thinned out, which one node or only those
 * that pick read? */
static bool gains(const struct value *v, const struct picks *p, int depth)
{
    const struct node *n = v->def;
    if (!n || n->graph != v->graph || depth > DEPTH)
        return false;
    if (n->op == OP_Conv)
        return takes(n, p);
    for (int i = 0; is_by_places(n, p->axes) && i < operands(n); i++) {
        const struct value *in = node_input(n, i);
        if (!is_flat(in, p->axes) && value_used_once(in) && gains(in, p, depth + 1))
            return true;
    }
    return false;
}

static void multiply_strides(struct node *conv, const struct picks *p)
{
    size_t count;
    int64_t stride[PICK_AXES];
    const int64_t *now = node_ints(conv, "strides", &count);
    for (int i = 0; i < p->axes; i++)
        stride[i] = p->stride[i] * (now ? now[i] : 1);
    node_set_ints(conv, "strides", stride, (size_t)p->axes);
}

static void thin_type(struct value *v, const struct picks *p)
{
    for (int i = 0; i < p->axes; i++) {
        int64_t *dim = &v->type.shape.dim[i + 2];
        *dim = *dim > 0 ? (*dim - 1) / p->stride[i] + 1 : *dim;
    }
}

/* Gives a MaxPool whose output has the type of its input the window of one element and strides. */
static void take_places(struct node *pool, const struct picks *p)
{
    node_set_ints(pool, "kernel_shape", ones, (size_t)p->axes);
    node_set_ints(pool, "strides", p->stride, (size_t)p->axes);
    thin_type(pool->out[0], p);
}

static void thin_operand(struct node *n, int i, const struct picks *p, int depth);

static void thin(struct value *v, const struct picks *p, int depth)
{
    if (v->def->op == OP_Conv)
        multiply_strides(v->def, p);
    for (int i = 0; i < operands(v->def); i++)
        thin_operand(v->def, i, p, depth + 1);
    thin_type(v, p);
}

static void thin_operand(struct node *n, int i, const struct picks *p, int depth)
{
    struct value *in = node_input(n, i);
    if (is_flat(in, p->axes))
        return;
    if (value_used_once(in) && gains(in, p, depth)) {
        thin(in, p, depth);
        return;
    }
    struct build at = build_before(n);
    struct node *pool = build_node(&at, OP_MaxPool, 1, &in, 1);
    pool->out[0]->type = in->type;
    take_places(pool, p);
    node_set_input(n, i, pool->out[0]);
}

/* The only use by strides beside operators that read floats, place by place; NULL: there is none,
 * or others. */
static struct use *lone_pick(const struct value *v, struct picks *p)
{
    struct use *found = NULL;
    bool alone = true;
    value_each_use(v, u) {
        struct picks one;
        if (u->user->graph == v->graph && !found && picks_of(u, &one)) {
            found = u;
            *p = one;
            alone = v->type.shape.rank == one.axes + 2 && alone;
        } else {
            alone = alone && operands(u->user);
        }
    }
    return alone ? found : NULL;
}

/* Takes the places in front of a quantizer that the strided reader would have for itself. */
static int take_apart(struct value *v)
{
    struct picks p;
    struct use *u = v ? lone_pick(v, &p) : NULL;
    if (!u)
        return 0;
    struct node *conv = u->user;
    struct build at = build_before(conv);
    struct node *pool = build_node(&at, OP_MaxPool, 1, &v, 1);
    pool->out[0]->type = v->type;
    take_places(pool, &p);
    node_set_input(conv, 0, pool->out[0]);
    node_set_ints(conv, "strides", ones, (size_t)p.axes);
    return 1;
}

/* held: a runtime would move the strides itself, so they do not stay where nothing is gained. */
static int move(struct value *v, bool held)
{
    struct picks p;
    if (!v || !picks_all(v, &p))
        return held ? take_apart(v) : 0;
    bool gained = gains(v, &p, 0);
    if (!gained && !held)
        return 0;
    value_each_use(v, u)
        node_set_ints(u->user, "strides", ones, (size_t)p.axes);
    if (gained)
        thin(v, &p, 0);
    else
        take_places(match_put_behind(v->def, OP_MaxPool), &p);
    return 1;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    int n_graphs, changes = 0;
    (void)err;
    bool held = ctx->target && ctx->target->moves_quantizers;
    struct graph **graph = model_graphs(m, ctx->scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        for (struct node *n = graph[i]->last; n; n = n->prev)
            changes += n->n_out == 1 ? move(n->out[0], held) : 0;
    return changes;
}

const struct pass pass_move_strides = {
    .name = "move-strides",
    .summary = "move strides of 1x1 convolutions to the ones whose outputs they skip",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
