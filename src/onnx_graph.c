/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_graph: GraphProto to struct graph. First everything that a graph defines is declared, then
 * uses are connected, so a use may stand before its definition: then the nodes are sorted. Names
 * are found in the graph itself, then in the graphs around it.
 */
#include "onnx_proto.h"

#include <stdio.h>
#include <string.h>

struct onnx_scope {
    struct onnx_scope *outer;
    struct graph *graph;
    struct map names;
    struct node *node; /* whose inputs and bodies are being connected; NULL: the result's */
    int first_id;      /* of the graph's nodes, which are numbered in the order of the file */
    bool unsorted;
    VEC(struct onnx_edge) edges;
};

static void differs(struct onnx_reader *r, const char *fmt, const char *name)
{
    if (!*r->source->differs)
        snprintf(r->source->differs, ONNX_DIFFERS, fmt, name);
}

static struct value *scope_find(struct onnx_scope *s, const char *name)
{
    for (; s; s = s->outer) {
        struct value *v = map_find(&s->names, name);
        if (v)
            return v;
    }
    return NULL;
}

/* A new value of the graph under the file's name. */
static struct value *declare(struct onnx_reader *r, const char *name, struct err *err)
{
    struct onnx_scope *s = r->scope;
    if (map_find(&s->names, name)) {
        err_set(err, ERR_INPUT, "'%s' is defined twice", name);
        return NULL;
    }
    const char *own = name;
    if (scope_find(s->outer, name)) {
        own = name_fresh(r->model, name);
        differs(r, "'%s' in a body hides an outer value and is renamed", name);
    }
    struct value *v = value_new(s->graph, own);
    map_set(&s->names, name, v);
    *vec_add(&r->values, &r->scratch) = v;
    return v;
}

static void take_type(struct value *v, const Onnx__ValueInfoProto *p)
{
    struct onnx_type t = onnx_type_read(p->type);
    if (v->constant)
        return;
    if (!v->type.dtype)
        v->type.dtype = t.dtype;
    if (v->type.shape.rank < 0)
        v->type.shape = t.shape;
}

static int read_inputs(struct onnx_reader *r, const Onnx__GraphProto *p, struct err *err)
{
    struct graph *g = r->scope->graph;
    g->input = NEW_ARRAY(r->arena, p->n_input, struct value *);
    for (size_t i = 0; i < p->n_input; i++) {
        const char *name = onnx_text(p->input[i]->name);
        struct value *v = *name ? declare(r, name, err) : NULL;
        if (!*name)
            return err_set(err, ERR_INPUT, "graph input %zu has no name", i);
        if (!v)
            return err_at(err, "graph input %zu", i);
        v->is_input = true;
        v->origin = p->input[i];
        take_type(v, p->input[i]);
        g->input[g->n_input++] = v;
    }
    return 0;
}

static int add_constant(struct onnx_reader *r, const char *name, const struct tensor *t,
                        struct err *err)
{
    struct graph *g = r->scope->graph;
    struct value *v = map_find(&r->scope->names, name);
    if (v && v->constant)
        return err_set(err, ERR_INPUT, "it is defined twice");
    if (!v && !(v = declare(r, name, err)))
        return -1;
    v->constant = t;
    v->type.dtype = t->dtype;
    v->type.shape = t->shape;
    g->constant[g->n_constant++] = v;
    return 0;
}

static int read_constants(struct onnx_reader *r, const Onnx__GraphProto *p, struct err *err)
{
    struct graph *g = r->scope->graph;
    size_t n = p->n_initializer + p->n_sparse_initializer;
    g->constant = NEW_ARRAY(r->arena, n, struct value *);
    g->room_constant = (int)n;
    for (size_t i = 0; i < n; i++) {
        size_t k = i - p->n_initializer;
        const Onnx__TensorProto *named = i < p->n_initializer ? p->initializer[i]
                                                              : p->sparse_initializer[k]->values;
        const char *name = named ? onnx_text(named->name) : "";
        const struct tensor *t;
        if (!*name)
            return err_set(err, ERR_INPUT, "initializer %zu has no name", i);
        int done = i < p->n_initializer ? onnx_tensor_read(r, named, &t, err)
                                        : onnx_sparse_read(r, p->sparse_initializer[k], &t, err);
        if (done < 0 || add_constant(r, name, t, err) < 0)
            return err_at(err, "initializer '%s'", name);
    }
    return 0;
}

static bool imports_onnx(const struct onnx_reader *r)
{
    for (int i = 0; r->function && i < r->function->n_opset; i++)
        if (!*r->function->opset[i].domain || !strcmp(r->function->opset[i].domain, "ai.onnx"))
            return true;
    return !r->function && model_opset(r->model, "");
}

