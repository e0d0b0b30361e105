/* SPDX-License-Identifier: Apache-2.0
 *
 * place_borders: one walk up tells which types are wanted of values, one down gives them.
 */
#include "place_borders.h"

#include "op.h"
#include "place_units.h"

struct borders {
    const struct target *target;
    const struct node_rule *rule;
    int n_rules, n_values;
    const struct qtype **wanted; /* by value id: the widest type that a reader wants; NULL: none */
    const struct qtype **made;   /* that the node computes on codes which makes it */
    const bool *coded;           /* by node id: it computes on codes, and has a type of its own */
};

bool place_is_border(const struct node *n)
{
    if (n->op != OP_Identity)
        return false;
    const struct quant *in = node_input(n, 0)->quant, *out = n->out[0]->quant;
    return in && out
        && (in->type.dtype != out->type.dtype || in->type.dynamic != out->type.dynamic);
}

static const struct qtype *wish_of(const struct borders *b, const struct node *n)
{
    const struct qtype *wish = n->id < b->n_rules ? b->rule[n->id].activation : NULL;
    return wish ? wish : &b->target->activation;
}

static bool is_rounded(const struct use *u)
{
    return u->value && u->value->quant && !u->plain && !u->value->constant;
}

static void want(const struct qtype **wanted, const struct qtype *type)
{
    if (type && (!*wanted || dtype_info((*wanted)->dtype)->bits < dtype_info(type->dtype)->bits))
        *wanted = type;
}

/* In reverse order: what reads a node's outputs has been asked. */
static void ask_graph(struct borders *b, const struct graph *g)
{
    for (const struct node *n = g->last; n; n = n->prev)
        for (int i = 0; i < n->n_in; i++) {
            const struct use *u = &n->in[i];
            if (!is_rounded(u))
                continue;
            if (b->coded[n->id])
                want(&b->wanted[u->value->id], wish_of(b, n));
            else if (target_rule(b->target, n) == TARGET_CODES && n->out[0])
                want(&b->wanted[u->value->id], b->wanted[n->out[0]->id]);
        }
}

static bool has_type(const struct quant *q, const struct qtype *type)
{
    return q->type.dtype == type->dtype && q->type.symmetric == type->symmetric
        && q->type.dynamic == type->dynamic && q->type.rows == type->rows;
}

static void give_type(struct value *v, const struct qtype *type)
{
    if (v->quant && type && !v->quant->type.dynamic && !has_type(v->quant, type))
        v->quant = quant_new(v->graph->model, type, 1);
}

struct value *place_converted(struct value *v, const struct qtype *type, bool plain)
{
    value_each_use(v, u)
        if (u->user->op == OP_Identity && place_is_border(u->user)
            && has_type(u->user->out[0]->quant, type))
            return u->user->out[0];
    struct build at = {.graph = v->graph, .stem = v->name};
    at.before = v->def ? v->def->next : v->graph->first;
    struct node *n = build_node(&at, OP_Identity, 1, &v, 1);
    n->in[0].plain = plain;
    n->out[0]->type = v->type;
    n->out[0]->quant = quant_new(v->graph->model, type, 1);
    return n->out[0];
}

/* A constant that a unit reads like an activation. */
static void convert_constant(struct node *n, int i, const struct qtype *type)
{
    struct value *v = node_input(n, i);
    if (has_type(v->quant, type))
        return;
    if (!value_used_once(v)) {
        struct build at = build_before(n);
        v = build_constant(&at, "copy", v->constant);
        v->quant = quant_new(n->graph->model, type, 1);
        node_set_input(n, i, v);
        n->in[i].plain = false;
    }
    give_type(v, type);
}

static void convert_inputs(struct borders *b, struct node *n)
{
    const struct qtype *wish = wish_of(b, n);
    struct op_weight w;
    bool unit = target_is_unit(b->target, n) && !op_weight(n, &w);
    for (int i = 0; i < n->n_in; i++) {
        struct value *v = node_input(n, i);
        if (is_rounded(&n->in[i]) && !has_type(v->quant, wish)) {
            node_set_input(n, i, place_converted(v, wish, v->id >= b->n_values || !b->made[v->id]));
            n->in[i].plain = false;
        } else if (v && v->constant && v->quant && unit && !n->in[i].plain
                   && has_type(v->quant, &b->target->activation)
                   && !(i > 0 && unit_has_factors(n))) {
            convert_constant(n, i, wish);
        }
    }
}

/* What a unit computes has its type. */
static void mark_made(struct borders *b, const struct node *n)
{
    if (!target_is_unit(b->target, n))
        return;
    b->made[n->out[0]->id] = wish_of(b, n);
    b->made[value_behind_folded(b->target, n->out[0])->id] = wish_of(b, n);
}

static void settle_node(struct borders *b, struct node *n)
{
    bool moves = n->n_in && target_rule(b->target, n) == TARGET_CODES && is_rounded(&n->in[0]);
    if (b->coded[n->id]) {
        convert_inputs(b, n);
        mark_made(b, n);
    }
    for (int i = 0; i < n->n_out; i++) {
        struct value *v = n->out[i];
        if (!v || !v->quant)
            continue;
        if (moves) {
            v->quant = n->in[0].value->quant;
            b->made[v->id] = &v->quant->type;
        } else {
            give_type(v, b->made[v->id] ? b->made[v->id] : b->wanted[v->id]);
        }
    }
}

/* Layers, and units and readers as they have been placed. */
static bool *find_coded(const struct borders *b, struct graph *const *graph, int n_graphs,
                        int n_nodes, const struct placement *p, struct arena *a)
{
    bool *coded = NEW_ARRAY(a, n_nodes, bool);
    for (int k = 0; k < n_graphs; k++)
        for (const struct node *n = graph[k]->first; n; n = n->next) {
            bool may = n->n_in && is_rounded(&n->in[0])
                    && !(n->id < b->n_rules && b->rule[n->id].why_float);
            bool unit = may && target_is_unit(b->target, n)
                     && value_behind_folded(b->target, n->out[0])->quant;
            coded[n->id] = unit || (may && target_is_reader(b->target, n));
        }
    for (int i = 0; i < p->n_layer; i++)
        coded[p->layer[i].node->id] = is_rounded(&p->layer[i].node->in[0]);
    return coded;
}

void place_borders(struct model *m, const struct target *t, const struct node_rule *rule,
                   int n_rules, const struct placement *p)
{
    struct arena scratch = {0};
    struct borders b = {t, rule, n_rules, m->n_values,
                        NEW_ARRAY(&scratch, m->n_values, const struct qtype *),
                        NEW_ARRAY(&scratch, m->n_values, const struct qtype *), NULL};
    int n_graphs;
    struct graph **graph = model_graphs(m, &scratch, &n_graphs);
    b.coded = find_coded(&b, graph, n_graphs, m->n_nodes, p, &scratch);
    for (int i = n_graphs - 1; i >= 0; i--)
        ask_graph(&b, graph[i]);
    for (int i = 0; i < p->n_layer; i++) {
        const struct qlayer *l = &p->layer[i];
        if (is_rounded(&l->node->in[0]))
            b.made[l->sum->id] = b.made[l->output->id] = wish_of(&b, l->node);
    }
    for (int i = 0; i < n_graphs; i++) {
        for (int k = 0; k < graph[i]->n_input; k++)
            give_type(graph[i]->input[k], b.wanted[graph[i]->input[k]->id]);
        graph_each(graph[i], n)
            settle_node(&b, n);
    }
    arena_release(&scratch);
}
