/* SPDX-License-Identifier: Apache-2.0
 *
 * place_exact: from each logarithm backwards.
 */
#include "place_exact.h"

#include "op.h"

struct read { /* a value that a logarithm reads in the end */
    const struct value *v;
    bool exact; /* a layer that makes it is */
};
struct walk {
    bool *exact; /* by id of nodes */
    bool *seen;  /* [value id * 2 + exact] */
    struct read *todo;
    int n_todo;
};

static void add(struct walk *w, const struct value *v, bool exact)
{
    if (!v || v->constant || w->seen[v->id * 2 + exact])
        return;
    w->seen[v->id * 2 + exact] = true;
    w->todo[w->n_todo++] = (struct read){v, exact};
}

static bool is_power(const struct node *n)
{
    switch (n->op) {
    case OP_Pow: case OP_Sqrt: case OP_Abs: case OP_ReduceL1: case OP_ReduceL2:
    case OP_ReduceSumSquare: return true;
    case OP_Mul: return node_input(n, 0) == node_input(n, 1);
    default: return false;
    }
}

static bool passes_on(const struct node *n)
{
    switch (n->op) {
    case OP_Add: case OP_Sub: case OP_Mul: case OP_Div: case OP_Neg: case OP_Max: case OP_Min:
    case OP_Clip: case OP_Relu: case OP_ReduceSum: case OP_ReduceMean: case OP_ReduceMax:
    case OP_AveragePool: case OP_Cast: return true;
    default: return op_table[n->op].role == ROLE_SAME || op_table[n->op].role == ROLE_JOIN;
    }
}

/* The value that operators in a row only move. */
static const struct value *unmoved(const struct value *v)
{
    while (v && v->def && op_table[v->def->op].role == ROLE_SAME)
        v = node_input(v->def, 0);
    return v;
}

/* What a read value is made of is read as well. */
static void follow(struct walk *w, struct read r)
{
    const struct node *n = r.v->def;
    if (!n)
        return;
    if (op_table[n->op].role == ROLE_WEIGHTED) {
        if (!r.exact)
            return;
        w->exact[n->id] = true;
        for (int i = 0; i < n->n_in; i++) {
            const struct value *v = unmoved(n->in[i].value);
            add(w, v, v && v->def && op_table[v->def->op].role == ROLE_WEIGHTED);
        }
    } else if (is_power(n) || passes_on(n)) {
        for (int i = 0; i < n->n_in; i++)
            add(w, n->in[i].value, r.exact || is_power(n));
    }
}

/* Are only whole numbers made of it, such as the number of the level that a box belongs to? */
static bool is_counted(const struct value *v, int most)
{
    value_each_use(v, u) {
        const struct node *n = u->user;
        switch (n->op) {
        case OP_Floor: case OP_Ceil: case OP_Round: break;
        case OP_Cast:
            if (dtype_info(n->out[0]->type.dtype)->is_float)
                return false;
            break;
        case OP_Add: case OP_Sub: case OP_Mul: case OP_Div: case OP_Neg: case OP_Clip:
            if (!most || !is_counted(n->out[0], most - 1))
                return false;
            break;
        default: return false;
        }
    }
    return v->uses != NULL;
}

const bool *place_exact(const struct model *m, struct arena *a)
{
    enum { FAR = 8 };
    struct walk w = {NEW_ARRAY(a, m->n_nodes, bool), NEW_ARRAY(a, m->n_values * 2, bool),
                     NEW_ARRAY(a, m->n_values * 2, struct read), 0};
    int n_graphs;
    struct graph **graph = model_graphs(m, a, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        graph_each(graph[i], n)
            if ((n->op == OP_Log || n->op == OP_ReduceLogSum) && !is_counted(n->out[0], FAR))
                add(&w, node_input(n, 0), true);
    while (w.n_todo)
        follow(&w, w.todo[--w.n_todo]);
    return w.exact;
}
