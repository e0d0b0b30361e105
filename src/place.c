/* SPDX-License-Identifier: Apache-2.0
 *
 * place: one walk gives quants to layers; units and what only moves codes follow.
 *
 * A value's first claim marks all its uses plain; whoever wants the rounded value clears the mark
 * of its own use. So a residual sum that a convolution reads rounded stays float for the next Add.
 */
#include "place.h"

#include "bounds.h"
#include "exec.h"
#include "extreme.h"
#include "op.h"
#include "picture.h"
#include "place_borders.h"
#include "place_branches.h"
#include "place_codes.h"
#include "place_dynamic.h"
#include "place_exact.h"
#include "place_form.h"
#include "place_slow.h"
#include "place_transposed.h"
#include "place_units.h"
#include "quantized.h"
#include "recurrent.h"
#include "rule.h"
#include "vec.h"

struct place {
    struct model *model;
    const struct target *target;
    struct arena *arena;
    bool *runnable; /* nodes, by id: quern can compute what they read */
    const struct node_rule *rule; /* likewise */
    int n_nodes; /* when placing began; nodes that it makes have no row above */
    struct form form;
    const bool *exact;           /* nodes, by id: see place_exact.h */
    bool may_leave;              /* reason_to_leave() counts: other layers are there */
    const struct bounds *bounds; /* of the main graph's values, by id; NULL: not looked for */
    VEC(struct left_float) left;
};

/* ONNX Runtime 1.31 makes a Gemm between Reshapes of a MatMul and its bias, moves the quantizer of
 * its input over the Reshape, makes it unsigned, and leaves the attribute that says int8. */
static bool is_signed_sum(const struct place *p, const struct node *n)
{
    const struct node *next = value_user_behind(n->out[0]);
    return p->target->no_signed_sums && p->target->activation.dtype == DTYPE_I8
        && n->op == OP_MatMul && node_input(n, 0)->type.shape.rank != 2 && next
        && next->op == OP_Add && model_opset(p->model, "") >= 21;
}

/* Why a layer had better stay float, where there are others; NULL: it need not. */
static const char *reason_to_leave(const struct place *p, const struct node *n)
{
    if (p->rule[n->id].all)
        return NULL;
    if (p->exact[n->id])
        return EXACT_LOGARITHM;
    return place_is_slow_group(p->target, n)     ? SLOW_GROUPS
         : place_is_slow_product(p->target, n)   ? SLOW_PRODUCT
         : place_is_slow_depthwise(p->target, n) ? SLOW_DEPTHWISE
                                                 : NULL;
}

/* Why a node with a weight cannot be a layer of this target; NULL: it can. */
static const char *reason_against(const struct place *p, const struct node *n)
{
    struct op_weight ow;
    const struct value *x = node_input(n, 0), *weight = node_input(n, 1);
    if ((x && x->def && node_is_quantized(x->def))
        || (weight && weight->def && node_is_quantized(weight->def)))
        return "already quantized";
    if (!p->runnable[n->id])
        return "it depends on an operator that quern cannot execute";
    if (target_rule(p->target, n) != TARGET_INTEGER)
        return "the target has no integer kernel for this operator";
    if (p->rule[n->id].why_float)
        return p->rule[n->id].why_float;
    if (n->op == OP_MatMul && (node_constant(n, 0) || node_constant(n, 1))
        && !op_weight(n, &ow))
        return "its weight is a vector";
    if (!op_weight(n, &ow))
        return n->op == OP_MatMul ? "both inputs are activations" : "its weight is not a constant";
    const struct tensor *w = node_constant(n, ow.slot);
    if (!w)
        return "its weight is not a constant";
    if (!form_takes(w->dtype))
        return "its weight is not a float";
    if (tensor_count(w) == 0)
        return "its weight is empty";
    const char *reason = form_reason_against(n, &ow);
    if (reason)
        return reason;
    if (is_signed_sum(p, n))
        return "the runtime does not load it with int8 activations from opset 21 on";
    if (node_input(n, 1 - ow.slot)->constant)
        return "its input is a constant";
    if (p->target->wrong_extremes && p->target->inputs == INPUTS_CALIBRATED
        && !p->rule[n->id].weights_only && value_is_extreme(node_input(n, 1 - ow.slot), true))
        return "the runtime would compute the maxima, minima or sums that it reads wrongly";
    if (p->may_leave && (reason = reason_to_leave(p, n)))
        return reason;
    reason = n->op == OP_ConvTranspose
           ? place_reason_against_transposed(p->target, n, p->bounds) : NULL;
    if (reason)
        return reason;
    if (n->op == OP_MatMul)
        return NULL;
    const struct value *bias = node_input(n, 2);
    if (bias && (!bias->constant || bias->constant->dtype != w->dtype))
        return "its bias is not a constant";
    int64_t count = bias ? tensor_count(bias->constant) : 1;
    if (count != 1 && count != op_weight_channels(w, &ow))
        return "its bias is not a vector";
    return NULL;
}

