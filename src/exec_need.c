/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_need: which nodes run: those that somebody needs, in the main graph and in bodies. A node
 * needs what its bodies capture, and is needed where a value inside of it is wanted.
 */
#include "exec_plan.h"

#include "ops/control.h"

#include <stdio.h>
#include <string.h>

static bool is_runnable(const struct use *u, const bool *runnable)
{
    return !u->value || !u->value->def || runnable[u->value->def->id];
}

static bool all_runnable(const struct node *n, const bool *runnable)
{
    for (int i = 0; i < n->n_in; i++)
        if (!is_runnable(&n->in[i], runnable))
            return false;
    return true;
}

static void none_runnable(const struct graph *g, bool *runnable)
{
    const struct graph *body;
    for (const struct node *n = g->first; n; n = n->next) {
        runnable[n->id] = false;
        for (int k = 0; (body = node_body(n, k)); k++)
            none_runnable(body, runnable);
    }
}

void exec_find_runnable(const struct graph *g, bool *runnable)
{
    const struct graph *body;
    for (const struct node *n = g->first; n; n = n->next) {
        bool runs = op_runs(n->op) && all_runnable(n, runnable);
        for (int k = 0; (body = node_body(n, k)); k++) {
            exec_find_runnable(body, runnable);
            runs = runs && all_runnable(body->result, runnable);
        }
        runnable[n->id] = runs;
        for (int k = 0; !runs && (body = node_body(n, k)); k++)
            none_runnable(body, runnable);
    }
}

/* By node id: some value in its bodies is wanted. */
static bool find_watched(const struct exec *x, const struct graph *g, bool *watched)
{
    const struct graph *body;
    bool any = false;
    for (const struct node *n = g->first; n; n = n->next) {
        for (int i = 0; i < n->n_out; i++)
            any |= n->out[i] && x->place[n->out[i]->id].wanted;
        for (int k = 0; (body = node_body(n, k)); k++) {
            for (int i = 0; i < body->n_input; i++)
                watched[n->id] |= x->place[body->input[i]->id].wanted;
            watched[n->id] |= find_watched(x, body, watched);
        }
        any |= watched[n->id];
    }
    return any;
}

struct need {
    struct exec *exec;
    bool *read, *watched; /* values and nodes, by id */
    bool outputs;         /* of the main graph are needed */
};

static void need_inputs(struct need *f, const struct node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].value && is_runnable(&n->in[i], f->exec->runnable))
            f->read[plan_operand(f->exec, n, i).value] = true;
}

/* Backwards from the outputs and the wanted values. */
static void need_graph(struct need *f, const struct graph *g)
{
    struct exec *x = f->exec;
    const struct graph *body;
    if (g != x->graph || f->outputs)
        need_inputs(f, g->result);
    for (const struct node *n = g->last; n; n = n->prev) {
        if (!x->runnable[n->id] || x->before[n->id])
            continue;
        bool needed = f->watched[n->id];
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i] && (f->read[n->out[i]->id] || x->place[n->out[i]->id].wanted))
                needed = true;
        x->needed[n->id] = needed;
        if (!needed)
            continue;
        need_inputs(f, n);
        for (int k = 0; (body = node_body(n, k)); k++)
            need_graph(f, body);
    }
}

/* The operators that cannot run; the names are cut where the text is full. */
struct failing {
    char list[512];
    size_t used;
    int n, n_named;
};

static void find_failing(const struct exec *x, const struct graph *g, struct failing *f)
{
    const struct graph *body;
    for (const struct node *n = g->first; n; n = n->next) {
        if (!x->needed[n->id])
            continue;
        for (int k = 0; (body = node_body(n, k)) && op_runs(n->op); k++)
            find_failing(x, body, f);
        if (op_runs(n->op))
            continue;
        const char *title = node_title(n);
        f->n++;
        if (f->used + strlen(title) + 3 > sizeof f->list || f->n_named < f->n - 1)
            continue;
        f->used += (size_t)snprintf(f->list + f->used, sizeof f->list - f->used, "%s%s",
                                    f->used ? ", " : "", title);
        f->n_named++;
    }
}

