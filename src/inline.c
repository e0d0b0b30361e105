/* SPDX-License-Identifier: Apache-2.0
 *
 * inline: moving a body out changes what sees its values: names that were hidden from each other
 * may meet. So a name that occurs more than once in the model gives way to a fresh one.
 */
#include "inline.h"

#include <stdint.h>
#include <string.h>

struct inlining {
    struct arena scratch;
    struct map count; /* how often a name occurs in the model */
    int done;
};

static void count_name(struct inlining *f, const struct value *v)
{
    uintptr_t n = (uintptr_t)map_find(&f->count, v->name);
    map_set(&f->count, v->name, (void *)(n + 1));
}

/* Calls fn on each body of a node. */
static void each_body(struct inlining *f, struct node *n,
                      void (*fn)(struct inlining *f, struct graph *g))
{
    for (int i = 0; i < n->n_attr; i++) {
        if (n->attr[i].kind == ATTR_GRAPH)
            fn(f, n->attr[i].g);
        for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n; k++)
            fn(f, n->attr[i].graphs[k]);
    }
}

static void count_names(struct inlining *f, struct graph *g)
{
    for (int i = 0; i < g->n_input; i++)
        count_name(f, g->input[i]);
    for (int i = 0; i < g->n_constant; i++)
        count_name(f, g->constant[i]);
    graph_each(g, n) {
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                count_name(f, n->out[i]);
        each_body(f, n, count_names);
    }
}

/* f NULL: any name may occur elsewhere. */
static const char *name_alone(struct inlining *f, struct model *m, const char *name)
{
    return !f || (uintptr_t)map_find(&f->count, name) > 1 ? name_fresh(m, name) : name;
}

/* All nodes and constants of the body come before `at`. The body is left empty. */
static void move_body(struct inlining *f, struct graph *body, struct node *at)
{
    struct graph *g = at->graph;
    for (int i = 0; i < body->n_constant; i++) {
        struct value *v = body->constant[i];
        const char *name = name_alone(f, g->model, v->name);
        value_replace(v, graph_add_constant(g, name, v->constant));
    }
    body->n_constant = 0;
    graph_each(body, n) {
        n->graph = g;
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i]) {
                n->out[i]->graph = g;
                n->out[i]->name = name_alone(f, g->model, n->out[i]->name);
            }
        for (int i = 0; i < n->n_attr; i++) {
            if (n->attr[i].kind == ATTR_GRAPH)
                n->attr[i].g->outer = g;
            for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n; k++)
                n->attr[i].graphs[k]->outer = g;
        }
        node_insert(n, at);
    }
    body->first = body->last = NULL;
}

/* The branch that an If takes; NULL: it is no If, or not known. */
static struct graph *branch_of(const struct node *n)
{
    if (*n->domain || strcmp(n->type, "If") || !node_constant(n, 0))
        return NULL;
    const struct tensor *t = node_constant(n, 0);
    if (t->dtype != DTYPE_BOOL || tensor_count(t) != 1)
        return NULL;
    const struct attr *a = node_attr(n, tensor_get(t, 0) != 0 ? "then_branch" : "else_branch");
    return a && a->kind == ATTR_GRAPH && a->g->result->n_in >= n->n_out ? a->g : NULL;
}

static void inline_ifs(struct inlining *f, struct graph *g)
{
    graph_each(g, n) {
        each_body(f, n, inline_ifs);
        struct graph *branch = branch_of(n);
        if (!branch)
            continue;
        move_body(f, branch, n);
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                value_replace(n->out[i], branch->result->in[i].value);
        for (int i = 0; i < branch->result->n_in; i++)
            node_set_input(branch->result, i, NULL);
        f->done++;
    }
}

int graph_inline_ifs(struct graph *g)
{
    struct inlining f = {.count.arena = &f.scratch};
    count_names(&f, g);
    inline_ifs(&f, g);
    arena_release(&f.scratch);
    return f.done;
}

struct value *graph_move_body(struct graph *body, struct value *in, struct node *at)
{
    value_replace(body->input[0], in);
    move_body(NULL, body, at);
    struct value *out = body->result->in[0].value;
    node_set_input(body->result, 0, NULL);
    return out;
}
