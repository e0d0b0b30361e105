/* SPDX-License-Identifier: Apache-2.0
 *
 * predict_time: every node is counted for the float model, for this one, or for both.
 */
#include "predict_time.h"

#include "op.h"
#include "ops/control.h"
#include "predict_cost.h"
#include "predict_layer.h"
#include "predict_products.h"

#include <math.h>

enum { DEPTH = 4 }; /* operators that only move codes, in a row */

static const double per_run = 16; /* microseconds */

/* Microseconds an element. */
static const double per_moved = 1.2e-4, /* of what is read and of what is written */
                    per_function = 1e-4, per_looked_up = 4e-4, per_pooled = 1.4e-3,
                    per_interpolated = 2.2e-3, per_reordered = 2e-4, per_converted_along = 4e-3,
                    per_transposed = 1e-4; /* kernels of codes have the channels last */
static const double coded_interpolation = 0.2; /* part of that where channels come last */
static const double float_rate = 20e3; /* multiply-adds a microsecond of what has no formula */

struct count {
    const bool *integer; /* by node id: layers in an integer kernel */
    const bool *dequantizes; /* by node id: layers whose weight becomes float at each run */
    const struct layer_cost *cost; /* by node id; all 0: not known */
    bool *blocked; /* by value id: the float model has it in the layout of float convolutions */
    struct model_time *time;
    double iterations; /* of the loop before, or a guess */
};

/* Does an integer kernel take this value in, maybe behind operators that only move codes? */
static bool all_are_layers(const struct value *v, const bool *integer, int depth)
{
    value_each_use(v, u) {
        const struct node *n = u->user;
        bool moves = depth > 0 && n->n_out == 1 && op_table[n->op].role == ROLE_SAME;
        if (node_is_result(n)
            || !(integer[n->id] || (moves && all_are_layers(n->out[0], integer, depth - 1))))
            return false;
    }
    return true;
}

/* A layer, or the Relu or Clip behind one. */
static bool is_layer_output(const struct value *v, const bool *integer)
{
    const struct node *n = v->def;
    if (n && (n->op == OP_Relu || n->op == OP_Clip || op_table[n->op].role == ROLE_SAME))
        return n->n_in && is_layer_output(n->in[0].value, integer);
    if (n && n->op == OP_Add && n->in[0].value && n->in[1].value)
        return (n->in[0].value->def && integer[n->in[0].value->def->id] && n->in[1].value->def
                && node_is_dequantize(n->in[1].value->def)
                && codes_read(n->in[1].value->def).constant);
    return n && integer[n->id];
}

/* An operator between codes that the runtime computes on them. */
static bool is_on_codes(const struct node *n)
{
    switch (n->op) {
    case OP_LeakyRelu: case OP_Sigmoid: case OP_Add: case OP_Mul: case OP_Concat:
    case OP_AveragePool: case OP_GlobalAveragePool: case OP_Softmax: break;
    default: return false;
    }
    for (int i = 0; i < n->n_in; i++) {
        const struct value *v = n->in[i].value;
        if (v && !(v->def && node_is_dequantize(v->def)))
            return false;
    }
    const struct node *q = value_only_user(n->out[0]);
    return q && node_is_quantize(q);
}

/* Codes between two such operators, or between one and layers, convert nothing. */
static bool all_on_codes(const struct value *v, const bool *integer)
{
    value_each_use(v, u)
        if (!integer[u->user->id] && !is_on_codes(u->user))
            return false;
    return v->uses;
}

/* What a value was before it was rounded. */
static const struct value *unrounded(const struct value *v)
{
    while (v->def && (node_is_dequantize(v->def) || node_is_quantize(v->def))
           && v->def->in[0].value)
        v = v->def->in[0].value;
    return v;
}

/* The runtime computes it in the convolution in front of it, where that is float. */
static bool goes_into_conv(const struct node *n)
{
    bool fits = n->op == OP_Relu || n->op == OP_Clip || n->op == OP_LeakyRelu;
    const struct node *before = fits ? unrounded(n->in[0].value)->def : NULL;
    return before && before->op == OP_Conv;
}

/* The other operand of a product with a constant that has a number for each channel. */
static const struct value *scaled_value(const struct node *n)
{
    for (int i = 0; n->op == OP_Mul && i < 2; i++) {
        const struct tensor *t = operand_tensor(n, i);
        if (t && tensor_count(t) > 1)
            return node_input(n, 1 - i);
    }
    return NULL;
}

static bool is_gate(const struct node *n)
{
    return n->op == OP_Sigmoid || n->op == OP_HardSigmoid;
}