/* Every operator that cannot run, in one report. */
static int check_operators(const struct exec *x, struct err *err)
{
    struct failing f = {.n = 0};
    find_failing(x, x->graph, &f);
    if (!f.n)
        return 0;
    if (f.n_named == f.n)
        return err_set(err, ERR_INPUT, "operators that cannot be executed: %s", f.list);
    return err_set(err, ERR_INPUT, "operators that cannot be executed: %s%s%d more", f.list,
                   f.n_named ? " and " : "", f.n - f.n_named);
}

static int check_bodies(const struct exec *x, const struct graph *g, struct err *err)
{
    const struct graph *body;
    for (const struct node *n = g->first; n; n = n->next) {
        struct control control;
        if (!x->needed[n->id] || !node_body(n, 0) || !(op_table[n->op].flags & OP_CONTROL))
            continue;
        if (control_parse(n, &control, err) < 0)
            return err_at(err, "%s", node_title(n));
        for (int k = 0; (body = node_body(n, k)); k++)
            TRY(check_bodies(x, body, err));
    }
    return 0;
}

static void find_fixed(struct exec *x, const struct graph *g)
{
    const struct graph *body;
    for (const struct node *n = g->first; n; n = n->next) {
        const struct op_info *op = &op_table[n->op];
        bool fixed = x->needed[n->id] && op->eval && !(op->flags & OP_RANDOM);
        for (int i = 0; i < n->n_in; i++)
            if (n->in[i].value && !x->place[n->in[i].value->id].fixed)
                fixed = false;
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                x->place[n->out[i]->id].fixed = fixed;
        for (int k = 0; x->needed[n->id] && (body = node_body(n, k)); k++)
            find_fixed(x, body);
    }
}

static void cut_inputs(const struct node *n, const bool *before, bool *cut)
{
    const struct graph *body;
    for (int i = 0; i < n->n_in; i++) {
        const struct value *v = node_input(n, i);
        if (v && !v->constant && (v->def ? before[v->def->id] : !v->graph->outer))
            cut[v->id] = true;
    }
    for (int k = 0; (body = node_body(n, k)); k++) {
        for (const struct node *inner = body->first; inner; inner = inner->next)
            cut_inputs(inner, before, cut);
        cut_inputs(body->result, before, cut);
    }
}

void exec_find_cut(const struct graph *g, const struct node *start, bool *cut)
{
    struct arena a = {0};
    bool *before = NEW_ARRAY(&a, g->model->n_nodes, bool);
    for (const struct node *n = g->first; n != start; n = n->next)
        before[n->id] = true;
    for (const struct node *n = start; n; n = n->next)
        cut_inputs(n, before, cut);
    cut_inputs(g->result, before, cut);
    arena_release(&a);
}

static void find_before(struct exec *x, const struct node *start)
{
    for (const struct node *n = start ? x->graph->first : NULL; n != start; n = n->next)
        x->before[n->id] = true;
}

static void find_fed(struct exec *x, const bool *read)
{
    x->fed = NEW_ARRAY(&x->arena, x->n_values, int);
    for (int v = 0; v < x->n_values; v++) {
        const struct value *value = x->place[v].value;
        if (read[v] && value->graph == x->graph && !value->constant
            && (!value->def || x->before[value->def->id]))
            x->fed[x->n_fed++] = v;
    }
}

int plan_need(struct exec *x, const struct exec_options *o, struct err *err)
{
    size_t n_nodes = (size_t)x->graph->model->n_nodes;
    struct need f = {x, NEW_ARRAY(&x->arena, x->n_values, bool),
                     NEW_ARRAY(&x->arena, n_nodes, bool), !o->only_wanted};
    x->needed = NEW_ARRAY(&x->arena, n_nodes, bool);
    x->before = NEW_ARRAY(&x->arena, n_nodes, bool);
    x->runnable = NEW_ARRAY(&x->arena, n_nodes, bool);
    find_before(x, o->start);
    if (o->partial)
        exec_find_runnable(x->graph, x->runnable);
    else
        memset(x->runnable, true, n_nodes);
    find_watched(x, x->graph, f.watched);
    need_graph(&f, x->graph);
    if (o->start)
        find_fed(x, f.read);
    TRY(check_operators(x, err));
    TRY(check_bodies(x, x->graph, err));
    find_fixed(x, x->graph);
    return 0;
}
