/* SPDX-License-Identifier: Apache-2.0
 *
 * text: a recursive descent, a function for each form of the language.
 */
#include "text.h"

#include <ctype.h>
#include <string.h>

enum { MANY = 64 }; /* outputs of a node or a graph, elements of an attribute */

struct scope { /* names of one graph */
    struct map names;
    struct graph *graph;
    const struct scope *outer;
    bool open; /* a name that nothing defines is any constant */
    struct output {
        const char *name, *value;
    } output[MANY]; /* linked when the body is known */
    int n_output;
};

static struct arena *arena_of(const struct scope *s)
{
    return s->graph->model->arena;
}

static struct value *scope_find(const struct scope *s, const char *name)
{
    struct value *v = NULL;
    for (; s && !v; s = s->outer)
        v = map_find(&s->names, name);
    return v;
}

static struct value *scope_define(struct scope *s, struct value *v)
{
    map_set(&s->names, v->name, v);
    return v;
}

/* "(type a, type b) => (type y = v)" */
static void parse_ends(struct scan *t, struct scope *s)
{
    struct tensor type;
    scan_expect(t, "(");
    while (!scan_take(t, ")")) {
        bool typed = scan_type(t, &type);
        struct value *v = scope_define(s, graph_add_input(s->graph, scan_name(t, arena_of(s))));
        if (typed)
            v->type = type;
        scan_take(t, ",");
    }
    scan_expect(t, "=>");
    scan_expect(t, "(");
    while (!scan_take(t, ")")) {
        if (s->n_output == MANY)
            scan_fail(t, "fewer outputs expected");
        scan_type(t, &type);
        struct output *o = &s->output[s->n_output++];
        o->name = o->value = scan_name(t, arena_of(s));
        if (scan_take(t, "="))
            o->value = scan_name(t, arena_of(s));
        scan_take(t, ",");
    }
}

/* "name (type a, type b) => (type y = v)" */
static void parse_signature(struct scan *t, struct scope *s)
{
    s->graph->name = scan_name(t, arena_of(s));
    parse_ends(t, s);
}

/* A constant that is also listed as an input takes that input's place. */
static void define_constant(struct scope *s, const char *name, const struct tensor *data)
{
    struct graph *g = s->graph;
    struct value *v = scope_define(s, graph_add_constant(g, name, data));
    for (int i = 0; i < g->n_input; i++)
        if (!strcmp(g->input[i]->name, name)) {
            g->input[i] = v;
            v->is_input = true;
        }
}

static void parse_initializers(struct scan *t, struct scope *s)
{
    if (!scan_take(t, "<"))
        return;
    while (!scan_take(t, ">")) {
        struct tensor type;
        if (!scan_type(t, &type))
            scan_fail(t, "a type expected");
        const char *name = scan_name(t, arena_of(s));
        if (scan_take(t, "="))
            define_constant(s, name, scan_data(t, arena_of(s), &type));
        else if (s->open)
            define_constant(s, name, arena_copy(arena_of(s), &type, sizeof type));
        else
            scan_fail(t, "'=' and data expected");
        scan_take(t, ",");
    }
}

static void parse_body(struct scan *t, struct scope *s);

static struct graph *parse_subgraph(struct scan *t, const struct scope *outer)
{
    struct scope s = {.names.arena = arena_of(outer), .outer = outer, .open = outer->open};
    s.graph = graph_new(outer->graph->model, outer->graph);
    parse_signature(t, &s);
    parse_initializers(t, &s);
    parse_body(t, &s);
    return s.graph;
}

static struct attr *attr_add(struct node *n, const char *name, enum attr_kind kind)
{
    node_set_int(n, name, 0);
    struct attr *a = &n->attr[n->n_attr - 1];
    a->kind = kind;
    return a;
}

/* Numbers are floats where one of them has a point or an exponent. */
static bool has_float(const char *s, const char *end)
{
    return strcspn(s, ".e") < strcspn(s, end);
}

