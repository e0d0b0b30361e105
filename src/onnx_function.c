/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_function: FunctionProto to struct model_function. A body is read as if it were a graph
 * without types. The messages of the functions ride along and are written as they were.
 */
#include "onnx_proto.h"

#include <string.h>

static const char *key_of(struct onnx_reader *r, const char *domain, const char *name,
                          const char *overload)
{
    if (!strcmp(domain, "ai.onnx"))
        domain = "";
    return arena_printf(&r->scratch, "%s:%s:%s", domain, name, overload);
}

const struct model_function *onnx_function_find(struct onnx_reader *r, const char *domain,
                                          const char *name, const char *overload)
{
    return r->functions.n ? map_find(&r->functions, key_of(r, domain, name, overload)) : NULL;
}

void onnx_functions_note(struct onnx_reader *r, const Onnx__ModelProto *p)
{
    struct model *m = r->model;
    r->functions.arena = &r->scratch;
    m->n_functions = (int)p->n_functions;
    m->function = NEW_ARRAY(r->arena, p->n_functions, struct model_function);
    for (size_t i = 0; i < p->n_functions; i++) {
        const Onnx__FunctionProto *from = p->functions[i];
        struct model_function *f = &m->function[i];
        const char *domain = onnx_text(from->domain);
        f->domain = strcmp(domain, "ai.onnx") ? domain : "";
        f->name = onnx_text(from->name);
        f->overload = onnx_text(from->overload);
        map_set(&r->functions, key_of(r, f->domain, f->name, f->overload), f);
    }
}

static Onnx__ValueInfoProto **names_as_values(struct arena *a, char *const *name, size_t n)
{
    Onnx__ValueInfoProto **list = NEW_ARRAY(a, n, Onnx__ValueInfoProto *);
    for (size_t i = 0; i < n; i++) {
        list[i] = NEW(a, Onnx__ValueInfoProto);
        onnx__value_info_proto__init(list[i]);
        list[i]->name = name[i];
    }
    return list;
}

static int read_body(struct onnx_reader *r, struct model_function *f,
                     const Onnx__FunctionProto *p, struct err *err)
{
    Onnx__GraphProto *g = NEW(r->arena, Onnx__GraphProto);
    onnx__graph_proto__init(g);
    g->name = p->name;
    g->n_node = p->n_node;
    g->node = p->node;
    g->n_value_info = p->n_value_info;
    g->value_info = p->value_info;
    g->n_input = p->n_input;
    g->input = names_as_values(r->arena, p->input, p->n_input);
    g->n_output = p->n_output;
    g->output = names_as_values(r->arena, p->output, p->n_output);
    TRY(onnx_opsets_read(r->arena, p->opset_import, p->n_opset_import, &f->opset, &f->n_opset,
                         err));
    f->otherwise = NEW_ARRAY(r->arena, p->n_attribute_proto, struct attr);
    for (size_t i = 0; i < p->n_attribute_proto; i++)
        TRY(onnx_attr_read(r, NULL, p->attribute_proto[i], &f->otherwise[f->n_otherwise++], err));
    f->body = graph_new(r->model, NULL);
    return onnx_graph_read(r, f->body, g, err);
}

/* What the reader says of bytes that will not come back is of no concern: functions are written
 * from their messages. */
static void read_function(struct onnx_reader *r, struct model_function *f,
                          const Onnx__FunctionProto *p)
{
    char differs[ONNX_DIFFERS];
    struct err err;
    memcpy(differs, r->source->differs, sizeof differs);
    f->first_value = r->model->n_values;
    r->function = f;
    if (read_body(r, f, p, &err) < 0) {
        f->body = NULL;
        f->why = arena_printf(r->arena, "function '%s': %s", f->name, err.text);
    }
    r->function = NULL;
    f->n_values = r->model->n_values - f->first_value;
    memcpy(r->source->differs, differs, sizeof differs);
}

static void find_called(const struct model *m, const struct graph *g, bool *called)
{
    const struct graph *body;
    for (const struct node *n = g->first; n; n = n->next) {
        if (n->function)
            called[n->function - m->function] = true;
        for (int k = 0; (body = node_body(n, k)); k++)
            find_called(m, body, called);
    }
}

bool *onnx_functions_called(struct arena *a, const struct model *m)
{
    bool *called = NEW_ARRAY(a, m->n_functions, bool), *seen = NEW_ARRAY(a, m->n_functions, bool);
    bool more = m->n_functions;
    find_called(m, m->graph, called);
    while (more) {
        more = false;
        for (int i = 0; i < m->n_functions; i++) {
            if (!called[i] || seen[i])
                continue;
            seen[i] = more = true;
            if (m->function[i].body)
                find_called(m, m->function[i].body, called);
        }
    }
    return called;
}

void onnx_functions_read(struct onnx_reader *r, const Onnx__ModelProto *p)
{
    struct model *m = r->model;
    bool *called = NEW_ARRAY(r->arena, m->n_functions, bool), more = m->n_functions;
    r->source->called = called;
    find_called(m, m->graph, called);
    while (more) {
        more = false;
        for (int i = 0; i < m->n_functions; i++) {
            struct model_function *f = &m->function[i];
            if (!called[i] || f->body || f->why)
                continue;
            more = true;
            read_function(r, f, p->functions[i]);
            if (f->body)
                find_called(m, f->body, called);
        }
    }
}