/* A MatMul of two activations, or a ConvTranspose, that the target runs as no layer. */
static bool is_other(const struct place *p, const struct node *n)
{
    bool product = n->op == OP_MatMul && !node_constant(n, 0) && !node_constant(n, 1);
    bool known = product || (n->op == OP_ConvTranspose && node_constant(n, 1));
    return known && p->runnable[n->id] && !p->rule[n->id].why_float
        && (target_is_unit(p->target, n) || target_is_reader(p->target, n));
}

/* A bias of the layer's own: a vector with one element per output channel. */
static void give_own_bias(struct node *n, int slot, int64_t channels)
{
    struct value *old = node_input(n, slot);
    const struct tensor *from = old ? old->constant : NULL;
    if (from && from->shape.rank == 1 && from->shape.dim[0] == channels && value_used_once(old))
        return;
    struct arena *a = n->graph->model->arena;
    struct tensor *bias = tensor_new(a, DTYPE_F32, &(struct shape){1, {channels}});
    int64_t count = from ? tensor_count(from) : 0;
    for (int64_t i = 0; i < channels && count; i++)
        tensor_f32(bias)[i] = tensor_f32(from)[count == 1 ? 0 : i];
    struct build at = build_before(n);
    node_set_input(n, slot, build_constant(&at, "bias", bias));
}

static bool use_is_layer_weight(const struct place *p, const struct use *u, int axis)
{
    struct op_weight ow;
    return !node_is_result(u->user) && op_weight(u->user, &ow) && u == &u->user->in[ow.slot]
        && ow.axis == axis && !reason_against(p, u->user);
}

static bool takes_weight_only(const struct place *p, const struct node *n)
{
    return p->target->inputs == INPUTS_FLOAT || p->rule[n->id].weights_only
        || (!p->rule[n->id].all && place_is_slow_volume(p->target, n));
}

/* A weight that somebody else reads as well, or reads along another axis, or in another type, is
 * copied. So is one that a body captures if only weights are rounded: ONNX Runtime does not load
 * MatMul then. */
static struct value *give_own_weight(const struct place *p, struct node *n,
                                     const struct op_weight *ow)
{
    struct value *w = node_input(n, ow->slot);
    bool own = !takes_weight_only(p, n) || w->graph == n->graph;
    value_each_use(w, u)
        own = own && use_is_layer_weight(p, u, ow->axis)
           && takes_weight_only(p, u->user) == takes_weight_only(p, n)
           && p->rule[u->user->id].weight == p->rule[n->id].weight;
    if (!own) {
        struct build at = build_before(n);
        w = build_constant(&at, "weight", w->constant);
        node_set_input(n, ow->slot, w);
    }
    return w;
}

struct quant *quant_new(struct model *m, const struct qtype *type, int64_t n)
{
    struct quant *q = NEW(m->arena, struct quant);
    q->type = *type;
    q->n = n;
    return q;
}

struct quant *value_claim(struct value *v, const struct qtype *type)
{
    if (!v->quant) {
        v->quant = quant_new(v->graph->model, type, 1);
        value_each_use(v, u)
            u->plain = true;
    }
    return v->quant;
}

void value_claim_wholly(struct value *v, const struct qtype *type)
{
    value_claim(v, type);
    value_each_use(v, u)
        u->plain = false;
}

static void place_weight(struct place *p, struct value *w, const struct op_weight *ow)
{
    if (w->quant)
        return;
    const struct node *n = w->uses->user;
    const struct qtype *wish = p->rule[n->id].weight;
    struct qtype type = weight_type(p->target, wish ? wish : &p->target->weight, n,
                                    &w->constant->shape, ow->axis);
    w->quant = quant_new(p->model, &type, quant_count(&type, &w->constant->shape));
}

