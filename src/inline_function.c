/* SPDX-License-Identifier: Apache-2.0
 *
 * inline_function: a call is replaced by a copy of the body, in which the call's inputs stand for
 * the body's, and the call's attributes for references to them; a graph among those is copied for
 * each reference. Then the copy is looked through for calls of its own.
 */
#include "inline_function.h"

#include <limits.h>
#include <string.h>

enum { DEEPEST = 100, MOST = 1 << 20 }; /* calls within calls; nodes that come in */

struct inlining {
    struct model *model;
    struct arena scratch;
    int n_calls, n_nodes;
    struct err *err;
};

struct call { /* one that is being replaced */
    const struct model_function *function;
    struct node *node;
    const struct call *outer; /* the copy of this one's body has it */
    int depth;
};

struct copy { /* of a function's body, or of a graph that a call gives as an attribute */
    struct inlining *all;
    const struct call *call; /* that references are resolved in; NULL: a graph, which has none */
    int first, n_values;     /* the ids of what is copied */
    struct value **value;    /* what stands for it, from the first on */
};

static int inline_graph(struct inlining *all, struct graph *g, const struct call *outer);

static bool is_copied(const struct copy *c, const struct value *v)
{
    return v->id >= c->first && v->id < c->first + c->n_values;
}

static struct value **slot_of(const struct copy *c, const struct value *v)
{
    if (!is_copied(c, v))
        BUG("'%s' is no value of what is copied", v->name);
    return &c->value[v->id - c->first];
}

/* What a graph captures is at its place already; an input of a function may be left out. */
static struct value *value_of(const struct copy *c, const struct value *v)
{
    struct value *copy = v && is_copied(c, v) ? *slot_of(c, v) : NULL;
    return copy || c->call ? copy : (struct value *)(uintptr_t)v;
}

static const char *fresh(const struct copy *c, const char *name)
{
    return *name ? name_fresh(c->all->model, name) : name;
}

/* A value of a copied graph. */
static struct value *copy_value(const struct copy *c, const struct value *v, struct graph *to)
{
    struct value *copy = value_new(to, fresh(c, v->name));
    copy->type = v->type;
    copy->constant = v->constant;
    copy->is_input = v->is_input;
    copy->origin = v->origin;
    *slot_of(c, v) = copy;
    return copy;
}

static int copy_nodes(const struct copy *c, const struct graph *from, struct graph *to,
                      struct node *before);

static struct graph *copy_body(const struct copy *c, const struct graph *from, struct graph *outer)
{
    struct arena *a = c->all->model->arena;
    struct graph *to = graph_new(c->all->model, outer);
    size_t n_out = (size_t)from->result->n_in;
    to->name = from->name;
    to->origin = from->origin;
    to->input = NEW_ARRAY(a, from->n_input, struct value *);
    for (; to->n_input < from->n_input; to->n_input++)
        to->input[to->n_input] = copy_value(c, from->input[to->n_input], to);
    to->constant = NEW_ARRAY(a, from->n_constant, struct value *);
    to->room_constant = from->n_constant;
    for (int i = 0; i < from->n_constant; i++) {
        struct value *v = from->constant[i];
        to->constant[to->n_constant++] = v->is_input ? *slot_of(c, v) : copy_value(c, v, to);
    }
    if (copy_nodes(c, from, to, NULL) < 0)
        return NULL;
    to->output_name = NEW_ARRAY(a, n_out, const char *);
    to->output_origin = arena_copy(a, from->output_origin, n_out * sizeof *from->output_origin);
    for (size_t i = 0; i < n_out; i++) {
        struct value *v = value_of(c, from->result->in[i].value);
        if (!v) {
            err_set(c->all->err, ERR_INPUT, "the body '%s' gives out an input that is left out",
                    from->name);
            return NULL;
        }
        to->output_name[i] = v->name;
        node_set_input(to->result, (int)i, v);
    }
    return to;
}

/* The attribute that a reference stands for; NULL: the call has none, nor is there a default. */
static const struct attr *referred(const struct call *c, const char *name)
{
    const struct attr *a = node_attr(c->node, name);
    for (int i = 0; !a && i < c->function->n_otherwise; i++)
        if (!strcmp(c->function->otherwise[i].name, name))
            a = &c->function->otherwise[i];
    return a;
}

