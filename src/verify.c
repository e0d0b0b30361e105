/* SPDX-License-Identifier: Apache-2.0
 *
 * verify: two walks over all graphs. The first notes which nodes are in a list (rules 1, 8, 9,
 * 10). The second goes in execution order, notes what is defined so far, and counts the uses it
 * meets (2, 3, 5, 6, 11); then each value's own list is compared with that count (4), and what the
 * value carries is checked (7, 12, 13, 14).
 *
 * Notes are kept by id, and an id is believed only where the note names the same object.
 */
#include "verify.h"

#include "op.h"
#include "pass.h"
#include "quant.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct seen {
    const struct value *value;
    bool defined;
    int uses;
};
struct check {
    const struct model *model;
    struct arena scratch;
    struct str *text;
    int n;
    bool endless;               /* a list of nodes comes back to itself */
    const struct node **listed; /* by node id */
    struct seen *seen;          /* by value id */
};
struct scope { /* names visible in a graph */
    struct map names;
    const struct scope *outer;
};

static void complain(struct check *c, int rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void complain(struct check *c, int rule, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    str_printf(c->text, "rule %d: %s\n", rule, text);
    c->n++;
}

static const char *name_of(const struct value *v)
{
    return v->name ? v->name : "";
}

static bool is_listed(const struct check *c, const struct node *n)
{
    return n->id >= 0 && n->id < c->model->n_nodes && c->listed[n->id] == n;
}

/* The note about a value; NULL where its id belongs to nobody or to another. */
static struct seen *seen_of(struct check *c, const struct value *v)
{
    if (v->id < 0 || v->id >= c->model->n_values)
        return NULL;
    struct seen *s = &c->seen[v->id];
    if (!s->value)
        s->value = v;
    return s->value == v ? s : NULL;
}

/* Calls fn on every body that a node holds. */
typedef void body_fn(struct check *c, const struct graph *g, void *data);
static void each_body(struct check *c, const struct node *n, body_fn *fn, void *data)
{
    for (int i = 0; i < n->n_attr; i++) {
        if (n->attr[i].kind == ATTR_GRAPH)
            fn(c, n->attr[i].g, data);
        for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n; k++)
            fn(c, n->attr[i].graphs[k], data);
    }
}

static void check_operator(struct check *c, const struct node *n)
{
    enum op op = n->function ? OP_OTHER : op_find(n->domain, n->type);
    if (n->op != op) {
        complain(c, 8, "%s: its op is not that of its domain and type", node_title(n));
        return;
    }
    const struct op_info *info = &op_table[op];
    if (op == OP_OTHER)
        return;
    if (n->n_in < info->min_in || n->n_in > info->max_in)
        complain(c, 8, "%s: has %d inputs; the operator takes %d to %d", node_title(n), n->n_in,
                 info->min_in, info->max_in);
    if (n->n_out > info->max_out)
        complain(c, 8, "%s: has %d outputs; the operator gives at most %d", node_title(n),
                 n->n_out, info->max_out);
}

static void check_attributes(struct check *c, const struct node *n)
{
    for (int i = 0; i < n->n_attr; i++)
        if (node_attr(n, n->attr[i].name) != &n->attr[i])
            complain(c, 9, "%s: attribute '%s' is given twice", node_title(n), n->attr[i].name);
}

static void check_result(struct check *c, const struct graph *g)
{
    const struct node *r = g->result;
    if (!r || !node_is_result(r) || r->graph != g || r->n_out) {
        complain(c, 10, "graph '%s' has no proper result node", g->name);
        return;
    }
    for (int i = 0; i < r->n_in; i++)
        if (!r->in[i].value || !g->output_name || !g->output_name[i] || !*g->output_name[i])
            complain(c, 10, "graph '%s': output %d has no value or no name", g->name, i);
}

/* First walk. */
static void list_nodes(struct check *c, const struct graph *g, void *outer)
{
    if (g->outer != outer)
        complain(c, 5, "graph '%s' does not know the graph around it", g->name);
    const struct node *prev = NULL;
    for (const struct node *n = g->first; n; prev = n, n = n->next) {
        if (n->id < 0 || n->id >= c->model->n_nodes || c->listed[n->id]) {
            complain(c, 1, "%s: its id is not its own, or it is listed twice", node_title(n));
            c->endless = true;
            return;
        }
        c->listed[n->id] = n;
        if (n->graph != g || n->prev != prev || node_is_result(n))
            complain(c, 1, "%s: does not belong at its place in graph '%s'", node_title(n),
                     g->name);
        check_operator(c, n);
        check_attributes(c, n);
        each_body(c, n, list_nodes, (void *)(uintptr_t)g);
    }
    if (g->last != prev)
        complain(c, 1, "graph '%s': the list of nodes has another end", g->name);
    check_result(c, g);
}

