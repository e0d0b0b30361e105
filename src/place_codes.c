/* SPDX-License-Identifier: Apache-2.0
 *
 * place_codes: one quant on both sides of what moves codes.
 */
#include "place_codes.h"

#include "place_borders.h"

static bool is_mover(const struct target *t, const struct node *n)
{
    return target_rule(t, n) == TARGET_CODES && node_input(n, 0) && !place_is_border(n);
}

/* Codes that are only moved keep their parameters: input and output share one quant. */
static void share_codes(const struct target *t, struct graph *g)
{
    graph_each(g, n) {
        struct value *in = node_input(n, 0);
        if (!is_mover(t, n) || in->constant || !in->quant)
            continue;
        for (int i = 0; i < n->n_out; i++) {
            struct quant *old = n->out[i] ? n->out[i]->quant : NULL;
            if (!old || old == in->quant)
                continue;
            n->out[i]->quant = in->quant;
            n->in[0].plain = false;
        }
    }
}

/* Is v rounded, or does it only go to where it is? ends: what is known of values behind it. */
static bool ends_rounded(const struct target *t, const struct value *v, const bool *ends)
{
    if (v->quant)
        return true;
    value_each_use(v, u) {
        const struct node *n = u->user;
        if (node_is_result(n) || n->graph != v->graph || u != &n->in[0] || !is_mover(t, n))
            return false;
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i] && !ends[n->out[i]->id])
                return false;
    }
    return v->uses;
}

/* Between two that move codes as well: ONNX Runtime 1.31 does not find all of them by itself. */
static void share_between(const struct target *t, struct graph *g, struct arena *a)
{
    bool *ends = NEW_ARRAY(a, g->model->n_values, bool);
    for (struct node *n = g->last; n; n = n->prev)
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                ends[n->out[i]->id] = ends_rounded(t, n->out[i], ends);
    graph_each(g, n) {
        struct value *in = node_input(n, 0);
        if (!is_mover(t, n) || in->constant || !in->quant || n->in[0].plain)
            continue;
        for (int i = 0; i < n->n_out; i++) {
            struct value *out = n->out[i];
            if (!out || out->quant || !ends[out->id])
                continue;
            out->quant = in->quant;
            value_each_use(out, u)
                u->plain = false;
        }
    }
}

static bool is_captured(const struct value *v)
{
    value_each_use(v, u)
        if (u->user->graph != v->graph)
            return true;
    return false;
}

/* By value id: does it go, through operators that only move codes, into a body? */
static bool *ends_in_bodies(const struct target *t, const struct graph *g, struct arena *a)
{
    bool *ends = NEW_ARRAY(a, g->model->n_values, bool);
    for (struct node *n = g->last; n; n = n->prev) {
        struct value *in = node_input(n, 0);
        for (int i = 0; i < n->n_out; i++) {
            struct value *out = n->out[i];
            if (out && (ends[out->id] || is_captured(out))) {
                ends[out->id] = true;
                if (is_mover(t, n))
                    ends[in->id] = true;
            }
        }
    }
    return ends;
}

/* ONNX Runtime 1.31 moves a DequantizeLinear forward over operators that only move codes, and
 * aborts where that ends in a value that a body captures. So the codes themselves are moved up to
 * there: these values lie on the grid anyway. */
static void move_codes_to_bodies(const struct target *t, struct graph *g, struct arena *a)
{
    bool *ends = ends_in_bodies(t, g, a);
    struct quant **grid = NEW_ARRAY(a, g->model->n_values, struct quant *);
    graph_each(g, n) {
        struct value *in = node_input(n, 0);
        if (!is_mover(t, n) || in->constant)
            continue;
        struct quant *q = in->quant && !n->in[0].plain ? in->quant : grid[in->id];
        for (int i = 0; i < n->n_out && q; i++) {
            struct value *out = n->out[i];
            if (!out)
                continue;
            grid[out->id] = q;
            if (!ends[out->id])
                continue;
            out->quant = q;
            value_each_use(out, u)
                u->plain = false;
        }
    }
}

void place_codes(struct model *m, const struct target *t)
{
    struct arena scratch = {0};
    int n_graphs;
    struct graph **graph = model_graphs(m, &scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++) {
        share_codes(t, graph[i]);
        share_between(t, graph[i], &scratch);
        move_codes_to_bodies(t, graph[i], &scratch);
        share_codes(t, graph[i]);
    }
    arena_release(&scratch);
}
