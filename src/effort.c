/* SPDX-License-Identifier: Apache-2.0
 *
 * effort: operations as the shapes tell them that follow from the first sample's; or, where they do
 * not tell all or nodes have bodies, as the executor's steps do.
 */
#include "effort.h"

#include "carry.h"
#include "exec.h"
#include "infer.h"
#include "op.h"
#include "samples.h"
#include "work.h"

#include <math.h>

static void on_cost(void *data, int worker, const struct step_cost *c)
{
    (void)worker;
    struct effort *e = data;
    e->ops += c->work.ops;
    for (int i = 0; i < c->n_nodes; i++)
        if (op_table[c->node[i]->op].role == ROLE_WEIGHTED) {
            e->of_node[c->node[i]->id] += c->work.ops;
            return;
        }
}

/* The type of a value that is there; NULL: it is none, or not known. */
static struct tensor *known_type(struct value *v)
{
    return v && v->type.dtype != DTYPE_NONE && shape_known(&v->type.shape) ? &v->type : NULL;
}

/* False: something is not known. */
static bool add_node(struct effort *e, struct node *n, struct arena *a)
{
    const struct tensor **in = NEW_ARRAY(a, n->n_in, const struct tensor *);
    struct tensor **out = NEW_ARRAY(a, n->n_out, struct tensor *);
    bool known = !node_body(n, 0);
    for (int i = 0; i < n->n_in; i++) {
        in[i] = known_type(n->in[i].value);
        known = known && (in[i] || !n->in[i].value);
    }
    for (int i = 0; i < n->n_out; i++) {
        out[i] = known_type(n->out[i]);
        known = known && (out[i] || !n->out[i]);
    }
    if (!known)
        return false;
    struct call c = {.node = n, .opset = node_opset(n), .n_in = n->n_in, .n_out = n->n_out,
                     .in = in, .out = out, .scratch = a};
    double ops = work_of(&c).ops;
    e->ops += ops;
    if (op_table[n->op].role == ROLE_WEIGHTED)
        e->of_node[n->id] = ops;
    return true;
}

static bool add_graph(struct effort *e, const struct graph *g, struct arena *a)
{
    graph_each(g, n)
        if (!node_is_result(n) && !add_node(e, n, a))
            return false;
    return true;
}

/* Gives the inputs of a graph the shapes of the first sample. */
static int take_shapes(struct graph *g, const struct dataset *d, struct arena *a, struct err *err)
{
    struct carry carry;
    const struct tensor **input = NEW_ARRAY(a, g->n_input, const struct tensor *);
    carry_open(&carry, d, g);
    int r = carry_read(&carry, 0, a, input, err);
    for (int i = 0; i < g->n_input && r >= 0; i++)
        if (input[i])
            g->input[i]->type.shape = input[i]->shape;
    carry_close(&carry);
    return r;
}

/* 1: shapes told all; 0: they did not; -1: the sample cannot be read. */
static int count(struct effort *e, const struct model *m, const struct dataset *d, struct err *err)
{
    struct arena a = {0};
    struct err unknown;
    struct model *clone = model_clone(m);
    int r = take_shapes(clone->graph, d, &a, err);
    if (r >= 0)
        r = graph_infer(clone->graph, &unknown) == 0 && add_graph(e, clone->graph, &a);
    model_close(clone);
    arena_release(&a);
    return r;
}

static int run(struct effort *e, const struct model *m, const struct dataset *d, struct err *err)
{
    struct samples_hooks hooks = {.cost = on_cost};
    struct exec *x = exec_open(m->graph, &(struct exec_options){.partial = true}, err);
    int r = x ? samples_run(x, d, &(int){0}, 1, 1, &hooks, e, err) : -1;
    exec_close(x);
    return r;
}

int effort_measure(const struct model *m, const struct dataset *d, struct arena *a,
                   struct effort *result, struct err *err)
{
    *result = (struct effort){0, NEW_ARRAY(a, m->n_nodes, double)};
    int known = count(result, m, d, err);
    if (known)
        return known < 0 ? -1 : 0;
    *result = (struct effort){0, NEW_ARRAY(a, m->n_nodes, double)};
    return run(result, m, d, err);
}

int effort_once(double *ops, const struct model *m, const struct dataset *d, struct err *err)
{
    struct arena a = {0};
    struct effort e = {.ops = *ops};
    int r = *ops > 0 ? 0 : effort_measure(m, d, &a, &e, err);
    *ops = e.ops;
    arena_release(&a);
    return r;
}

int effort_samples(double ops, int most, int least)
{
    double n = rint(most / sqrt(fmax(ops / EFFORT_DEAR, 1)));
    return (int)fmin(fmax(n, least), most);
}