/* x * Sigmoid(x), or with HardSigmoid: the Mul; NULL: n is no such gate. x may have been scaled in
 * front of the gate, which equalization does. */
static const struct node *gate_end(const struct node *n)
{
    const struct node *end = is_gate(n) ? value_only_user(n->out[0]) : NULL;
    const struct value *x = end && end->op == OP_Mul ? n->in[0].value : NULL;
    for (int i = 0; x && i < 2; i++)
        if (end->in[i].value == x || (x->def && end->in[i].value == scaled_value(x->def)))
            return end;
    return NULL;
}

/* The Mul in front of a gate that the float model does not have. */
static bool is_factor(const struct node *n)
{
    const struct node *user = scaled_value(n) ? value_only_user(n->out[0]) : NULL;
    return user && is_gate(user) && gate_end(user);
}

static double cost_of_moving(const struct node *n)
{
    const struct value *x = node_input(n, 0);
    double elements = cost_size(n->out[0], 0) + (x ? cost_size(x, 0) : 0);
    switch (n->op) {
    case OP_Reshape: case OP_Flatten: case OP_Squeeze: case OP_Unsqueeze: case OP_Identity:
    case OP_Shape: case OP_Constant: return COST_PER_NODE;
    case OP_Sigmoid: case OP_Tanh: case OP_Exp: case OP_Erf: case OP_Softmax: case OP_Gelu:
    case OP_QuickGelu: case OP_Swish: case OP_Mish:
        return COST_PER_NODE + (per_moved + per_function) * elements;
    case OP_HardSwish: return 2 * (COST_PER_NODE + per_moved * elements);
    default: return COST_PER_NODE + per_moved * elements;
    }
}

/* Does the runtime compute it in the layout that its inputs have? */
static bool keeps_layout(const struct count *c, const struct node *n)
{
    switch (n->op) {
    case OP_Relu: case OP_LeakyRelu: case OP_Clip: case OP_Sigmoid: case OP_QuickGelu:
    case OP_MaxPool: case OP_AveragePool: case OP_GlobalAveragePool: case OP_Add: case OP_Mul:
    case OP_Concat: case OP_QuantizeLinear: case OP_DequantizeLinear: break;
    default: return false;
    }
    const struct shape *s = &n->in[0].value->type.shape;
    bool sum = n->op == OP_Add || n->op == OP_Mul;
    for (int i = 0; i < n->n_in; i++) {
        const struct value *v = n->in[i].value;
        if (v && !operand_tensor(n, i)
            && !(c->blocked[v->id] && (!sum || shape_equal(s, &v->type.shape))))
            return false;
    }
    return !sum || (!operand_tensor(n, 0) && !operand_tensor(n, 1)) || is_factor(n);
}

/* Of the float model: to the layout of convolutions and back. Marks the node's output. */
static double cost_of_layout(const struct count *c, const struct node *n)
{
    const struct value *x = node_input(n, 0);
    if (n->op == OP_Conv && x && x->type.shape.rank == 4) {
        c->blocked[n->out[0]->id] = true;
        return x->def && !c->blocked[x->id] ? per_reordered * cost_size(x, 0) : 0;
    }
    c->blocked[n->out[0]->id] = keeps_layout(c, n);
    double cost = 0;
    for (int i = 0; i < n->n_in && !c->blocked[n->out[0]->id]; i++)
        if (n->in[i].value && c->blocked[n->in[i].value->id])
            cost += per_reordered / 2 * cost_size(n->in[i].value, 0);
    return cost;
}

/* Each node that reads a DequantizeLinear gets one of its own; a gate is one node. */
static void count_readers(struct count *c, const struct value *v, double cost)
{
    value_each_use(v, u) {
        if (u->user->op == OP_Sigmoid && gate_end(u->user))
            continue;
        c->time->now += cost;
        *(is_factor(u->user) ? &c->time->gates : &c->time->conversions) += cost;
    }
}

static void count_conversion(struct count *c, const struct node *n)
{
    cost_of_layout(c, n);
    bool on_codes = node_is_quantize(n)
                        ? n->in[0].value->def && is_on_codes(n->in[0].value->def)
                        : all_on_codes(n->out[0], c->integer);
    bool taken = node_is_quantize(n) ? is_layer_output(n->in[0].value, c->integer)
                                     : all_are_layers(n->out[0], c->integer, DEPTH);
    if (on_codes || taken)
        return;
    bool picture = n->out[0]->type.shape.rank == 4;
    double cost = COST_PER_NODE
                + (COST_PER_CONVERTED + picture * per_transposed) * cost_size(n->out[0], 0);
    if (node_is_dequantize(n)) {
        count_readers(c, n->out[0], cost);
        return;
    }
    c->time->now += cost;
    c->time->conversions += cost;
}

