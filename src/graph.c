/* SPDX-License-Identifier: Apache-2.0
 *
 * graph: models, graphs, nodes, values and uses; the functions that keep the rules of graph.h.
 */
#include "graph.h"

#include "err.h"
#include "op.h"

#include <stdio.h>
#include <string.h>

struct model *model_new(const char *path)
{
    struct arena *a = mem_alloc(sizeof *a);
    *a = (struct arena){0};
    struct model *m = NEW(a, struct model);
    m->arena = a;
    m->path = arena_strdup(a, path);
    m->names.arena = a;
    m->graph = graph_new(m, NULL);
    return m;
}

void model_close(struct model *m)
{
    if (!m)
        return;
    for (struct model_resource *r = m->resources, *next; r; r = next) {
        next = r->next;
        r->release(r);
    }
    struct arena *a = m->arena;
    arena_release(a);
    mem_free(a);
}

void model_hold(struct model *m, struct model_resource *r)
{
    r->next = m->resources;
    m->resources = r;
}

static const char *domain_of(const char *domain)
{
    return !domain || !strcmp(domain, "ai.onnx") ? "" : domain;
}

int64_t model_opset(const struct model *m, const char *domain)
{
    for (int i = 0; i < m->n_opset; i++)
        if (!strcmp(domain_of(m->opset[i].domain), domain_of(domain)))
            return m->opset[i].version;
    return 0;
}

int64_t node_opset(const struct node *n)
{
    return n->opset ? n->opset : model_opset(n->graph->model, n->domain);
}

void model_set_opset(struct model *m, const char *domain, int64_t version)
{
    for (int i = 0; i < m->n_opset; i++)
        if (!strcmp(domain_of(m->opset[i].domain), domain_of(domain))) {
            m->opset[i].version = version;
            return;
        }
    struct opset *grown = NEW_ARRAY(m->arena, m->n_opset + 1, struct opset);
    if (m->n_opset)
        memcpy(grown, m->opset, (size_t)m->n_opset * sizeof *grown);
    grown[m->n_opset++] = (struct opset){arena_strdup(m->arena, domain_of(domain)), version, NULL};
    m->opset = grown;
}

struct model_function *model_find_function(const struct model *m, const char *domain,
                                           const char *name, const char *overload)
{
    for (int i = 0; i < m->n_functions; i++) {
        struct model_function *f = &m->function[i];
        if (!strcmp(f->name, name) && !strcmp(f->domain, domain_of(domain))
            && !strcmp(f->overload, overload))
            return f;
    }
    return NULL;
}

struct graph *graph_new(struct model *m, struct graph *outer)
{
    struct graph *g = NEW(m->arena, struct graph);
    g->model = m;
    g->outer = outer;
    g->name = "";
    g->result = node_new(g, "", "", 0, 0);
    g->result->op = OP_RESULT;
    return g;
}

struct value *value_new(struct graph *g, const char *name)
{
    struct value *v = NEW(g->model->arena, struct value);
    v->name = name;
    v->graph = g;
    v->type.shape.rank = -1;
    v->id = g->model->n_values++;
    name_use(g->model, name);
    return v;
}

/* Appends to an array that is grown in the arena each time: inputs and outputs are few. */
static void *list_append(struct arena *a, const void *list, int n, const void *item, size_t size)
{
    char *grown = arena_array(a, (size_t)n + 1, size);
    if (n)
        memcpy(grown, list, (size_t)n * size);
    memcpy(grown + (size_t)n * size, item, size);
    return grown;
}

struct value *graph_add_input(struct graph *g, const char *name)
{
    struct value *v = value_new(g, name);
    v->is_input = true;
    g->input = list_append(g->model->arena, g->input, g->n_input++, &v, sizeof v);
    return v;
}

static void graph_take_constant(struct graph *g, struct value *v)
{
    if (g->n_constant == g->room_constant) {
        g->room_constant = g->room_constant ? g->room_constant * 2 : 16;
        struct value **grown = NEW_ARRAY(g->model->arena, g->room_constant, struct value *);
        if (g->n_constant)
            memcpy(grown, g->constant, (size_t)g->n_constant * sizeof *grown);
        g->constant = grown;
    }
    g->constant[g->n_constant++] = v;
}

