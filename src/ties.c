/* SPDX-License-Identifier: Apache-2.0
 *
 * ties: union-find over the channels of all values, with a rule for each kind of operator.
 */
#include "ties.h"

#include "bounds.h"
#include "linear.h"
#include "op.h"

#include <math.h>

int64_t ties_class(const struct ties *t, const struct value *v, int64_t channel)
{
    int64_t i = t->base[v->id] + channel;
    while (t->class[i] != i)
        i = t->class[i] = t->class[t->class[i]];
    return i;
}

int ties_group(const struct ties *t, const struct value *v)
{
    int i = v->id;
    while (t->group[i] != i)
        i = t->group[i] = t->group[t->group[i]];
    return i;
}

static void fix(struct ties *t, const struct value *v)
{
    for (int64_t c = 0; v && c < t->channels[v->id].n; c++)
        t->fixed[ties_class(t, v, c)] = true;
}

static void tie(struct ties *t, const struct value *a, int64_t ca, const struct value *b,
                int64_t cb)
{
    int64_t i = ties_class(t, a, ca), k = ties_class(t, b, cb);
    t->class[k] = i;
    t->fixed[i] |= t->fixed[k];
    t->group[ties_group(t, b)] = ties_group(t, a);
}

/* Ties the channels of an input to those of an output; false: it does not arrive by channel. */
static bool tie_slot(struct ties *t, const struct node *n, int slot, int out, bool *reached)
{
    struct channel_map map;
    if (!channel_map_find(t->channels, n, slot, out, &map))
        return false;
    for (int64_t i = 0; i < map.count * map.repeat; i++) {
        tie(t, n->in[slot].value, map.from + i / map.repeat, n->out[out], map.to + i);
        reached[map.to + i] = true;
    }
    return true;
}

/* The inputs among the first n_slots are values that the outputs are made of, channel by channel.
 * What arrives otherwise, and what else arrives in the output, is fixed. */
static void tie_slots(struct ties *t, const struct node *n, int n_slots, struct arena *a)
{
    for (int out = 0; out < n->n_out; out++) {
        struct value *y = n->out[out];
        bool *reached = y ? NEW_ARRAY(a, t->channels[y->id].n, bool) : NULL;
        for (int slot = 0; y && slot < n_slots; slot++) {
            struct value *x = node_input(n, slot);
            if (x && !x->constant && !tie_slot(t, n, slot, out, reached)) {
                fix(t, x);
                if (n->op != OP_Concat)
                    fix(t, y);
            }
        }
        for (int64_t c = 0; y && c < t->channels[y->id].n; c++)
            if (!reached[c])
                t->fixed[ties_class(t, y, c)] = true;
    }
}

bool ties_has_numbers(const struct node *n, int *slot, double *limit)
{
    double lo;
    *slot = -1;
    if (n->op == OP_Clip)
        return bounds_of_clip(n, &lo, limit) && isfinite(*limit);
    if ((n->op != OP_Add && n->op != OP_Sub && n->op != OP_Min && n->op != OP_Max) || n->n_in != 2)
        return false;
    *slot = node_constant(n, 0) ? 0 : 1;
    return node_constant(n, *slot) != NULL;
}

/* Can the numbers be divided by channel? */
static bool numbers_divide(const struct ties *t, const struct node *n, struct arena *a)
{
    int slot, rank = n->out[0]->type.shape.rank;
    double limit, lo;
    bool is_float = dtype_info(n->out[0]->type.dtype)->is_float;
    if (!ties_has_numbers(n, &slot, &limit))
        return n->op != OP_Clip || (bounds_of_clip(n, &lo, &limit) && (lo == 0 || isinf(lo)));
    struct channels c = t->channels[n->out[0]->id];
    if (slot < 0 && !t->options.limits)
        return false;
    if (slot < 0) /* opset 8 is the first whose Min repeats a constant along other axes */
        return bounds_of_clip(n, &lo, &limit) && lo == 0 && limit > 0 && rank > c.axis && is_float
            && model_opset(n->graph->model, "") >= 8;
    return rank > c.axis
        && channel_vector(node_constant(n, slot), rank, c.axis, c.n, NEW_ARRAY(a, c.n, double));
}

/* The Mul at the end of a gate that begins with n; NULL: a chain from n does not lead to one. */
static struct node *gate_end(const struct node *n)
{
    struct value *x = node_input(n, 0), *v = n->out[0];
    struct node *user = value_only_user(v);
    while (user && (user->op == OP_Clip || user->op == OP_HardSigmoid || user->op == OP_Sigmoid
                    || ((user->op == OP_Mul || user->op == OP_Div) && node_constant(user, 1)))) {
        v = user->out[0];
        user = value_only_user(v);
    }
    bool both = user && user->op == OP_Mul
             && (node_input(user, 0) == x || node_input(user, 1) == x);
    return both ? user : NULL;
}

bool ties_is_gate(const struct ties *t, const struct node *n)
{
    const struct value *x = node_input(n, 0);
    bool begins = n->op == OP_Sigmoid || n->op == OP_HardSigmoid
               || (n->op == OP_Add && node_constant(n, 1));
    return t->options.gates && begins && t->channels[x->id].n && gate_end(n)
        && x->type.shape.rank > t->channels[x->id].axis && dtype_info(x->type.dtype)->is_float;
}

/* Is this the value that a gate of x ends with? */
static bool ends_gate(const struct ties *t, const struct value *v, const struct value *x)
{
    value_each_use(x, u)
        if (u == &u->user->in[0] && ties_is_gate(t, u->user))
            for (int i = 0; i < 2; i++)
                if (gate_end(u->user)->in[i].value == v)
                    return true;
    return false;
}

