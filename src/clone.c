/* SPDX-License-Identifier: Apache-2.0
 *
 * clone: a second model with the same topology, for trying something out or for taking it back.
 * Ids are kept, so side arrays by id fit both. Tensors are never written again (rule 7), so they
 * are shared.
 */
#include "graph.h"
#include "quant.h"

#include "err.h"

#include <string.h>

struct copy {
    struct model *from, *to;
    struct value **value;   /* by id of the original */
    struct quant **old_quant, **new_quant; /* pairs met so far: sharing is kept */
    int n_quant;
};

static struct quant *copy_quant(struct copy *c, const struct quant *q)
{
    if (!q)
        return NULL;
    for (int i = c->n_quant - 1; i >= 0; i--)
        if (c->old_quant[i] == q)
            return c->new_quant[i];
    struct arena *a = c->to->arena;
    struct quant *n = arena_copy(a, q, sizeof *q);
    c->old_quant[c->n_quant] = (struct quant *)(size_t)q;
    c->new_quant[c->n_quant++] = n;
    size_t count = (size_t)q->n;
    n->range = q->range ? arena_copy(a, q->range, count * sizeof *q->range) : NULL;
    n->scale = q->scale ? arena_copy(a, q->scale, count * sizeof *q->scale) : NULL;
    n->zero = q->zero ? arena_copy(a, q->zero, count * sizeof *q->zero) : NULL;
    n->product[0] = copy_quant(c, q->product[0]);
    n->product[1] = copy_quant(c, q->product[1]);
    return n;
}

/* A value is copied when it is first met: as input, constant, definition or use. */
static struct value *copy_value(struct copy *c, struct value *v, struct graph *scope)
{
    if (!v)
        return NULL;
    if (!c->value[v->id]) {
        struct value *n = arena_copy(c->to->arena, v, sizeof *v);
        n->graph = scope;
        n->def = NULL;
        n->uses = NULL;
        n->quant = copy_quant(c, v->quant);
        c->value[v->id] = n;
    }
    return c->value[v->id];
}

static struct graph *copy_graph(struct copy *c, const struct graph *g, struct graph *outer);

static void copy_attrs(struct copy *c, const struct node *from, struct node *to)
{
    struct arena *a = c->to->arena;
    to->attr = arena_copy(a, from->attr, (size_t)from->n_attr * sizeof *from->attr);
    to->n_attr = from->n_attr;
    for (int i = 0; i < to->n_attr; i++) {
        struct attr *x = &to->attr[i];
        if (x->kind == ATTR_GRAPH) {
            x->g = copy_graph(c, x->g, to->graph);
        } else if (x->kind == ATTR_GRAPHS) {
            struct graph **body = NEW_ARRAY(a, x->n, struct graph *);
            for (size_t k = 0; k < x->n; k++)
                body[k] = copy_graph(c, x->graphs[k], to->graph);
            x->graphs = body;
        }
    }
}

static void copy_inputs(struct copy *c, const struct node *from, struct node *to)
{
    for (int i = 0; i < from->n_in; i++) {
        struct value *v = from->in[i].value;
        if (v && !c->value[v->id])
            BUG("value '%s' is used before it is defined", v->name);
        node_set_input(to, i, v ? c->value[v->id] : NULL);
        to->in[i].plain = from->in[i].plain;
    }
}

static struct node *copy_node(struct copy *c, const struct node *n, struct graph *g)
{
    struct node *to = node_new(g, n->domain, n->type, n->n_in, n->n_out);
    to->op = n->op;
    to->function = n->function;
    to->name = n->name;
    to->id = n->id;
    to->opset = n->opset;
    to->origin = n->origin;
    copy_inputs(c, n, to);
    copy_attrs(c, n, to);
    for (int i = 0; i < n->n_out; i++)
        node_set_output(to, i, copy_value(c, n->out[i], g));
    return to;
}

static struct graph *copy_graph(struct copy *c, const struct graph *g, struct graph *outer)
{
    struct arena *a = c->to->arena;
    struct graph *to = graph_new(c->to, outer);
    to->name = g->name;
    to->origin = g->origin;
    to->n_input = g->n_input;
    to->input = NEW_ARRAY(a, g->n_input, struct value *);
    for (int i = 0; i < g->n_input; i++)
        to->input[i] = copy_value(c, g->input[i], to);
    to->n_constant = to->room_constant = g->n_constant;
    to->constant = NEW_ARRAY(a, g->n_constant, struct value *);
    for (int i = 0; i < g->n_constant; i++)
        to->constant[i] = copy_value(c, g->constant[i], to);
    graph_each(g, n)
        node_append(copy_node(c, n, to));
    copy_inputs(c, g->result, to->result);
    to->result->id = g->result->id;
    size_t n_out = (size_t)g->result->n_in;
    to->output_name = arena_copy(a, g->output_name, n_out * sizeof *g->output_name);
    to->output_origin = arena_copy(a, g->output_origin, n_out * sizeof *g->output_origin);
    return to;
}

struct model *model_clone(const struct model *m)
{
    struct model *to = model_new(m->path);
    struct arena scratch = {0};
    struct copy c = {.from = (struct model *)(size_t)m, .to = to};
    c.value = NEW_ARRAY(&scratch, m->n_values, struct value *);
    c.old_quant = NEW_ARRAY(&scratch, m->n_values, struct quant *);
    c.new_quant = NEW_ARRAY(&scratch, m->n_values, struct quant *);
    to->dir = m->dir;
    to->ir_version = m->ir_version;
    to->opset = arena_copy(to->arena, m->opset, (size_t)m->n_opset * sizeof *m->opset);
    to->n_opset = m->n_opset;
    to->function = m->function;
    to->n_functions = m->n_functions;
    to->facts = m->facts;
    to->origin = m->origin;
    to->graph = copy_graph(&c, m->graph, NULL);
    for (size_t i = 0; i < m->names.room; i++)
        if (m->names.slot[i].key)
            map_set(&to->names, m->names.slot[i].key, m->names.slot[i].value);
    to->n_values = m->n_values;
    to->n_nodes = m->n_nodes;
    arena_release(&scratch);
    return to;
}

static void graph_adopt(struct graph *g, struct model *m)
{
    g->model = m;
    graph_each(g, n) {
        for (int i = 0; i < n->n_attr; i++) {
            if (n->attr[i].kind == ATTR_GRAPH)
                graph_adopt(n->attr[i].g, m);
            for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n; k++)
                graph_adopt(n->attr[i].graphs[k], m);
        }
    }
}

void model_restore(struct model *m, struct model *from)
{
    m->graph = from->graph;
    m->ir_version = from->ir_version;
    m->opset = from->opset;
    m->n_opset = from->n_opset;
    m->facts = from->facts;
    if (from->n_values > m->n_values)
        m->n_values = from->n_values;
    if (from->n_nodes > m->n_nodes)
        m->n_nodes = from->n_nodes;
    for (size_t i = 0; i < from->names.room; i++)
        if (from->names.slot[i].key)
            map_set(&m->names, from->names.slot[i].key, from->names.slot[i].value);
    graph_adopt(m->graph, m);
    for (struct model_resource *r = from->resources, *next; r; r = next) {
        next = r->next;
        model_hold(m, r);
    }
    struct arena *arena = from->arena;
    arena_join(m->arena, arena);
    mem_free(arena);
}