static void check_name(struct check *c, struct scope *scope, const struct value *v)
{
    if (!*name_of(v)) {
        complain(c, 6, "a value of graph '%s' has no name", v->graph ? v->graph->name : "");
        return;
    }
    for (const struct scope *s = scope; s; s = s->outer) {
        const struct value *other = map_find(&s->names, v->name);
        if (other && other != v) {
            complain(c, 6, "two values are called '%s'", v->name);
            return;
        }
    }
    map_set(&scope->names, v->name, (void *)(uintptr_t)v);
}

static void define(struct check *c, struct scope *scope, const struct graph *g,
                   const struct value *v, const struct node *def)
{
    struct seen *s = seen_of(c, v);
    if (!s) {
        complain(c, 3, "value '%s': its id is not its own", name_of(v));
        return;
    }
    if (s->defined || v->def != def || v->graph != g)
        complain(c, 3, "value '%s' is defined twice, or by another node or graph than it says",
                 name_of(v));
    s->defined = true;
    check_name(c, scope, v);
}

static void define_given(struct check *c, struct scope *scope, const struct graph *g)
{
    for (int i = 0; i < g->n_input; i++) {
        if (!g->input[i]->is_input)
            complain(c, 3, "input '%s' does not know that it is one", name_of(g->input[i]));
        define(c, scope, g, g->input[i], NULL);
    }
    for (int i = 0; i < g->n_constant; i++) {
        const struct value *v = g->constant[i];
        const struct seen *s = seen_of(c, v);
        if (!v->constant)
            complain(c, 3, "initializer '%s' is not constant", name_of(v));
        if (!(s && s->defined && v->is_input && v->graph == g)) /* listed as an input as well */
            define(c, scope, g, v, NULL);
    }
}

static void check_use(struct check *c, const struct graph *g, const struct use *u)
{
    const struct value *v = u->value;
    struct seen *s = seen_of(c, v);
    if (s)
        s->uses++;
    const struct graph *around = g;
    while (around && around != v->graph)
        around = around->outer;
    if (!around)
        complain(c, 5, "%s uses '%s' of a graph that is not around it", node_title(u->user),
                 name_of(v));
    else if (v->def && !is_listed(c, v->def))
        complain(c, 11, "%s is removed, but %s uses its output '%s'", node_title(v->def),
                 node_title(u->user), name_of(v));
    else if (!s || !s->defined)
        complain(c, 2, "%s uses '%s' before it is defined", node_title(u->user), name_of(v));
}

static void check_inputs(struct check *c, const struct node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i].user != n)
            complain(c, 4, "%s: input %d says that another node uses it", node_title(n), i);
        else if (n->in[i].value)
            check_use(c, n->graph, &n->in[i]);
    }
}

/* Second walk. */
static void walk_graph(struct check *c, const struct graph *g, void *outer)
{
    struct scope scope = {.names.arena = &c->scratch, .outer = outer};
    define_given(c, &scope, g);
    for (const struct node *n = g->first; n; n = n->next) {
        check_inputs(c, n);
        each_body(c, n, walk_graph, &scope);
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                define(c, &scope, g, n->out[i], n);
    }
    if (g->result)
        check_inputs(c, g->result);
}

static bool use_is_sound(const struct check *c, const struct value *v, const struct use *u)
{
    const struct node *n = u->user;
    return u->value == v && u->link && *u->link == u && n && u >= n->in && u < n->in + n->n_in
        && (n->graph->result == n || is_listed(c, n));
}

static void check_use_list(struct check *c, const struct seen *s)
{
    int n = 0;
    for (const struct use *u = s->value->uses; u; u = u->next)
        if (!use_is_sound(c, s->value, u) || ++n > s->uses) {
            complain(c, 4, "value '%s': its list holds a use that no node has",
                     name_of(s->value));
            return;
        }
    if (n < s->uses)
        complain(c, 4, "value '%s': its list lacks %d of %d uses", name_of(s->value),
                 s->uses - n, s->uses);
}