static void parse_list(struct scan *t, struct node *n, const char *name)
{
    struct arena *a = n->graph->model->arena;
    int64_t ints[MANY];
    float *floats = NEW_ARRAY(a, MANY, float);
    struct bytes *strings = NEW_ARRAY(a, MANY, struct bytes);
    enum attr_kind kind = has_float(t->at, "]") ? ATTR_FLOATS : ATTR_INTS;
    size_t count = 0;
    for (; !scan_take(t, "]"); scan_take(t, ","), count++) {
        if (count == MANY)
            scan_fail(t, "fewer elements expected");
        if (scan_is_next(t, '"')) {
            kind = ATTR_STRINGS;
            strings[count].data = scan_string(t, a);
            strings[count].n = strlen(strings[count].data);
        } else if (kind == ATTR_FLOATS) {
            floats[count] = (float)scan_number(t);
        } else {
            ints[count] = scan_integer(t);
        }
    }
    if (kind == ATTR_INTS) {
        node_set_ints(n, name, ints, count);
        return;
    }
    struct attr *at = attr_add(n, name, kind);
    at->n = count;
    if (kind == ATTR_FLOATS)
        at->floats = floats;
    else
        at->strings = strings;
}

static void parse_attr(struct scan *t, struct node *n, const struct scope *s)
{
    struct tensor type;
    const char *name = scan_name(t, arena_of(s));
    scan_expect(t, "=");
    if (scan_is_next(t, '"'))
        node_set_string(n, name, scan_string(t, arena_of(s)));
    else if (scan_take(t, "["))
        parse_list(t, n, name);
    else if (scan_take(t, "@"))
        attr_add(n, name, ATTR_REF)->ref = scan_name(t, arena_of(s));
    else if (isalpha((unsigned char)*t->at) && scan_type(t, &type))
        node_set_tensor(n, name, scan_data(t, arena_of(s), &type));
    else if (isalpha((unsigned char)*t->at))
        attr_add(n, name, ATTR_GRAPH)->g = parse_subgraph(t, s);
    else if (has_float(t->at, ",> \n"))
        node_set_float(n, name, (float)scan_number(t));
    else
        node_set_int(n, name, scan_integer(t));
}

static void parse_attrs(struct scan *t, struct node *n, const struct scope *s)
{
    if (!scan_take(t, "<"))
        return;
    while (!scan_take(t, ">")) {
        parse_attr(t, n, s);
        scan_take(t, ",");
    }
}

static struct value *parse_use(struct scan *t, struct scope *s)
{
    static const struct tensor any = {.shape.rank = -1};
    if (!scan_name_is_next(t))
        return NULL;
    const char *name = scan_name(t, arena_of(s));
    struct value *v = scope_find(s, name);
    if (!v && !s->open)
        scan_fail(t, arena_printf(arena_of(s), "'%s' is not defined", name));
    return v ? v : scope_define(s, graph_add_constant(s->graph, name, &any));
}

static void parse_inputs(struct scan *t, struct node *n, struct scope *s)
{
    scan_expect(t, "(");
    for (int i = 0; !scan_take(t, ")"); i++) {
        node_set_input(n, i, parse_use(t, s));
        if (!scan_take(t, ",") && !scan_is_next(t, ')'))
            scan_fail(t, "',' or ')' expected");
    }
}

/* "com.microsoft.Op" is an operator of a domain; the domain is the result. */
static const char *parse_domain(struct scan *t, struct arena *a, const char **type)
{
    const char *name = scan_name(t, a), *dot = strrchr(name, '.');
    *type = dot ? dot + 1 : name;
    return dot ? arena_printf(a, "%.*s", (int)(dot - name), name) : "";
}

static struct node *parse_operator(struct scan *t, struct scope *s, int n_out)
{
    const char *type, *domain = parse_domain(t, arena_of(s), &type);
    struct node *n = node_new(s->graph, domain, type, 0, n_out);
    n->function = model_find_function(s->graph->model, domain, type, "");
    if (n->function)
        n->op = OP_OTHER;
    return n;
}