static void widen(struct copy *c, const struct value *v)
{
    int end = c->first + c->n_values;
    if (!c->n_values || v->id < c->first)
        c->first = v->id;
    end = end > v->id + 1 ? end : v->id + 1;
    c->n_values = end - c->first;
}

static void widen_to_graph(struct copy *c, const struct graph *g)
{
    const struct graph *body;
    for (int i = 0; i < g->n_input; i++)
        widen(c, g->input[i]);
    for (int i = 0; i < g->n_constant; i++)
        widen(c, g->constant[i]);
    for (const struct node *n = g->first; n; n = n->next) {
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                widen(c, n->out[i]);
        for (int k = 0; (body = node_body(n, k)); k++)
            widen_to_graph(c, body);
    }
}

/* A graph that a call gives captures values where the call stands, and these are seen from within
 * the function's body as well, since that comes in at the same place. */
static struct graph *copy_given(const struct copy *c, const struct graph *from,
                                struct graph *outer)
{
    struct arena values = {0};
    struct copy given = {.all = c->all, .first = INT_MAX};
    widen_to_graph(&given, from);
    given.value = NEW_ARRAY(&values, given.n_values, struct value *);
    struct graph *to = copy_body(&given, from, outer);
    arena_release(&values);
    return to;
}

/* A graph in the body itself and one that is a default have values of the function. */
static struct graph *copy_graph(const struct copy *c, const struct graph *from, struct graph *outer,
                                bool given)
{
    return given ? copy_given(c, from, outer) : copy_body(c, from, outer);
}

static int copy_attr(const struct copy *c, const struct attr *from, struct node *n)
{
    struct attr *to = &n->attr[n->n_attr];
    bool refers = from->kind == ATTR_REF && c->call;
    const struct attr *a = refers ? referred(c->call, from->ref) : from;
    if (!a)
        return 0;
    *to = *a;
    to->name = from->name;
    n->n_attr++;
    if (a->kind != ATTR_GRAPH && a->kind != ATTR_GRAPHS)
        return 0;
    bool given = refers && node_attr(c->call->node, from->ref);
    size_t count = a->kind == ATTR_GRAPH ? 1 : a->n;
    struct graph **body = NEW_ARRAY(c->all->model->arena, count, struct graph *);
    for (size_t i = 0; i < count; i++) {
        body[i] = copy_graph(c, a->kind == ATTR_GRAPH ? a->g : a->graphs[i], n->graph, given);
        if (!body[i])
            return -1;
    }
    if (a->kind == ATTR_GRAPH)
        to->g = body[0];
    else
        to->graphs = body;
    return 0;
}

/* The operator set of the function, where it is not the model's. What the model does not import at
 * all it imports from now on. */
static int take_opset(const struct copy *c, struct node *n)
{
    struct model *m = c->all->model;
    int64_t own = model_opset(m, n->domain);
    for (int i = 0; i < c->call->function->n_opset; i++) {
        const struct opset *o = &c->call->function->opset[i];
        if (strcmp(!strcmp(o->domain, "ai.onnx") ? "" : o->domain, n->domain)
            || o->version == own)
            continue;
        if (!own)
            model_set_opset(m, n->domain, o->version);
        else if (!*n->domain)
            n->opset = o->version;
        else
            return err_set(c->all->err, ERR_INPUT,
                           "it is written in version %lld of domain '%s', the model in %lld",
                           (long long)o->version, n->domain, (long long)own);
    }
    return 0;
}

static int copy_node(const struct copy *c, const struct node *from, struct graph *to,
                     struct node *before)
{
    struct node *n = node_new(to, from->domain, from->type, from->n_in, from->n_out);
    n->op = from->op;
    n->function = from->function;
    n->origin = from->origin;
    n->name = fresh(c, from->name);
    n->opset = from->opset;
    if (c->call && !n->function)
        TRY(take_opset(c, n));
    for (int i = 0; i < from->n_in; i++)
        node_set_input(n, i, value_of(c, from->in[i].value));
    n->attr = NEW_ARRAY(c->all->model->arena, from->n_attr, struct attr);
    for (int i = 0; i < from->n_attr; i++)
        TRY(copy_attr(c, &from->attr[i], n));
    for (int i = 0; i < from->n_out; i++)
        if (from->out[i])
            node_set_output(n, i, copy_value(c, from->out[i], to));
    node_insert(n, before);
    return 0;
}