/* The factor of a product that has one number for a whole channel, or lies in 0..1, or is a gate
 * of the other: it keeps its scale, and the other factor hands its own on. -1: neither is so. */
static int gate_slot(const struct ties *t, const struct node *n)
{
    bool flat[2];
    for (int i = 0; i < 2; i++) {
        const struct value *v = n->in[i].value;
        const struct shape *s = &v->type.shape;
        if ((v->def && op_table[v->def->op].role == ROLE_FIXED)
            || ends_gate(t, v, n->in[!i].value))
            return i;
        flat[i] = s->rank > 2;
        for (int k = 2; k < s->rank; k++)
            flat[i] &= s->dim[k] == 1;
    }
    return flat[0] == flat[1] ? -1 : flat[1];
}

static bool tie_product(struct ties *t, const struct node *n, struct arena *a)
{
    if (node_constant(n, 0) || node_constant(n, 1)) {
        tie_slots(t, n, 2, a);
        return n->op == OP_Mul || node_constant(n, 1);
    }
    int gate = n->op == OP_Mul ? gate_slot(t, n) : -1;
    if (gate < 0)
        return false;
    fix(t, n->in[gate].value);
    bool *reached = NEW_ARRAY(a, t->channels[n->out[0]->id].n, bool);
    return tie_slot(t, n, !gate, 0, reached);
}

static bool tie_linear(struct ties *t, const struct linear *l, struct arena *a)
{
    struct value *x = node_input(l->node, 0);
    struct channels in = t->channels[x->id], out = t->channels[l->out->id];
    if (in.n != l->n_in || in.axis != linear_axis(l, x))
        fix(t, x);
    return out.n == l->n_out && linear_bias(l, NEW_ARRAY(a, l->n_out, double));
}

/* False: the node computes something else when its inputs are scaled. */
static bool tie_node(struct ties *t, struct node *n, struct arena *a)
{
    struct linear l;
    const struct tensor *value;
    if (linear_find(n, &l))
        return tie_linear(t, &l, a);
    if (ties_is_gate(t, n)) {
        fix(t, n->out[0]);
        return true;
    }
    switch (n->op) {
    case OP_Shape: case OP_Size: return true;
    case OP_HardSwish:
        tie_slots(t, n, 1, a);
        return t->options.gates && dtype_info(n->out[0]->type.dtype)->is_float
            && n->out[0]->type.shape.rank > t->channels[n->out[0]->id].axis;
    case OP_Mul: case OP_Div: return tie_product(t, n, a);
    case OP_PRelu:
        tie_slots(t, n, 1, a);
        return node_constant(n, 1) != NULL;
    case OP_Clip: case OP_Add: case OP_Sub: case OP_Min: case OP_Max:
        tie_slots(t, n, n->op == OP_Clip ? 1 : n->n_in, a);
        return numbers_divide(t, n, a);
    case OP_Pad:
        tie_slots(t, n, 1, a);
        value = node_constant(n, 2);
        return !node_string_is(n, "mode", "constant", "constant")
            || (node_float(n, "value", 0) == 0 && (!node_input(n, 2) || value)
                && (!value || tensor_get(value, 0) == 0));
    case OP_Resize:
        tie_slots(t, n, 1, a);
        return !node_string_is(n, "coordinate_transformation_mode", "", "tf_crop_and_resize");
    case OP_Concat: tie_slots(t, n, n->n_in, a); return true;
    case OP_Relu: case OP_LeakyRelu: case OP_Identity: case OP_Dropout: case OP_MaxPool:
    case OP_AveragePool: case OP_GlobalMaxPool: case OP_GlobalAveragePool: case OP_Upsample:
    case OP_Split: case OP_Slice: case OP_Reshape: case OP_Flatten: case OP_Squeeze:
    case OP_Unsqueeze: case OP_Transpose: case OP_ReduceMean: case OP_ReduceSum:
    case OP_ReduceMax: case OP_ReduceMin: case OP_Neg: case OP_Abs:
        tie_slots(t, n, 1, a);
        return true;
    default: return false;
    }
}

/* Is the value an output of the graph, or read in the body of an If, Loop or Scan? */
static bool is_seen_outside(const struct value *v)
{
    value_each_use(v, u)
        if (node_is_result(u->user) || u->user->graph != v->graph)
            return true;
    return false;
}

static void tie_graph(struct ties *t, const struct graph *g, struct arena *a)
{
    graph_each(g, n) {
        bool known = tie_node(t, n, a);
        for (int i = 0; !known && i < n->n_in; i++)
            fix(t, n->in[i].value);
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i] && (!known || is_seen_outside(n->out[i])))
                fix(t, n->out[i]);
    }
}

struct ties ties_find(const struct model *m, const struct channels *channels,
                      struct ties_options options, struct arena *a)
{
    int n_values = m->n_values, n_graphs;
    struct graph **graph = model_graphs(m, a, &n_graphs);
    struct ties t = {.options = options, .channels = channels,
                     .base = NEW_ARRAY(a, n_values, int64_t),
                     .group = NEW_ARRAY(a, n_values, int)};
    for (int v = 0; v < n_values; v++) {
        t.base[v] = t.n;
        t.n += channels[v].n;
        t.group[v] = v;
    }
    t.class = NEW_ARRAY(a, t.n, int64_t);
    t.fixed = NEW_ARRAY(a, t.n, bool);
    for (int64_t i = 0; i < t.n; i++)
        t.class[i] = i;
    for (int i = 0; i < n_graphs; i++)
        tie_graph(&t, graph[i], a);
    return t;
}