static int declare_node(struct onnx_reader *r, const Onnx__NodeProto *p, size_t i, struct err *err)
{
    if (!*onnx_text(p->op_type))
        return err_set(err, ERR_INPUT, "node %zu has no operator type", i);
    struct node *n = node_new(r->scope->graph, onnx_text(p->domain), p->op_type, (int)p->n_input,
                              (int)p->n_output);
    n->origin = p;
    n->name = onnx_text(p->name);
    if (*n->name)
        name_use(r->model, n->name);
    n->function = onnx_function_find(r, onnx_text(p->domain), p->op_type, onnx_text(p->overload));
    if (n->function)
        n->op = OP_OTHER;
    else if (!*n->domain && !imports_onnx(r))
        return err_set(err, ERR_INPUT, "%s: the model imports no operator set of ONNX's domain",
                       node_title(n));
    node_append(n);
    for (size_t k = 0; k < p->n_output; k++) {
        if (!*p->output[k])
            continue;
        struct value *v = declare(r, p->output[k], err);
        if (!v)
            return err_at(err, "%s: output %zu", node_title(n), k);
        node_set_output(n, (int)k, v);
    }
    return 0;
}

/* Finds a value by its name and notes the dependence in the graph that it belongs to. */
static struct value *connect(struct onnx_reader *r, const char *name)
{
    struct value *v = scope_find(r->scope, name);
    struct onnx_scope *s = r->scope;
    while (v && s->graph != v->graph)
        s = s->outer;
    if (v && v->def && s->node) {
        *vec_add(&s->edges, &r->scratch) =
            (struct onnx_edge){v->def->id - s->first_id, s->node->id - s->first_id};
        s->unsorted |= v->def->id >= s->node->id;
    }
    return v;
}

static int connect_node(struct onnx_reader *r, struct node *n, struct err *err)
{
    const Onnx__NodeProto *p = n->origin;
    for (size_t i = 0; i < p->n_input; i++) {
        if (!*p->input[i])
            continue;
        struct value *v = connect(r, p->input[i]);
        if (!v)
            return err_set(err, ERR_INPUT, "%s: input %zu '%s' is not defined", node_title(n), i,
                           p->input[i]);
        node_set_input(n, (int)i, v);
    }
    if (onnx_attrs_read(r, n, p, err) < 0)
        return err_at(err, "%s", node_title(n));
    return 0;
}

static int connect_outputs(struct onnx_reader *r, const Onnx__GraphProto *p, struct err *err)
{
    struct graph *g = r->scope->graph;
    g->output_name = NEW_ARRAY(r->arena, p->n_output, const char *);
    g->output_origin = NEW_ARRAY(r->arena, p->n_output, const void *);
    if (p->n_output)
        node_set_input(g->result, (int)p->n_output - 1, NULL); /* makes room once */
    for (size_t i = 0; i < p->n_output; i++) {
        const char *name = onnx_text(p->output[i]->name);
        struct value *v = *name ? connect(r, name) : NULL;
        if (!v)
            return err_set(err, ERR_INPUT, "graph output %zu '%s' is not defined", i, name);
        g->output_name[i] = v->name;
        g->output_origin[i] = p->output[i];
        node_set_input(g->result, (int)i, v);
        if (v->graph == g)
            take_type(v, p->output[i]);
    }
    return 0;
}

/* Other tools write 0 for the dims that they do not know of what nodes compute. */
static void forget_zeros(struct shape *s)
{
    for (int i = 0; i < s->rank; i++)
        s->dim[i] = s->dim[i] ? s->dim[i] : -1;
}

static void read_types(struct onnx_reader *r, const Onnx__GraphProto *p, bool *stale)
{
    for (size_t i = 0; i < p->n_value_info; i++) {
        struct value *v = map_find(&r->scope->names, onnx_text(p->value_info[i]->name));
        stale[i] = !v;
        if (!v)
            continue;
        take_type(v, p->value_info[i]);
        if (v->def)
            forget_zeros(&v->type.shape);
        if (!v->origin)
            v->origin = p->value_info[i];
    }
}

static int read_parts(struct onnx_reader *r, const Onnx__GraphProto *p, struct err *err)
{
    struct onnx_scope *s = r->scope;
    struct graph *g = s->graph;
    struct onnx_graph *origin = NEW(r->arena, struct onnx_graph);
    origin->proto = p;
    origin->stale = NEW_ARRAY(r->arena, p->n_value_info, bool);
    g->origin = origin;
    g->name = onnx_text(p->name);
    TRY(read_inputs(r, p, err));
    TRY(read_constants(r, p, err));
    s->first_id = r->model->n_nodes;
    for (size_t i = 0; i < p->n_node; i++)
        TRY(declare_node(r, p->node[i], i, err));
    read_types(r, p, origin->stale);
    graph_each (g, n) {
        s->node = n;
        TRY(connect_node(r, n, err));
    }
    s->node = NULL;
    TRY(connect_outputs(r, p, err));
    if (!s->unsorted)
        return 0;
    differs(r, "%sthe nodes are not in an order of execution and get sorted", "");
    return onnx_order(&r->scratch, g, s->edges.at, s->edges.n, err);
}

int onnx_graph_read(struct onnx_reader *r, struct graph *g, const Onnx__GraphProto *p,
                    struct err *err)
{
    struct onnx_scope scope = {.outer = r->scope, .graph = g, .names.arena = &r->scratch};
    r->scope = &scope;
    int done = read_parts(r, p, err);
    r->scope = scope.outer;
    return done;
}
