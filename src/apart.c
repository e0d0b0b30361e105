/* SPDX-License-Identifier: Apache-2.0
 *
 * apart: a Max with one input is no operator that optimizers remove, unlike Identity or a product
 * with 1.
 */
#include "apart.h"

#include "op.h"

/* A MatMul and the Add behind it are a Gemm to the runtime. */
static bool may_be_rounded(const struct node *n)
{
    bool kind = n->op == OP_Conv || n->op == OP_ConvTranspose || n->op == OP_Gemm
             || n->op == OP_MatMul;
    const struct value *x = node_input(n, 0), *w = node_input(n, 1);
    return kind && x->quant && !n->in[0].plain && w && w->constant
        && (!w->quant || n->in[1].plain);
}

/* Is v read rounded, and in no other way? */
static bool is_only_rounded(const struct value *v)
{
    if (!v->quant || !v->uses)
        return false;
    value_each_use(v, u)
        if (u->plain)
            return false;
    return true;
}

static bool leads_to_codes(const struct target *t, const struct node *n)
{
    const struct value *v = n->out[0];
    while (!is_only_rounded(v)) {
        const struct node *next = value_only_user(v);
        if (!next || node_is_result(next) || next->graph != n->graph || !next->n_out)
            return false;
        bool passes = next->op == OP_Relu || next->op == OP_Clip
                   || target_rule(t, next) == TARGET_CODES
                   || (next->op == OP_Add && n->op == OP_MatMul);
        if (!passes)
            return false;
        v = next->out[0];
    }
    return true;
}

/* Behind the layer itself: its quant, if it has one, goes along. */
static void put_apart(struct node *n)
{
    struct value *y = n->out[0];
    struct build at = build_after(n);
    struct node *max = build_node(&at, OP_Max, 1, &y, 1);
    struct value *z = max->out[0];
    value_replace(y, z);
    node_set_input(max, 0, y);
    value_swap_names(y, z);
    z->type = y->type;
    z->quant = y->quant;
    y->quant = NULL;
}

int apart_floats(struct model *m, const struct target *t)
{
    struct arena scratch = {0};
    int n_graphs, count = 0;
    struct graph **graph = model_graphs(m, &scratch, &n_graphs);
    for (int i = 0; t->rounds_float && i < n_graphs; i++)
        graph_each(graph[i], n)
            if (may_be_rounded(n) && leads_to_codes(t, n)) {
                put_apart(n);
                count++;
            }
    arena_release(&scratch);
    return count;
}
