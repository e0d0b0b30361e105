/* SPDX-License-Identifier: Apache-2.0
 *
 * sweep: constants are compared by where their data lies, since several may share it.
 */
#include "sweep.h"

#include "vec.h"

enum { LEAST = 128 << 10 }; /* smaller pieces have no memory of their own */

struct list {
    VEC(struct sweep_piece) pieces;
    struct arena *arena;
};

static void note_tensor(struct list *l, const struct tensor *t)
{
    if (dtype_is_sequence(t->dtype)) {
        const struct tensor *element = t->data;
        for (int64_t i = 0; i < tensor_count(t); i++)
            note_tensor(l, &element[i]);
    } else if (t->size >= LEAST) {
        *vec_add(&l->pieces, l->arena) = (struct sweep_piece){t->data, t->size};
    }
}

static void note_graph(struct list *l, const struct graph *g);

static void note_attr(struct list *l, const struct attr *a)
{
    if (a->kind == ATTR_TENSOR && a->t)
        note_tensor(l, a->t);
    for (size_t i = 0; a->kind == ATTR_TENSORS && i < a->n; i++)
        note_tensor(l, a->tensors[i]);
    if (a->kind == ATTR_GRAPH)
        note_graph(l, a->g);
    for (size_t i = 0; a->kind == ATTR_GRAPHS && i < a->n; i++)
        note_graph(l, a->graphs[i]);
}

static void note_graph(struct list *l, const struct graph *g)
{
    for (int i = 0; i < g->n_constant; i++)
        if (g->constant[i]->constant)
            note_tensor(l, g->constant[i]->constant);
    graph_each(g, n)
        for (int i = 0; i < n->n_attr; i++)
            note_attr(l, &n->attr[i]);
}

struct sweep sweep_note(const struct model *m, struct arena *a)
{
    struct list l = {.arena = a};
    note_graph(&l, m->graph);
    for (int i = 0; i < m->n_functions; i++) {
        if (m->function[i].body)
            note_graph(&l, m->function[i].body);
        for (int k = 0; k < m->function[i].n_otherwise; k++)
            note_attr(&l, &m->function[i].otherwise[k]);
    }
    return (struct sweep){l.pieces.at, l.pieces.n};
}

static bool is_used(const struct sweep *now, const char *at, size_t size)
{
    for (int i = 0; i < now->n; i++)
        if (now->piece[i].at < at + size && at < now->piece[i].at + now->piece[i].size)
            return true;
    return false;
}

void sweep_constants(struct model *m)
{
    struct arena scratch = {0};
    int n_graphs;
    struct graph **graph = model_graphs(m, &scratch, &n_graphs);
    for (int k = 0; k < n_graphs; k++) {
        struct graph *g = graph[k];
        int kept = 0;
        for (int i = 0; i < g->n_constant; i++)
            if (g->constant[i]->uses || g->constant[i]->is_input)
                g->constant[kept++] = g->constant[i];
        g->n_constant = kept;
    }
    arena_release(&scratch);
}

void sweep_up(struct model *m, const struct sweep *before)
{
    sweep_constants(m);
    struct arena scratch = {0};
    struct sweep now = sweep_note(m, &scratch);
    for (int i = 0; i < before->n; i++) {
        const char *at = before->piece[i].at;
        size_t size = arena_piece(m->arena, at);
        if (size && !is_used(&now, at, size))
            arena_drop(m->arena, at);
    }
    arena_release(&scratch);
}