/* Convolutions of floats have a layout of their own, which those of codes do not share. */
static double cost_of_reordering(const struct node *n)
{
    const struct value *x = node_input(n, 0), *y = n->out[0];
    if (n->op != OP_Conv || x->type.shape.rank != 4)
        return 0;
    const struct value *before = x->def && x->def->op == OP_Clip ? x->def->in[0].value : x;
    double cost = 0;
    if (before->def && node_is_dequantize(before->def))
        cost += per_reordered * cost_size(x, 0);
    const struct node *user = value_only_user(y);
    if (user && node_is_quantize(user))
        cost += per_reordered * cost_size(y, 0);
    return cost;
}

/* To make its weights float; where scales go along the last axis, one by one. */
static double cost_of_weights(const struct node *n)
{
    double cost = 0;
    for (int i = 1; i < n->n_in; i++) {
        const struct value *w = n->in[i].value;
        struct codes_of codes = w && w->def ? codes_read(w->def) : (struct codes_of){0};
        bool last = codes.n_scales > 1 && codes.axis == w->type.shape.rank - 1;
        if (codes.node)
            cost += COST_PER_NODE
                  + (last ? per_converted_along : COST_PER_CONVERTED) * cost_size(w, 0);
    }
    return cost;
}

static void count_layer(struct count *c, const struct node *n)
{
    const struct layer_cost *cost = &c->cost[n->id];
    double real = cost->real > 0 ? cost->real : COST_PER_NODE + predict_macs(n) / float_rate;
    double now = c->integer[n->id] ? cost->integer : real, reordered = 0;
    if (c->dequantizes[n->id])
        now = fmax(cost->unpacked, real) + cost_of_weights(n);
    c->time->real += cost_of_layout(c, n);
    if (!c->integer[n->id])
        reordered = cost_of_reordering(n);
    c->time->real += real;
    c->time->now += now + reordered;
    c->time->kernels += now - real;
    c->time->conversions += reordered;
}

static bool interpolates(const struct node *n)
{
    return n->op == OP_Resize && !node_string_is(n, "mode", "nearest", "nearest");
}

/* Of an operator in the float model; moving: what it costs where nothing else is known of it. */
static double real_cost(const struct node *n, double moving)
{
    const struct node *end = gate_end(n);
    if (is_factor(n) || goes_into_conv(n) || node_pads_channels(n) || (end && n->op == OP_Sigmoid))
        return 0;
    if (interpolates(n))
        return COST_PER_NODE + per_interpolated * cost_size(n->out[0], 0);
    return end ? 3 * moving : moving; /* HardSigmoid: most likely Add, Clip, and Div or Mul */
}

static double cost_on_codes(const struct node *n, double moving)
{
    switch (n->op) {
    case OP_LeakyRelu: case OP_Sigmoid:
        return COST_PER_NODE + per_looked_up * cost_size(n->out[0], 0);
    case OP_AveragePool: return COST_PER_NODE + per_pooled * cost_size(n->in[0].value, 0);
    default: return moving;
    }
}

/* In this model. */
static double cost_now(const struct count *c, const struct node *n, double moving)
{
    const struct node *before = n->n_in && n->in[0].value ? n->in[0].value->def : NULL;
    const struct node *user = value_only_user(n->out[0]);
    bool bounds = n->op == OP_Relu || n->op == OP_Clip;
    if (bounds && before && (c->integer[before->id] || before->op == OP_Conv))
        return 0;
    if (n->op == OP_Relu && user && node_is_quantize(user) && quantize_contains(user, n))
        return 0;
    if (n->op == OP_Sigmoid && gate_end(n) && !(before && is_factor(before)))
        return 0; /* one kernel with the Mul */
    if (is_on_codes(n))
        return cost_on_codes(n, moving);
    if (interpolates(n))
        return real_cost(n, moving)
             * (before && node_is_dequantize(before) ? coded_interpolation : 1);
    return moving;
}

static void count_at_run_time(struct count *c, const struct node *n)
{
    double cost = COST_PER_NODE + COST_PER_CONVERTED * cost_size(n->out[0], 0);
    c->time->now += cost;
    c->time->conversions += cost;
}

/* The float model has none of that; of matrix products they are one kernel. */
static void count_around(struct count *c, const struct node *product, double moving)
{
    double cost = product->op == OP_ConvInteger ? moving : 0;
    c->time->now += cost;
    c->time->conversions += cost;
}

