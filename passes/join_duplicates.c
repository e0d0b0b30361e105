/* SPDX-License-Identifier: Apache-2.0
 *
 * join-duplicates: what is computed twice is computed once.
 *
 *     a = f(x), b = f(x)    =>  a = f(x), and a in the place of b
 *
 * The same operator with equal attributes and the same inputs; constants with the same type and the
 * same bytes count as the same. Left alone are random operators, bodies, operators that are not
 * known, and QuantizeLinear and DequantizeLinear: where those stand somebody arranged. Nodes of a
 * body are compared with each other only.
 */
#include "match.h"
#include "op.h"
#include "pass.h"

#include <stdlib.h>
#include <string.h>

enum { LONG_TENSOR = 256 }; /* bytes of an attribute's tensor; longer ones are not compared */

struct join {
    struct value **same; /* by value id: the first constant equal to it; NULL: it is that itself */
    struct arena *scratch;
    int changes;
};

static bool tensors_equal(const struct tensor *a, const struct tensor *b)
{
    return a->dtype == b->dtype && shape_equal(&a->shape, &b->shape) && a->size == b->size
        && (!a->size || !memcmp(a->data, b->data, a->size));
}

/* A few bytes of it decide about where to look; all are compared then. */
static const char *constant_key(struct join *j, const struct tensor *t)
{
    char shape[SHAPE_TEXT];
    struct str s = {0};
    size_t begin = t->size < 16 ? t->size : 16;
    str_printf(&s, "%d %s", (int)t->dtype, shape_text(&t->shape, shape));
    for (size_t i = 0; i < begin; i++)
        str_printf(&s, " %02x%02x", ((unsigned char *)t->data)[i],
                   ((unsigned char *)t->data)[t->size - 1 - i]);
    const char *key = arena_strdup(j->scratch, s.text);
    str_release(&s);
    return key;
}

/* Several constants may begin alike and be different: a list for each key. */
struct alike {
    struct value *first;
    struct alike *next;
};

static void find_constants(struct join *j, const struct graph *g, struct map *known)
{
    for (int i = 0; i < g->n_constant; i++) {
        struct value *v = g->constant[i];
        if (!v->uses || !dtype_info(v->constant->dtype)->bits)
            continue;
        const char *key = constant_key(j, v->constant);
        struct alike *list = map_find(known, key), *a = list;
        while (a && !tensors_equal(a->first->constant, v->constant))
            a = a->next;
        if (a) {
            j->same[v->id] = a->first;
            continue;
        }
        a = NEW(j->scratch, struct alike);
        *a = (struct alike){v, list};
        map_set(known, key, a);
    }
}

static void add_numbers(struct str *s, const void *numbers, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        str_printf(s, "%02x", ((const unsigned char *)numbers)[i]);
}

/* False: it cannot be compared. */
static bool add_attr(struct str *s, const struct attr *a)
{
    str_printf(s, " %s %d ", a->name, (int)a->kind);
    switch (a->kind) {
    case ATTR_FLOAT: add_numbers(s, &a->f, sizeof a->f); return true;
    case ATTR_INT: add_numbers(s, &a->i, sizeof a->i); return true;
    case ATTR_STRING: add_numbers(s, a->s.data, a->s.n); return true;
    case ATTR_FLOATS: add_numbers(s, a->floats, a->n * sizeof *a->floats); return true;
    case ATTR_INTS: add_numbers(s, a->ints, a->n * sizeof *a->ints); return true;
    case ATTR_STRINGS:
        for (size_t i = 0; i < a->n; i++) {
            add_numbers(s, a->strings[i].data, a->strings[i].n);
            str_add(s, ",");
        }
        return true;
    case ATTR_TENSOR: {
        char shape[SHAPE_TEXT];
        if (a->t->size > LONG_TENSOR || !dtype_info(a->t->dtype)->bits)
            return false;
        str_printf(s, "%d %s ", (int)a->t->dtype, shape_text(&a->t->shape, shape));
        add_numbers(s, a->t->data, a->t->size);
        return true;
    }
    default: return false;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct attr *const *)a)->name, (*(const struct attr *const *)b)->name);
}

static bool add_attrs(struct join *j, struct str *s, const struct node *n)
{
    const struct attr **sorted = NEW_ARRAY(j->scratch, n->n_attr, const struct attr *);
    for (int i = 0; i < n->n_attr; i++)
        sorted[i] = &n->attr[i];
    if (n->n_attr)
        qsort(sorted, (size_t)n->n_attr, sizeof *sorted, by_name);
    for (int i = 0; i < n->n_attr; i++)
        if (!add_attr(s, sorted[i]))
            return false;
    return true;
}

static bool may_be_joined(const struct node *n)
{
    return n->op != OP_OTHER && !(op_table[n->op].flags & OP_RANDOM) && n->op != OP_QuantizeLinear
        && n->op != OP_DequantizeLinear && n->op != OP_MsQuantizeLinear
        && n->op != OP_MsDequantizeLinear && n->op != OP_Dropout;
}

/* The same number for inputs that are the same; -1: left out. */
static int input_id(const struct join *j, const struct node *n, int slot)
{
    const struct value *v = n->in[slot].value;
    return !v ? -1 : j->same[v->id] ? j->same[v->id]->id : v->id;
}

/* What the node computes, as text; NULL: it cannot be compared. */
static const char *node_key(struct join *j, const struct node *n)
{
    struct str s = {0};
    const char *key = NULL;
    str_printf(&s, "%d %d", (int)n->op, n->n_out);
    bool commutes = op_table[n->op].flags & OP_COMMUTES && n->n_in == 2;
    bool turn = commutes && input_id(j, n, 0) > input_id(j, n, 1);
    for (int i = 0; i < n->n_in; i++)
        str_printf(&s, " %d", input_id(j, n, turn ? !i : i));
    if (add_attrs(j, &s, n))
        key = arena_strdup(j->scratch, s.text);
    str_release(&s);
    return key;
}

/* Each result of the first node that the second has as well takes its readers. */
static bool join_nodes(struct node *first, struct node *n)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && n->out[i]->uses && !first->out[i])
            return false;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && n->out[i]->uses)
            value_replace(n->out[i], first->out[i]);
    node_remove(n);
    return true;
}

static void join_graph(struct join *j, struct graph *g)
{
    struct map nodes = {.arena = j->scratch};
    graph_each(g, n) {
        for (int i = 0; i < n->n_attr; i++) {
            if (n->attr[i].kind == ATTR_GRAPH)
                join_graph(j, n->attr[i].g);
            for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n; k++)
                join_graph(j, n->attr[i].graphs[k]);
        }
        const char *key = may_be_joined(n) ? node_key(j, n) : NULL;
        struct node *first = key ? map_find(&nodes, key) : NULL;
        if (first)
            j->changes += join_nodes(first, n);
        else if (key)
            map_set(&nodes, key, n);
    }
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    struct join j = {.scratch = ctx->scratch};
    struct map constants = {.arena = ctx->scratch};
    j.same = NEW_ARRAY(ctx->scratch, m->n_values, struct value *);
    find_constants(&j, m->graph, &constants);
    join_graph(&j, m->graph);
    graph_sweep(m->graph);
    return j.changes;
}

const struct pass pass_join_duplicates = {
    .name = "join-duplicates",
    .summary = "compute once what is computed twice",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