struct value *graph_add_constant(struct graph *g, const char *name, const struct tensor *t)
{
    struct value *v = value_new(g, name);
    v->constant = t;
    v->type.dtype = t->dtype;
    v->type.shape = t->shape;
    graph_take_constant(g, v);
    return v;
}

void graph_add_output(struct graph *g, struct value *v, const char *name)
{
    const void *none = NULL;
    struct arena *a = g->model->arena;
    int n = g->result->n_in;
    g->output_name = list_append(a, g->output_name, n, &name, sizeof name);
    g->output_origin = list_append(a, g->output_origin, n, &none, sizeof none);
    name_use(g->model, name);
    node_set_input(g->result, n, v);
}

struct node *node_new(struct graph *g, const char *domain, const char *type, int n_in, int n_out)
{
    struct arena *a = g->model->arena;
    struct node *n = NEW(a, struct node);
    n->graph = g;
    n->op = op_find(domain, type);
    n->domain = domain_of(domain);
    n->type = type;
    n->name = "";
    n->in = NEW_ARRAY(a, n_in, struct use);
    n->n_in = n_in;
    for (int i = 0; i < n_in; i++)
        n->in[i].user = n;
    n->out = NEW_ARRAY(a, n_out, struct value *);
    n->n_out = n_out;
    n->id = g->model->n_nodes++;
    return n;
}

void node_append(struct node *n)
{
    struct graph *g = n->graph;
    n->prev = g->last;
    n->next = NULL;
    *(g->last ? &g->last->next : &g->first) = n;
    g->last = n;
}

void node_insert(struct node *n, struct node *before)
{
    if (!before) {
        node_append(n);
        return;
    }
    struct graph *g = n->graph;
    n->prev = before->prev;
    n->next = before;
    *(before->prev ? &before->prev->next : &g->first) = n;
    before->prev = n;
}

void node_set_output(struct node *n, int i, struct value *v)
{
    n->out[i] = v;
    if (v)
        v->def = n;
}

static void use_link(struct use *u, struct value *v)
{
    u->value = v;
    if (!v)
        return;
    u->next = v->uses;
    u->link = &v->uses;
    if (u->next)
        u->next->link = &u->next;
    v->uses = u;
}

static void use_unlink(struct use *u)
{
    if (!u->value)
        return;
    *u->link = u->next;
    if (u->next)
        u->next->link = u->link;
    u->value = NULL;
    u->next = NULL;
    u->link = NULL;
}

/* Moving the array of uses moves the list entries with it. */
static void node_grow_inputs(struct node *n, int n_in)
{
    struct use *old = n->in;
    struct use *in = NEW_ARRAY(n->graph->model->arena, n_in, struct use);
    for (int i = 0; i < n_in; i++) {
        in[i].user = n;
        if (i >= n->n_in)
            continue;
        in[i] = old[i];
        if (in[i].value) {
            *in[i].link = &in[i];
            if (in[i].next)
                in[i].next->link = &in[i].next;
        }
    }
    n->in = in;
    n->n_in = n_in;
}

void node_set_input(struct node *n, int i, struct value *v)
{
    if (i >= n->n_in)
        node_grow_inputs(n, i + 1);
    use_unlink(&n->in[i]);
    use_link(&n->in[i], v);
}

void value_replace(struct value *old, struct value *with)
{
    if (old == with)
        return;
    while (old->uses) {
        struct use *u = old->uses;
        use_unlink(u);
        use_link(u, with);
    }
}

void value_swap_names(struct value *a, struct value *b)
{
    const char *name = a->name;
    const void *origin = a->origin;
    a->name = b->name;
    a->origin = b->origin;
    b->name = name;
    b->origin = origin;
}

/* A body's uses of outer values end with the node that holds the body. */
static void graph_drop(struct graph *g);

static void node_drop_bodies(struct node *n)
{
    for (int i = 0; i < n->n_attr; i++) {
        if (n->attr[i].kind == ATTR_GRAPH)
            graph_drop(n->attr[i].g);
        for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n; k++)
            graph_drop(n->attr[i].graphs[k]);
    }
}

void node_remove(struct node *n)
{
    struct graph *g = n->graph;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && n->out[i]->uses)
            BUG("%s is removed but its output '%s' is in use", node_title(n), n->out[i]->name);
    for (int i = 0; i < n->n_in; i++)
        use_unlink(&n->in[i]);
    node_drop_bodies(n);
    *(n->prev ? &n->prev->next : &g->first) = n->next;
    *(n->next ? &n->next->prev : &g->last) = n->prev;
    n->prev = n->next = NULL;
}