static void count_other(struct count *c, const struct node *n)
{
    double moving = cost_of_moving(n);
    const struct node *product = product_around(n);
    if (product) {
        count_around(c, product, moving);
        return;
    }
    double real = real_cost(n, moving), now = cost_now(c, n, moving);
    if (is_factor(n) || gate_end(n))
        c->time->gates += fmax(now - real, 0);
    else
        c->time->conversions += fmax(now - real, 0);
    c->time->real += real + cost_of_layout(c, n);
    c->time->now += now;
}

/* How many elements are there for a body that takes one of them at a time; 0: not known. */
static int64_t gathered_elements(const struct graph *body)
{
    for (const struct node *n = body->first; n; n = n->next) {
        const struct value *x = n->op == OP_Gather ? node_input(n, 0) : NULL;
        const struct value *index = x ? node_input(n, 1) : NULL;
        if (index && x->graph != body && index->graph == body && !node_int(n, "axis", 0)
            && x->type.shape.rank > 0 && x->type.shape.dim[0] > 0)
            return x->type.shape.dim[0];
    }
    return 0;
}

/* Of a node's bodies; a sequence keeps its length from one loop to the next. */
static double iterations(struct count *c, const struct node *n)
{
    struct control k;
    struct scan_axis a;
    struct err ignored;
    if (control_parse(n, &k, &ignored) < 0)
        return 1;
    if (n->op == OP_If)
        return 1.0 / k.n_bodies; /* one of its bodies */
    int64_t count = 0;
    if (n->op == OP_Loop) {
        const struct tensor *most = operand_tensor(n, 0);
        count = gathered_elements(k.body[0]);
        if (most && tensor_get(most, 0) < INT32_MAX)
            count = (int64_t)tensor_get(most, 0);
    } else if (n->op == OP_Scan && control_scan_axis(n, false, 0, &a, &ignored) == 0) {
        const struct shape *s = &n->in[k.first + k.n_state].value->type.shape;
        int axis = shape_axis(s, a.axis + k.batched);
        count = axis >= 0 ? s->dim[axis] : 0;
    }
    if (count > 0)
        c->iterations = (double)count;
    return c->iterations;
}

static void count_bodies(struct count *c, const struct node *n);

static void count_graph(struct count *c, const struct graph *g)
{
    for (const struct node *n = g->first; n; n = n->next) {
        if (!n->n_out || !n->out[0] || node_is_result(n))
            continue;
        if (n->op == OP_DynamicQuantizeLinear)
            count_at_run_time(c, n);
        else if ((node_is_dequantize(n) && !codes_read(n).constant) || node_is_quantize(n))
            count_conversion(c, n);
        else if (predict_macs(n) >= 0)
            count_layer(c, n);
        else if (node_body(n, 0))
            count_bodies(c, n);
        else if (!node_is_dequantize(n))
            count_other(c, n);
    }
}

static void count_bodies(struct count *c, const struct node *n)
{
    struct model_time *sum = c->time, body = {0};
    double times = iterations(c, n);
    c->time = &body;
    for (int i = 0; node_body(n, i); i++)
        count_graph(c, node_body(n, i));
    c->time = sum;
    sum->real += times * body.real + COST_PER_NODE;
    sum->now += times * body.now + COST_PER_NODE;
    sum->kernels += times * body.kernels;
    sum->conversions += times * body.conversions;
    sum->gates += times * body.gates;
}

void predict_time(const struct model *m, struct arena *a, struct prediction *p)
{
    bool *integer = NEW_ARRAY(a, m->n_nodes, bool), known = true;
    bool *dequantizes = NEW_ARRAY(a, m->n_nodes, bool);
    struct layer_cost *cost = NEW_ARRAY(a, m->n_nodes, struct layer_cost);
    struct model_time time = {.real = per_run, .now = per_run};
    for (int i = 0; i < p->node.n; i++) {
        struct predicted *n = &p->node.at[i];
        bool found = cost_of_layer(n->node, &cost[n->node->id]);
        integer[n->node->id] = n->is.verdict == VERDICT_INTEGER;
        dequantizes[n->node->id] = n->is.verdict == VERDICT_DEQUANTIZES;
        known = known && (found || n->is.verdict != VERDICT_INTEGER);
        if (n->is.verdict == VERDICT_INTEGER)
            n->cost = cost[n->node->id];
    }
    struct count c = {integer, dequantizes, cost, NEW_ARRAY(a, m->n_values, bool), &time, 32};
    count_graph(&c, m->graph);
    if (known)
        p->time = time;
}
