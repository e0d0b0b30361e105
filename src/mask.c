/* SPDX-License-Identifier: Apache-2.0
 *
 * mask: the marks are put back as they were, then those of the layers that are off are set, then
 * those of operators that would move codes which nobody reads.
 */
#include "mask.h"

#include "op.h"
#include "vec.h"

struct mark {
    struct use *use;
    bool plain;
};

struct mask {
    struct model *model;
    const struct placement *p;
    const struct target *target;
    VEC(struct mark) mark; /* uses of values that have quants */
    int *output_of;        /* by value id: the layer whose rounded output it is for all, or -1 */
    const bool *off;
};

static void save_marks(struct mask *k, struct arena *a, struct value *v)
{
    if (!v || !v->quant)
        return;
    value_each_use(v, u)
        *vec_add(&k->mark, a) = (struct mark){u, u->plain};
}

static void note_output(struct mask *k, const struct value *v, int layer)
{
    bool all = v->quant != NULL;
    value_each_use(v, u)
        all = all && !u->plain;
    if (all)
        k->output_of[v->id] = layer;
}

struct mask *mask_open(struct model *m, const struct placement *p, const struct target *t,
                       struct arena *a)
{
    struct mask *k = NEW(a, struct mask);
    *k = (struct mask){.model = m, .p = p, .target = t};
    k->output_of = NEW_ARRAY(a, m->n_values, int);
    int n_graphs;
    struct graph **graph = model_graphs(m, a, &n_graphs);
    for (int g = 0; g < n_graphs; g++) {
        for (int i = 0; i < graph[g]->n_input; i++)
            if (!graph[g]->input[i]->constant)
                save_marks(k, a, graph[g]->input[i]);
        for (int i = 0; i < graph[g]->n_constant; i++)
            save_marks(k, a, graph[g]->constant[i]);
        graph_each(graph[g], n)
            for (int i = 0; i < n->n_out; i++)
                save_marks(k, a, n->out[i]);
    }
    for (int i = 0; i < m->n_values; i++)
        k->output_of[i] = -1;
    for (int i = 0; i < p->n_layer; i++) {
        note_output(k, p->layer[i].node->out[0], i);
        note_output(k, p->layer[i].sum, i);
        note_output(k, p->layer[i].output, i);
    }
    return k;
}

/* Does the use's node compute on codes, or move them? */
static bool is_on_codes(const struct mask *k, const struct use *u)
{
    const struct node *n = u->user;
    struct op_weight w;
    if (node_is_result(n))
        return false;
    if (target_rule(k->target, n) == TARGET_CODES)
        return true;
    if (k->target->unit_rule != UNITS_NEVER && target_is_unit(k->target, n))
        return true;
    return op_weight(n, &w) && u == &n->in[0] && node_input(n, w.slot)->quant
        && !n->in[w.slot].plain;
}

/* Is the output of the layer rounded, for its own sake or for a reader's? */
static bool gives_codes(const struct mask *k, int layer, const struct value *v)
{
    if (k->off[layer])
        return false;
    if (target_wants_output(k->target, k->p->layer[layer].node))
        return true;
    value_each_use(v, u)
        if (!u->plain && is_on_codes(k, u))
            return true;
    return false;
}

/* Does v hold what a layer that is on gives, maybe moved? */
static bool is_held(const struct mask *k, const struct value *v)
{
    for (;;) {
        int layer = k->output_of[v->id];
        if (layer >= 0)
            return gives_codes(k, layer, v);
        const struct node *n = v->def;
        if (!n || target_rule(k->target, n) != TARGET_CODES || !node_input(n, 0)->quant
            || n->in[0].plain)
            return false;
        v = node_input(n, 0);
    }
}

static void constants_off(const struct qlayer *l)
{
    l->node->in[l->weight_slot].plain = true;
    if (l->bias_node)
        l->bias_node->in[l->bias_slot].plain = true;
}

static void input_off(const struct mask *k, const struct qlayer *l)
{
    if (l->input->quant && !is_held(k, l->input))
        l->node->in[0].plain = true;
}

static void output_off(const struct mask *k, const struct value *v)
{
    if (!v->quant || k->output_of[v->id] < 0)
        return;
    value_each_use(v, u)
        u->plain = u->plain || !is_on_codes(k, u);
}

static bool is_wanted(const struct value *v)
{
    value_each_use(v, u)
        if (!u->plain)
            return true;
    return false;
}

/* From the last to the first, bodies before what is around them: a reader is known before what it
 * reads. */
static void stop_movers(const struct mask *k, struct graph *g)
{
    for (struct node *n = g->last; n; n = n->prev) {
        const struct value *in = node_input(n, 0);
        if (target_rule(k->target, n) != TARGET_CODES || !in || in->constant || !in->quant
            || n->in[0].plain || is_held(k, in))
            continue;
        bool wanted = false;
        for (int i = 0; i < n->n_out; i++)
            wanted = wanted || (n->out[i] && n->out[i]->quant && is_wanted(n->out[i]));
        n->in[0].plain = !wanted;
    }
}

void mask_set(struct mask *k, const bool *off)
{
    struct arena scratch = {0};
    k->off = off;
    for (int i = 0; i < k->mark.n; i++)
        k->mark.at[i].use->plain = k->mark.at[i].plain;
    bool any = false;
    for (int i = 0; i < k->p->n_layer; i++)
        if (off[i]) {
            constants_off(&k->p->layer[i]);
            any = true;
        }
    for (int i = 0; i < k->p->n_layer; i++)
        if (off[i])
            input_off(k, &k->p->layer[i]);
    for (int i = 0; i < k->p->n_layer; i++)
        if (off[i]) {
            output_off(k, k->p->layer[i].node->out[0]);
            output_off(k, k->p->layer[i].sum);
            output_off(k, k->p->layer[i].output);
        }
    int n_graphs;
    struct graph **graph = model_graphs(k->model, &scratch, &n_graphs);
    for (int i = n_graphs - 1; i >= 0 && any; i--)
        stop_movers(k, graph[i]);
    arena_release(&scratch);
}
