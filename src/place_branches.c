/* SPDX-License-Identifier: Apache-2.0
 *
 * place_branches: sums, joins, and what reads codes.
 */
#include "place_branches.h"

#include "op.h"
#include "place_units.h"
#include "quantized.h"

static bool is_float(const struct value *v)
{
    return v && v->type.dtype == DTYPE_F32;
}

/* The layer of graph g whose output v is, if nothing else reads that; a MatMul's bias belongs to
 * it. */
static const struct node *layer_before(const struct target *t, const struct graph *g,
                                       const struct value *v)
{
    const struct node *n = v->def;
    if (!n || n->graph != g || !value_used_once(v))
        return NULL;
    if (n->op == OP_Add && t->add_is_bias && (node_constant(n, 0) || node_constant(n, 1)))
        n = value_def(node_input(n, node_constant(n, 0) ? 1 : 0), OP_MatMul);
    struct op_weight w;
    bool layer = n && target_rule(t, n) == TARGET_INTEGER && op_weight(n, &w);
    return layer && node_input(n, w.slot)->quant ? n : NULL;
}

/* depth: layers on the longest way to a value, by id. */
static void place_skips_in(struct graph *g, const struct target *t, int *depth)
{
    graph_each(g, n) {
        int deepest = 0;
        for (int i = 0; i < n->n_in; i++) {
            const struct value *v = node_input(n, i);
            deepest = v && depth[v->id] > deepest ? depth[v->id] : deepest;
        }
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                depth[n->out[i]->id] = deepest + (target_rule(t, n) == TARGET_INTEGER);
        struct value *a = n->op == OP_Add ? node_input(n, 0) : NULL, *b = node_input(n, 1);
        if (!a || !b || a == b || a->constant || b->constant || !is_float(a) || !is_float(b))
            continue;
        bool first = layer_before(t, g, a), second = layer_before(t, g, b);
        if (!first && !second)
            continue;
        int skip = first && (!second || depth[a->id] >= depth[b->id]);
        value_claim(node_input(n, skip), &t->activation);
        n->in[skip].plain = false;
    }
}

void place_skip_branches(struct model *m, const struct target *t)
{
    struct arena scratch = {0};
    int *depth = NEW_ARRAY(&scratch, m->n_values, int), n_graphs;
    struct graph **graph = model_graphs(m, &scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        place_skips_in(graph[i], t, depth);
    arena_release(&scratch);
}

static bool reader_fits(const struct node *n)
{
    const struct value *x = node_input(n, 0), *y = node_input(n, 1);
    if (!is_float(x) || x->constant || (x->def && node_is_quantized(x->def)))
        return false;
    return n->op != OP_MatMul
        || (is_float(y) && !y->constant && !(y->def && node_is_quantized(y->def)));
}

void place_readers(struct model *m, const struct target *t, const bool *may)
{
    struct arena scratch = {0};
    int n_graphs;
    struct graph **graph = model_graphs(m, &scratch, &n_graphs);
    for (int k = 0; k < n_graphs; k++)
        graph_each(graph[k], n) {
            if (!target_is_reader(t, n) || !may[n->id] || !reader_fits(n))
                continue;
            for (int i = 0; i < (n->op == OP_MatMul ? 2 : 1); i++) {
                value_claim(node_input(n, i), &t->activation);
                n->in[i].plain = false;
            }
        }
    arena_release(&scratch);
}

/* Whatever carries `old` carries `with`. */
static void replace_quant(const struct graph *g, const struct quant *old, struct quant *with)
{
    for (int i = 0; i < g->n_input; i++)
        if (g->input[i]->quant == old)
            g->input[i]->quant = with;
    for (const struct node *n = g->first; n; n = n->next)
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i] && n->out[i]->quant == old)
                n->out[i]->quant = with;
}

void place_joined(struct model *m, const struct target *t)
{
    struct arena scratch = {0};
    int n_graphs;
    struct graph **graph = model_graphs(m, &scratch, &n_graphs);
    for (int k = 0; k < n_graphs; k++)
        graph_each(graph[k], n) {
            struct quant *whole = target_joins(t, n) ? n->out[0]->quant : NULL;
            for (int i = 0; whole && i < n->n_in; i++) {
                struct value *v = node_input(n, i);
                if (v->constant || !v->quant || v->quant->type.dtype != whole->type.dtype)
                    continue;
                if (v->quant != whole)
                    for (int g = 0; g < n_graphs; g++)
                        replace_quant(graph[g], v->quant, whole);
                n->in[i].plain = false;
            }
        }
    arena_release(&scratch);
}