static void graph_drop(struct graph *g)
{
    for (int i = 0; i < g->result->n_in; i++)
        use_unlink(&g->result->in[i]);
    for (struct node *n = g->last, *prev; n; n = prev) {
        prev = n->prev;
        node_remove(n);
    }
}

static bool node_is_used(const struct node *n)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && n->out[i]->uses)
            return true;
    return false;
}

int graph_sweep(struct graph *g)
{
    int removed = 0;
    for (struct node *n = g->last, *prev; n; n = prev) {
        prev = n->prev;
        if (!node_is_used(n)) {
            node_remove(n);
            removed++;
            continue;
        }
        for (int i = 0; i < n->n_attr; i++) {
            if (n->attr[i].kind == ATTR_GRAPH)
                removed += graph_sweep(n->attr[i].g);
            for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n; k++)
                removed += graph_sweep(n->attr[i].graphs[k]);
        }
    }
    int kept = 0;
    for (int i = 0; i < g->n_constant; i++)
        if (g->constant[i]->uses || g->constant[i]->is_input)
            g->constant[kept++] = g->constant[i];
    removed += g->n_constant - kept;
    g->n_constant = kept;
    return removed;
}

struct value *node_input(const struct node *n, int i)
{
    return i >= 0 && i < n->n_in ? n->in[i].value : NULL;
}

const struct tensor *node_constant(const struct node *n, int i)
{
    const struct value *v = node_input(n, i);
    return v ? v->constant : NULL;
}

struct node *value_def(const struct value *v, enum op op)
{
    return v && v->def && v->def->op == op ? v->def : NULL;
}

bool value_used_once(const struct value *v)
{
    return v->uses && !v->uses->next;
}

struct node *value_only_user(const struct value *v)
{
    return value_used_once(v) ? v->uses->user : NULL;
}

struct node *value_user_behind(const struct value *v)
{
    struct node *n = value_only_user(v);
    return n && n->graph == v->graph ? n : NULL;
}

bool node_is_result(const struct node *n)
{
    return n->op == OP_RESULT;
}

struct graph *node_body(const struct node *n, int k)
{
    for (int i = 0; i < n->n_attr; i++) {
        const struct attr *a = &n->attr[i];
        size_t count = a->kind == ATTR_GRAPHS ? a->n : a->kind == ATTR_GRAPH;
        if ((size_t)k < count)
            return a->kind == ATTR_GRAPH ? a->g : a->graphs[k];
        k -= (int)count;
    }
    return NULL;
}

static int count_graphs(const struct graph *g)
{
    const struct graph *body;
    int count = 1;
    for (const struct node *n = g->first; n; n = n->next)
        for (int k = 0; (body = node_body(n, k)); k++)
            count += count_graphs(body);
    return count;
}

static int list_graphs(struct graph *g, struct graph **list)
{
    struct graph *body;
    int count = 1;
    list[0] = g;
    graph_each(g, n)
        for (int k = 0; (body = node_body(n, k)); k++)
            count += list_graphs(body, list + count);
    return count;
}

struct graph **model_graphs(const struct model *m, struct arena *a, int *n)
{
    struct graph **list = NEW_ARRAY(a, count_graphs(m->graph), struct graph *);
    *n = list_graphs(m->graph, list);
    return list;
}

bool value_is_output(const struct value *v)
{
    value_each_use(v, u)
        if (node_is_result(u->user) && u->user->graph == v->graph)
            return true;
    return false;
}

bool value_is_fed(const struct value *v)
{
    return v->is_input && !v->constant;
}

const char *node_title(const struct node *n)
{
    static _Thread_local char text[4][256];
    static _Thread_local int turn;
    char *s = text[turn++ % 4];
    const char *name = n->name;
    if (!*name && n->n_out && n->out[0])
        name = n->out[0]->name;
    if (node_is_result(n))
        snprintf(s, sizeof text[0], "the graph's outputs");
    else
        snprintf(s, sizeof text[0], "node '%s' (%s%s%s)", name, n->domain, *n->domain ? "." : "",
                 n->type);
    return s;
}