/* A type may stand in front of the node's name, as the printer has it, or of each output. */
static void parse_node(struct scan *t, struct scope *s)
{
    struct value *out[MANY];
    const char *name = "";
    struct tensor type, next;
    int n_out = 0;
    bool typed = scan_type(t, &type);
    if (scan_take(t, "[")) {
        name = scan_name(t, arena_of(s));
        scan_expect(t, "]");
    }
    do {
        if (n_out == MANY)
            scan_fail(t, "fewer outputs expected");
        if (scan_type(t, &next)) {
            type = next;
            typed = true;
        }
        struct value *v = NULL;
        if (scan_name_is_next(t))
            v = value_new(s->graph, scan_name(t, arena_of(s)));
        if (v && typed)
            v->type = type;
        typed = false;
        out[n_out++] = v;
    } while (scan_take(t, ","));
    scan_expect(t, "=");
    struct node *n = parse_operator(t, s, n_out);
    n->name = name;
    parse_attrs(t, n, s);
    parse_inputs(t, n, s);
    parse_attrs(t, n, s);
    for (int i = 0; i < n_out; i++) {
        node_set_output(n, i, out[i]);
        if (out[i])
            scope_define(s, out[i]);
    }
    node_append(n);
}

static void parse_body(struct scan *t, struct scope *s)
{
    scan_expect(t, "{");
    while (!scan_take(t, "}"))
        parse_node(t, s);
    for (int i = 0; i < s->n_output; i++) {
        struct value *v = scope_find(s, s->output[i].value);
        if (!v)
            scan_fail(t, arena_printf(arena_of(s), "output '%s' is not defined above",
                                      s->output[i].value));
        graph_add_output(s->graph, v, s->output[i].name);
    }
}

/* "local.F opset 14 <a = 2> (x) => (y) {...}"; attributes without a default need not be listed. */
static void parse_function(struct scan *t, struct model *m)
{
    struct scope s = {.names.arena = m->arena, .graph = graph_new(m, NULL)};
    struct node *defaults = node_new(s.graph, "", "", 0, 0);
    if (m->n_functions == MANY)
        scan_fail(t, "fewer functions expected");
    if (!m->function)
        m->function = NEW_ARRAY(m->arena, MANY, struct model_function);
    struct model_function *f = &m->function[m->n_functions++];
    f->domain = parse_domain(t, m->arena, &f->name);
    f->overload = "";
    f->body = s.graph;
    f->first_value = m->n_values;
    if (scan_take(t, "opset")) {
        f->opset = NEW(m->arena, struct opset);
        f->opset[f->n_opset++] = (struct opset){"", scan_integer(t), NULL};
    }
    parse_attrs(t, defaults, &s);
    f->otherwise = defaults->attr;
    f->n_otherwise = defaults->n_attr;
    parse_ends(t, &s);
    parse_body(t, &s);
    f->n_values = m->n_values - f->first_value;
}

void text_versions(struct scan *t, struct model *m)
{
    for (;;) {
        if (scan_take(t, "ir")) {
            m->ir_version = scan_integer(t);
        } else if (scan_take(t, "opset")) {
            model_set_opset(m, "", scan_integer(t));
        } else if (scan_take(t, "domain")) {
            const char *domain = scan_name(t, m->arena);
            model_set_opset(m, domain, scan_integer(t));
        } else if (scan_take(t, "function")) {
            parse_function(t, m);
        } else {
            return;
        }
    }
}

void text_graph(struct scan *t, struct model *m)
{
    struct scope s = {.names.arena = m->arena, .graph = m->graph};
    parse_signature(t, &s);
    parse_initializers(t, &s);
    parse_body(t, &s);
}

void text_expectation(struct scan *t, struct scan head, struct model *m)
{
    struct scope s = {.names.arena = m->arena, .graph = m->graph, .open = true};
    struct scan *signature = scan_name_is_next(t) ? t : &head;
    parse_signature(signature, &s);
    parse_initializers(signature, &s);
    parse_initializers(t, &s);
    parse_body(t, &s);
}

struct model *text_model(const char *source)
{
    struct scan t = {.path = "text", .at = source, .line = 1};
    struct model *m = model_new("text");
    m->ir_version = 8;
    model_set_opset(m, "", 13);
    text_versions(&t, m);
    text_graph(&t, m);
    return m;
}
