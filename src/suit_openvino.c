/* SPDX-License-Identifier: Apache-2.0
 *
 * suit_openvino: OpenVINO moves quantizers in front of a Concat, as if it joined channels. Where it
 * joins something else it does not load a matrix product behind it, and runs a convolution in
 * float:
 *
 *     QuantizeLinear(Concat(a, b))  =>  QuantizeLinear(Max(Concat(a, b), lo))
 *
 * with lo a step below what codes stand for. It drops the quantizer of what is made of bytes by a
 * factor and a sum, as pictures are normalized, and takes the sum for a zero point, which it
 * rounds; not behind a Max. And it makes pictures of tokens for a convolution without moving a
 * byte, but not if they are rounded on the way; rounded before, they are bytes:
 *
 *     DequantizeLinear(QuantizeLinear(Reshape(Transpose(x))))
 *         =>  Reshape(Transpose(DequantizeLinear(QuantizeLinear(x))))
 *
 * Where it looks for shuffled channels it asks how many groups there are, and does not load a model
 * that does not say so, such as dilated convolutions by batches (TensorFlow's) with a batch that is
 * not known. It knows such shuffles with four or five axes only:
 *
 *     Reshape(Transpose(Reshape(x)))  =>  the same with further axes of 1 at the end
 */
#include "op.h"
#include "suit.h"

/* The Concat that a value comes from, with operators of one input between that keep its shape but
 * for the order of axes (then *turned); NULL: it comes from none. */
static const struct node *join_before(const struct value *v, bool *turned)
{
    const struct node *n = v->def;
    for (*turned = false; n && n->op != OP_Concat; n = n->in[0].value->def) {
        *turned |= n->op == OP_Transpose;
        bool passes = n->op == OP_Transpose || n->op == OP_Relu || n->op == OP_Clip
                   || n->op == OP_Identity;
        if (!passes || !n->in[0].value)
            return NULL;
    }
    return n;
}

/* The axis of channels of the layer that reads the codes, behind so many operators at most that
 * leave axes where they are; -1: there is none, or several differ. */
static int channel_axis(const struct value *codes, int most)
{
    int axis = -1, rank = codes->type.shape.rank;
    value_each_use(codes, u) {
        const struct node *n = u->user;
        bool keeps = n->op == OP_DequantizeLinear || n->op == OP_MaxPool || n->op == OP_Slice
                  || n->op == OP_Identity;
        int here = n->op == OP_Conv || n->op == OP_ConvTranspose ? 1
                 : n->op == OP_MatMul || n->op == OP_Gemm        ? rank - 1
                 : keeps && most                                 ? channel_axis(n->out[0], most - 1)
                                                                 : -1;
        if (here < 0 || (axis >= 0 && here != axis))
            return -1;
        axis = here;
    }
    return axis;
}

/* Is x made of codes with a constant added, as pictures of bytes are normalized? */
static bool is_shifted_codes(const struct value *x)
{
    bool shifted = false;
    for (const struct node *n = x->def; n; n = node_input(n, 0) ? node_input(n, 0)->def : NULL) {
        const struct value *codes = node_input(n, 0);
        bool scales = n->op == OP_Mul || n->op == OP_Div;
        bool shifts = n->op == OP_Add || n->op == OP_Sub;
        if (n->op == OP_Cast)
            return shifted && codes
                && (codes->type.dtype == DTYPE_U8 || codes->type.dtype == DTYPE_I8);
        if ((scales || shifts) && !node_constant(n, 1))
            return false;
        if (!scales && !shifts && op_table[n->op].role != ROLE_SAME)
            return false;
        shifted |= shifts;
    }
    return false;
}

/* Puts a Max in front of a quantizer that would be moved, or dropped; how many. */
static int hold_quantizer(struct node *n)
{
    bool turned = false;
    double lo, hi;
    const struct value *x = node_input(n, 0);
    if ((n->op != OP_QuantizeLinear && n->op != OP_FakeQuantize) || !x || x->type.shape.rank < 0
        || !suit_limits(n, &lo, &hi))
        return 0;
    const struct node *join = n->op == OP_QuantizeLinear ? join_before(x, &turned) : NULL;
    int64_t axis = join ? node_int(join, "axis", 0) : 0;
    axis += axis < 0 ? x->type.shape.rank : 0;
    if (!is_shifted_codes(x) && (!join || (!turned && axis == channel_axis(n->out[0], 8))))
        return 0;
    struct build at = build_before(n);
    struct value *in[] = {(struct value *)x, suit_scalar(&at, "least", lo)};
    struct value *max = build_node(&at, OP_Max, 2, in, 1)->out[0];
    max->type = x->type;
    node_set_input(n, 0, max);
    return 1;
}

/* A matrix product with an integer weight, with or without the Add of a constant, or a
 * LayerNormalization. (What is behind other products would have them quantized.) */
static bool makes_tokens(const struct value *v)
{
    const struct node *n = v->def;
    if (n && n->op == OP_Add) {
        bool first = node_constant(n, 0) || suit_has_integer_weight(n, 0);
        bool second = node_constant(n, 1) || suit_has_integer_weight(n, 1);
        n = first || second ? node_input(n, first)->def : NULL;
    }
    if (n && (n->op == OP_MatMul || n->op == OP_Gemm))
        return suit_has_integer_weight(n, 0) || suit_has_integer_weight(n, 1);
    return n && n->op == OP_LayerNormalization;
}