static int copy_nodes(const struct copy *c, const struct graph *from, struct graph *to,
                      struct node *before)
{
    for (const struct node *n = from->first; n; n = n->next) {
        if (++c->all->n_nodes > MOST)
            return err_set(c->all->err, ERR_INPUT, "functions would become more than %d nodes",
                           MOST);
        TRY(copy_node(c, n, to, before));
    }
    return 0;
}

/* Output i of the call becomes the value that the copy computes, and that takes the name. */
static int replace_output(const struct copy *c, int i)
{
    struct value *old = c->call->node->out[i], *now = NULL;
    const struct node *result = c->call->function->body->result;
    bool named = false;
    if (!old || !old->uses)
        return 0;
    if (i < result->n_in)
        now = value_of(c, result->in[i].value);
    if (!now)
        return err_set(c->all->err, ERR_INPUT, "the function has no output %d", i);
    for (int k = 0; k < i; k++)
        named |= k < result->n_in && result->in[k].value == result->in[i].value;
    if (!now->type.dtype)
        now->type = old->type;
    if (now->def && result->in[i].value->def && !named)
        value_swap_names(old, now);
    value_replace(old, now);
    return 0;
}

static int check_call(const struct call *c, struct err *err)
{
    const struct model_function *f = c->function;
    if (!f->body)
        return err_set(err, ERR_INPUT, "%s", f->why);
    if (c->node->n_in > f->body->n_input)
        return err_set(err, ERR_INPUT, "it has %d inputs, the function %d", c->node->n_in,
                       f->body->n_input);
    for (const struct call *o = c->outer; o; o = o->outer)
        if (o->function == f)
            return err_set(err, ERR_INPUT, "the function '%s' calls itself", f->name);
    if (c->depth > DEEPEST)
        return err_set(err, ERR_INPUT, "functions call each other more than %d deep",
                       DEEPEST);
    return 0;
}

static int replace_call(const struct copy *c)
{
    const struct graph *body = c->call->function->body;
    struct node *n = c->call->node;
    for (int i = 0; i < n->n_in; i++)
        *slot_of(c, body->input[i]) = n->in[i].value;
    TRY(copy_nodes(c, body, n->graph, n));
    for (int i = 0; i < n->n_out; i++)
        TRY(replace_output(c, i));
    node_remove(n);
    return 0;
}

static int inline_nodes(struct inlining *all, struct node *first, const struct node *end,
                        const struct call *outer);

static int inline_call(struct inlining *all, struct node *n, const struct call *outer)
{
    const struct model_function *f = n->function;
    struct graph *g = n->graph;
    struct node *before = n->prev;
    const struct node *end = n->next;
    struct arena values = {0};
    struct call call = {f, n, outer, outer ? outer->depth + 1 : 1};
    struct copy c = {all, &call, f->first_value, f->n_values, NULL};
    int done = check_call(&call, all->err);
    if (done == 0) {
        c.value = NEW_ARRAY(&values, f->n_values, struct value *);
        done = replace_call(&c);
    }
    arena_release(&values);
    if (done < 0)
        return err_at(all->err, "%s", node_title(n));
    all->n_calls++;
    if (inline_nodes(all, before ? before->next : g->first, end, &call) < 0)
        return err_at(all->err, "%s", node_title(n));
    return 0;
}

static int inline_nodes(struct inlining *all, struct node *first, const struct node *end,
                        const struct call *outer)
{
    for (struct node *n = first, *next; n && n != end; n = next) {
        struct graph *body;
        next = n->next;
        for (int k = 0; (body = node_body(n, k)); k++)
            TRY(inline_graph(all, body, outer));
        if (n->function)
            TRY(inline_call(all, n, outer));
    }
    return 0;
}

static int inline_graph(struct inlining *all, struct graph *g, const struct call *outer)
{
    return inline_nodes(all, g->first, NULL, outer);
}

int model_inline_functions(struct model *m, struct err *err)
{
    struct inlining all = {.model = m, .err = err};
    return inline_graph(&all, m->graph, NULL) < 0 ? -1 : all.n_calls;
}