/* An int32 bias has the scale of input times weight: known when those are settled. */
static void place_bias(struct model *m, const struct qlayer *l)
{
    struct value *bias = qlayer_bias(l);
    if (!bias || !qlayer_reads_codes(l))
        return;
    const struct quant *w = qlayer_weight(l)->quant;
    struct qtype type = {.dtype = DTYPE_I32, .grain = w->type.grain, .symmetric = true};
    bias->quant = quant_new(m, &type, w->n);
    bias->quant->product[0] = l->input->quant;
    bias->quant->product[1] = w;
}

struct value *value_behind_folded(const struct target *t, struct value *v)
{
    struct node *n = value_user_behind(v);
    if (!n || node_is_result(n) || target_rule(t, n) != TARGET_FOLDED || node_input(n, 0) != v)
        return v;
    if (n->op == OP_Clip) {
        const struct tensor *lo = node_constant(n, 1), *hi = node_constant(n, 2);
        if (!lo || tensor_get(lo, 0) != 0 || (node_input(n, 2) && !hi))
            return v;
    }
    return n->out[0];
}

/* ONNX Runtime joins a MatMul with the Add behind it to a Gemm, and runs that in float where what
 * is added is no int32 bias. So it gets one. */
static bool needs_bias(const struct place *p, const struct node *n)
{
    const struct node *next = value_user_behind(n->out[0]);
    return !takes_weight_only(p, n) && p->target->integer_bias && p->target->add_is_bias && next
        && next->op == OP_Add && node_input(n, 0)->type.shape.rank < 3
        && node_constant(n, 1)->shape.rank == 2;
}

static void place_layer(struct place *p, struct node *n)
{
    struct op_weight ow;
    form_layer(&p->form, n);
    if (n->op == OP_Gemm && p->target->inputs == INPUTS_FLOAT)
        gemm_turn_weight(n);
    op_weight(n, &ow);
    struct value *w = give_own_weight(p, n, &ow);
    int64_t channels = op_weight_channels(w->constant, &ow);
    struct node *bias_node = n;
    int bias_slot = ow.bias;
    if (n->op == OP_MatMul)
        bias_node = p->target->add_is_bias ? form_bias_behind(n, channels, &bias_slot) : NULL;
    if (!bias_node && needs_bias(p, n)) {
        bias_node = form_add_bias(n, channels);
        bias_slot = 1;
    }
    if (bias_node)
        give_own_bias(bias_node, bias_slot, channels);

    bool rounded = !takes_weight_only(p, n);
    if (rounded) {
        struct quant *q = value_claim(node_input(n, 0), &p->target->activation);
        n->in[0].plain = false;
        if (n->op == OP_Conv && q->type.rows) /* it has no rows: one scale, for all readers */
            q->type = (struct qtype){.dtype = DTYPE_U8, .dynamic = true};
    }
    place_weight(p, w, &ow);
    if (rounded && target_wants_output(p->target, n)) {
        struct value *sum = bias_node ? bias_node->out[0] : n->out[0];
        value_claim_wholly(value_behind_folded(p->target, sum), &p->target->activation);
    }
}

/* A matrix product whose Relu or Clip is read in float runs in float in ONNX Runtime. (A graph
 * output may be read.) */
static void close_product(struct place *p, const struct qlayer *l)
{
    struct value *v = value_behind_folded(p->target, l->sum);
    if (v == l->sum || l->node->op == OP_Conv)
        return;
    bool open = false;
    value_each_use(v, u)
        open = open || ((!v->quant || u->plain) && !node_is_result(u->user));
    if (!open)
        return;
    value_claim_wholly(v, &p->target->activation);
}

static void place_graph(struct place *p, struct graph *g)
{
    graph_each(g, n) {
        if (op_table[n->op].role != ROLE_WEIGHTED)
            continue;
        const char *reason = reason_against(p, n);
        if (!reason)
            place_layer(p, n);
        else if (!is_other(p, n))
            *vec_add(&p->left, p->arena) = (struct left_float){n, reason};
    }
}

static bool has_layer_to_keep(const struct place *p, const struct graph *g)
{
    for (const struct node *n = g->first; n; n = n->next)
        if (op_table[n->op].role == ROLE_WEIGHTED && !reason_against(p, n)
            && !reason_to_leave(p, n))
            return true;
    return false;
}