/* The first of the operators that turn tokens into v, which one node reads, all of one graph;
 * NULL: v is no such. */
static struct node *first_mover(const struct value *v, const struct graph *g)
{
    struct node *first = NULL;
    bool turned = false;
    for (; v->def && v->graph == g && value_used_once(v); v = node_input(first, 0)) {
        enum op op = v->def->op;
        if (op != OP_Transpose && op != OP_Reshape && op != OP_Flatten && op != OP_Squeeze
            && op != OP_Unsqueeze)
            break;
        turned |= op == OP_Transpose;
        first = v->def;
    }
    return turned && v->graph == g && value_used_once(v) && makes_tokens(v) ? first : NULL;
}

static bool only_convolutions_read(const struct value *v)
{
    value_each_use(v, u)
        if (u->user->op != OP_Conv || u->user->graph != v->graph || u != &u->user->in[0])
            return false;
    return v->uses;
}

/* The same operator in front of `at`, of another value. */
static struct value *again(struct build *at, const struct node *n, struct value *x)
{
    struct value **in = NEW_ARRAY(at->graph->model->arena, n->n_in, struct value *);
    for (int i = 0; i < n->n_in; i++)
        in[i] = i ? n->in[i].value : x;
    struct node *made = build_node(at, n->op, n->n_in, in, 1);
    node_copy_attrs(made, n);
    made->out[0]->type.dtype = n->out[0]->type.dtype;
    made->out[0]->type.shape = x->type.shape;
    return made->out[0];
}

/* The node that quantizes what n gives, with one scale for all: n, or the only one in front of it;
 * NULL: there is none. */
static struct node *find_quantizer(struct node *n)
{
    if (n->op == OP_FakeQuantize)
        return n;
    struct node *q = n->op == OP_DequantizeLinear
                   ? value_def(node_input(n, 0), OP_QuantizeLinear) : NULL;
    return q && q->graph == n->graph && value_used_once(q->out[0]) && !node_attr(q, "axis") ? q
                                                                                          : NULL;
}

/* Rounds tokens before they become a picture; n is the last node that rounds it. How many. */
static int round_tokens(struct node *n)
{
    struct node *quantize = find_quantizer(n);
    if (!quantize || !only_convolutions_read(n->out[0]))
        return 0;
    struct value *picture = node_input(quantize, 0);
    struct node *first = first_mover(picture, n->graph);
    if (!first)
        return 0;
    struct build at = build_before(first);
    struct value *rounded = again(&at, quantize, node_input(first, 0));
    if (quantize != n)
        rounded = again(&at, n, rounded);
    value_replace(n->out[0], picture);
    node_set_input(first, 0, rounded);
    node_remove(n);
    if (quantize != n)
        node_remove(quantize);
    return 1;
}

/* Is n the first of three that OpenVINO takes for a shuffle of channels, in groups of which it does
 * not know the number? */
static bool shuffles_unknown(const struct node *n)
{
    const struct value *x = node_input(n, 0);
    if (n->op != OP_Reshape || !x || !node_constant(n, 1) || x->type.shape.rank != 4)
        return false;
    const struct shape *in = &x->type.shape, *out = &n->out[0]->type.shape;
    const struct node *turn = value_only_user(n->out[0]);
    const struct node *last =
        turn && turn->op == OP_Transpose ? value_only_user(turn->out[0]) : NULL;
    bool known = in->dim[1] >= 0 && in->dim[2] >= 0 && in->dim[3] >= 0;
    return known && (out->rank == 4 || out->rank == 5) && out->dim[1] < 0 && last
        && last->op == OP_Reshape && node_constant(last, 1);
}

/* Gives what is no shuffle more axes than one has; how many. */
static int part_shuffle(struct node *n)
{
    enum { AXES = 6 };
    int64_t perm[AXES];
    size_t count;
    if (!shuffles_unknown(n))
        return 0;
    struct node *turn = value_only_user(n->out[0]);
    const struct tensor *shape = node_constant(n, 1);
    const int64_t *told = node_ints(turn, "perm", &count);
    struct tensor *wider = tensor_new(n->graph->model->arena, DTYPE_I64,
                                      &(struct shape){.rank = 1, .dim = {AXES}});
    int rank = n->out[0]->type.shape.rank;
    for (int i = 0; i < AXES; i++) {
        ((int64_t *)wider->data)[i] = i < rank ? tensor_get_int(shape, i) : 1;
        perm[i] = i >= rank ? i : told ? told[i] : rank - 1 - i;
    }
    struct build at = build_before(n);
    node_set_input(n, 1, build_constant(&at, "wider", wider));
    node_set_ints(turn, "perm", perm, AXES);
    n->out[0]->type.shape.rank = turn->out[0]->type.shape.rank = -1;
    return 1;
}

int suit_openvino(struct graph *g)
{
    int changes = suit_sums(g);
    graph_each(g, n) {
        changes += hold_quantizer(n);
        changes += round_tokens(n);
        changes += part_shuffle(n);
    }
    return changes;
}
