/* SPDX-License-Identifier: Apache-2.0
 *
 * region_lane: ids of a clone's values are those of the model, and so a bias that no node reads at
 * the moment is found among the constants.
 */
#include "region_lane.h"

static struct lane *lane_of(struct model *clone, const struct target *t, struct arena *a)
{
    struct lane *l = NEW(a, struct lane);
    l->clone = clone;
    place_find_layers(clone, a, &l->p);
    int n = l->p.n_layer;
    l->mask = mask_open(clone, &l->p, t, a);
    l->off = NEW_ARRAY(a, n, bool);
    l->own = NEW_ARRAY(a, n, struct value *);
    l->shifted = NEW_ARRAY(a, n, struct value *);
    l->weight = NEW_ARRAY(a, n, const struct tensor *);
    l->rounded = NEW_ARRAY(a, n, const struct tensor *);
    return l;
}

struct lane *lane_open(const struct model *m, const struct target *t, struct arena *a)
{
    struct lane *l = lane_of(model_clone(m), t, a);
    for (int i = 0; i < l->p.n_layer; i++) {
        l->own[i] = qlayer_bias(&l->p.layer[i]);
        l->weight[i] = qlayer_weight(&l->p.layer[i])->constant;
    }
    return l;
}

struct lane *lane_copy(const struct lane *l, const struct target *t, struct arena *a)
{
    struct lane *to = lane_of(model_clone(l->clone), t, a);
    struct value **constant = NEW_ARRAY(a, to->clone->n_values, struct value *);
    int n_graphs;
    struct graph **graph = model_graphs(to->clone, a, &n_graphs);
    for (int g = 0; g < n_graphs; g++)
        for (int i = 0; i < graph[g]->n_constant; i++)
            constant[graph[g]->constant[i]->id] = graph[g]->constant[i];
    for (int i = 0; i < to->p.n_layer; i++) {
        to->own[i] = l->own[i] ? constant[l->own[i]->id] : NULL;
        to->shifted[i] = l->shifted[i] ? constant[l->shifted[i]->id] : NULL;
        to->weight[i] = l->weight[i];
        to->rounded[i] = l->rounded[i];
    }
    return to;
}

void lane_close(struct lane *l)
{
    model_close(l->clone);
}

void lane_set(struct lane *l)
{
    for (int i = 0; i < l->p.n_layer; i++) {
        const struct qlayer *q = &l->p.layer[i];
        if (l->own[i] != l->shifted[i])
            node_set_input(q->bias_node, q->bias_slot, l->off[i] ? l->own[i] : l->shifted[i]);
        qlayer_weight(q)->constant = l->off[i] ? l->weight[i] : l->rounded[i];
    }
    mask_set(l->mask, l->off);
}

void lane_set_all(struct lane *l, bool off)
{
    for (int i = 0; i < l->p.n_layer; i++)
        l->off[i] = off;
    lane_set(l);
}