static void check_constant(struct check *c, const struct value *v)
{
    const struct tensor *t = v->constant;
    if (!t->data || !shape_known(&t->shape)) {
        complain(c, 7, "constant '%s' has no data or no shape", name_of(v));
        return;
    }
    size_t size = dtype_size(t->dtype, shape_count(&t->shape));
    if (t->dtype != DTYPE_STRING && t->size != size)
        complain(c, 7, "constant '%s' has %zu bytes instead of %zu", name_of(v), t->size, size);
}

static void check_quant(struct check *c, const struct value *v)
{
    const struct quant *q = v->quant;
    if (c->model->facts & FACT_LOWERED)
        complain(c, 13, "value '%s' still carries a quant", name_of(v));
    if (!q->scale)
        return;
    if (!q->zero || q->n < 1) {
        complain(c, 12, "value '%s': its quant has no zero points", name_of(v));
        return;
    }
    const struct shape *s = &v->type.shape;
    if (q->type.grain != GRAIN_TENSOR && s->rank >= 0
        && (q->type.axis < 0 || q->type.axis >= s->rank))
        complain(c, 12, "value '%s' has no axis %d", name_of(v), q->type.axis);
    else if (shape_known(s) && q->n != quant_count(&q->type, s))
        complain(c, 12, "value '%s': %lld scales do not fit its shape", name_of(v),
                 (long long)q->n);
    const struct dtype_info *d = dtype_info(q->type.dtype);
    int64_t middle = d->min < 0 ? 0 : (d->max + 1) / 2;
    for (int64_t i = 0; i < q->n; i++) {
        if (!isfinite(q->scale[i]) || q->scale[i] <= 0)
            complain(c, 12, "value '%s': scale %lld is %g", name_of(v), (long long)i,
                     (double)q->scale[i]);
        else if (q->zero[i] < d->min || q->zero[i] > d->max
                 || (q->type.symmetric && q->zero[i] != middle))
            complain(c, 12, "value '%s': zero point %lld is %d", name_of(v), (long long)i,
                     q->zero[i]);
        else
            continue;
        return; /* one complaint a value */
    }
}

/* What an unknown operator gives stays unknown, and so may what is computed from it, in bodies
 * too. */
static bool type_is_due(const struct value *v)
{
    if (!v->def)
        return v->constant != NULL;
    if (!op_table[v->def->op].infer || op_table[v->def->op].flags & OP_CONTROL)
        return false;
    for (int i = 0; i < v->def->n_in; i++)
        if (v->def->in[i].value && v->def->in[i].value->type.dtype == DTYPE_NONE)
            return false;
    return true;
}

static void check_type(struct check *c, const struct value *v)
{
    const struct tensor *t = &v->type;
    if (t->dtype == DTYPE_NONE && type_is_due(v))
        complain(c, 14, "value '%s' has no dtype", name_of(v));
    if (!v->constant)
        return;
    bool fits = t->dtype == v->constant->dtype
        && (t->shape.rank < 0 || t->shape.rank == v->constant->shape.rank);
    for (int i = 0; fits && i < t->shape.rank; i++)
        fits = t->shape.dim[i] < 0 || t->shape.dim[i] == v->constant->shape.dim[i];
    if (!fits)
        complain(c, 14, "value '%s': its type is not that of its data", name_of(v));
}

int model_verify(const struct model *m, struct str *complaints)
{
    struct check c = {.model = m, .text = complaints};
    c.listed = NEW_ARRAY(&c.scratch, m->n_nodes, const struct node *);
    c.seen = NEW_ARRAY(&c.scratch, m->n_values, struct seen);
    list_nodes(&c, m->graph, NULL);
    if (!c.endless)
        walk_graph(&c, m->graph, NULL);
    for (int i = 0; i < m->n_values; i++) {
        const struct value *v = c.seen[i].value;
        if (!v || !c.seen[i].defined)
            continue;
        check_use_list(&c, &c.seen[i]);
        if (v->constant)
            check_constant(&c, v);
        if (v->quant)
            check_quant(&c, v);
        if (m->facts & FACT_TYPES)
            check_type(&c, v);
    }
    arena_release(&c.scratch);
    return c.n;
}
