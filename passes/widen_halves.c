/* SPDX-License-Identifier: Apache-2.0
 *
 * widen-halves: a model in float16 or bfloat16 becomes one in float, for runtimes that compute
 * these types in float and convert what goes in and comes out of each operator. Between integer
 * layers such conversions would be all that is left of the type, and in the way of all that joins
 * neighbours: an activation and the layer in front of it, layers whose channels are equalized.
 * Inputs and outputs of the model keep their types:
 *
 *     float16 x  =>  Cast(x), all in float, Cast to float16
 *
 * Casts between these types do nothing then, and clean-up takes them out. Formats that need no data
 * leave the types: they are for language models, whose weights should not be in memory twice as
 * large.
 */
#include "pass.h"
#include "place.h"
#include "target.h"

#include <string.h>

static bool is_half(enum dtype t)
{
    return t == DTYPE_F16 || t == DTYPE_BF16;
}

static enum dtype wider(enum dtype t)
{
    return is_half(t) ? DTYPE_F32 : t;
}

/* Attributes that name the type of a result. */
static bool names_type(const struct attr *a)
{
    return a->kind == ATTR_INT && (!strcmp(a->name, "to") || !strcmp(a->name, "dtype")
                                   || !strcmp(a->name, "output_dtype"));
}

static int widen_node(struct node *n)
{
    int changes = 0;
    for (int i = 0; i < n->n_attr; i++) {
        const struct attr *a = &n->attr[i];
        if (a->kind == ATTR_TENSOR && is_half(a->t->dtype)) {
            node_set_tensor(n, a->name, tensor_to_f32(n->graph->model->arena, a->t));
            changes++;
        } else if (names_type(a) && is_half((enum dtype)a->i)) {
            node_set_int(n, a->name, DTYPE_F32);
            changes++;
        }
    }
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i])
            continue;
        changes += is_half(n->out[i]->type.dtype);
        n->out[i]->type.dtype = wider(n->out[i]->type.dtype);
    }
    return changes;
}

static int widen_graph(struct graph *g)
{
    int changes = 0;
    for (int i = 0, n = g->n_constant; i < n; i++) {
        struct value *c = g->constant[i];
        if (!is_half(c->constant->dtype))
            continue;
        constant_replace(c, tensor_to_f32(g->model->arena, c->constant));
        changes++;
    }
    for (int i = 0; g->outer && i < g->n_input; i++)
        g->input[i]->type.dtype = wider(g->input[i]->type.dtype);
    graph_each(g, n)
        if (!node_is_result(n))
            changes += widen_node(n);
    return changes;
}

static struct value *cast(struct build at, struct value *x, enum dtype to)
{
    struct node *n = build_node(&at, OP_Cast, 1, &x, 1);
    node_set_int(n, "to", to);
    n->out[0]->type = x->type;
    n->out[0]->type.dtype = to;
    return n->out[0];
}

/* Readers of the model's inputs get floats. */
static void widen_inputs(struct graph *g)
{
    for (int i = 0; i < g->n_input; i++) {
        struct value *x = g->input[i];
        if (!value_is_fed(x) || !is_half(x->type.dtype))
            continue;
        struct value *wide = cast((struct build){g, g->first, x->name}, x, DTYPE_F32);
        value_replace(x, wide);
        node_set_input(wide->def, 0, x);
    }
}

static void narrow_outputs(struct graph *g, const enum dtype *was)
{
    for (int i = 0; i < g->result->n_in; i++) {
        struct value *y = g->result->in[i].value;
        if (y && is_half(was[i]) && y->type.dtype == DTYPE_F32)
            node_set_input(g->result, i, cast((struct build){g, NULL, y->name}, y, was[i]));
    }
}

/* Does it know what every operator makes of a wider type? */
static bool knows_all(const struct graph *g)
{
    graph_each(g, n)
        if (!node_is_result(n) && n->op == OP_OTHER)
            return false;
    return true;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    int n_graphs, changes = 0;
    struct graph **graph = model_graphs(m, ctx->scratch, &n_graphs), *g = m->graph;
    (void)err;
    if (!ctx->target || !ctx->target->widens_halves || ctx->target->inputs != INPUTS_CALIBRATED)
        return 0;
    for (int i = 0; i < n_graphs; i++)
        if (!knows_all(graph[i]))
            return 0;
    enum dtype *was = NEW_ARRAY(ctx->scratch, g->result->n_in, enum dtype);
    for (int i = 0; i < g->result->n_in; i++)
        was[i] = g->result->in[i].value ? g->result->in[i].value->type.dtype : DTYPE_NONE;
    for (int i = 0; i < n_graphs; i++)
        changes += widen_graph(graph[i]);
    if (!changes)
        return 0;
    widen_inputs(g);
    narrow_outputs(g, was);
    graph_sweep(g);
    str_add(&ctx->notes, "float16 and bfloat16 become float, in which the runtime computes them\n");
    return changes;
}

const struct pass pass_widen_halves = {
    .name = "widen-halves",
    .summary = "write float16 and bfloat16 as float, in which the runtime computes them",
    .needs = FACT_TYPES,
    .run = run,
};