/* Nodes, by id, that may be units. */
static const bool *find_units(const struct place *p)
{
    bool *may = NEW_ARRAY(p->arena, p->model->n_nodes, bool);
    int n_graphs;
    struct graph **graph = model_graphs(p->model, p->arena, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        graph_each(graph[i], n)
            may[n->id] = n->id >= p->n_nodes
                      || (p->runnable[n->id] && !p->rule[n->id].why_float);
    return may;
}

static bool has_types(const struct rules *r)
{
    for (int i = 0; r && i < r->n; i++)
        if (r->at[i].activations)
            return true;
    return false;
}

/* Layers that the rules want so. */
static void place_dynamics(const struct place *p, struct placement *out)
{
    enum dynamic *how = NEW_ARRAY(p->arena, out->n_layer + 1, enum dynamic);
    bool any = false;
    for (int i = 0; i < out->n_layer; i++) {
        const struct node_rule *rule = &p->rule[out->layer[i].node->id];
        enum dynamic wish = rule->rows ? DYNAMIC_ROWS : DYNAMIC_WHOLE;
        if (rule->dynamic && !dynamics_reason_against(p->target, &out->layer[i], wish))
            how[i] = wish;
        any |= how[i] != DYNAMIC_NOT;
    }
    if (!any)
        return;
    struct dynamics *d = dynamics_open(p->model, out, p->target, p->arena);
    dynamics_set(d, how);
    dynamics_keep(d, out);
}

/* Weights whose channels will stand apart need no care for short sums. */
static void spare_pictures(const struct target *t, const struct placement *p)
{
    for (int i = 0; i < p->n_layer; i++) {
        const struct qlayer *l = &p->layer[i];
        struct value *w = qlayer_weight(l);
        if (!qlayer_reads_codes(l) || !w->constant || !value_used_once(w)
            || !value_used_once(l->input) || l->input->quant->type.grain != GRAIN_TENSOR)
            continue;
        struct quant *q = w->quant;
        if (picture_find(t, l->node, l->input, w->constant, q->type.dtype).apart)
            q->type.short_sums = false;
    }
}

int place_model(struct model *m, const struct target *t, const char *skip, struct arena *a,
                struct placement *out, struct err *err)
{
    struct place p = {.model = m, .target = t, .arena = a,
                      .runnable = NEW_ARRAY(a, m->n_nodes, bool),
                      .rule = rules_resolve(t->rules, skip, m, a), .n_nodes = m->n_nodes,
                      .exact = place_exact(m, a), .bounds = place_transposed_bounds(m, t, a)};
    form_open(&p.form, m, a);
    exec_find_runnable(m->graph, p.runnable);
    int n_graphs;
    struct graph **graph = model_graphs(m, a, &n_graphs);
    for (int i = 0; i < n_graphs && !p.may_leave; i++)
        p.may_leave = has_layer_to_keep(&p, graph[i]);
    for (int i = 0; i < n_graphs; i++)
        place_graph(&p, graph[i]);
    place_find_layers(m, a, out);
    for (int i = 0; *t->outputs && i < out->n_layer; i++)
        close_product(&p, &out->layer[i]);
    if (t->skip_branch)
        place_skip_branches(m, t);
    if (*t->readers)
        place_readers(m, t, find_units(&p));
    if (t->unit_rule != UNITS_NEVER)
        place_units(m, t, find_units(&p));
    if (*t->joined)
        place_joined(m, t);
    if (t->inputs == INPUTS_CALIBRATED && has_types(t->rules))
        place_borders(m, t, p.rule, p.n_nodes, out);
    if (t->inputs == INPUTS_CALIBRATED)
        place_codes(m, t);
    place_find_layers(m, a, out);
    for (int i = 0; t->integer_bias && i < out->n_layer; i++)
        place_bias(m, &out->layer[i]);
    place_shifts(m);
    if (t->inputs == INPUTS_CALIBRATED) {
        place_dynamics(&p, out);
        spare_pictures(t, out);
    }
    out->left = p.left.at;
    out->n_left = p.left.n;
    if (out->n_layer || recurrent_any_dynamic(t, m))
        return 0;
    if (!out->n_left)
        return err_set(err, ERR_INPUT, "the model has no layer that target %s runs in integers",
                       t->name);
    return err_set(err, ERR_INPUT, "no layer can be quantized for target %s: %s: %s%s", t->name,
                   node_title(out->left[0].node), out->left[0].reason,
                   out->n_left > 1 ? "; 'quern check' tells of the others" : "");
}
