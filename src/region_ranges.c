/* SPDX-License-Identifier: Apache-2.0
 *
 * region_ranges: an observer that serves the whole best may cut off what one layer needs. A region
 * that adds much is measured alone with the ranges of the others as well.
 */
#include "region_trial.h"

#include "quant.h"
#include "solve.h"

#include <string.h>

/* Slots of the calibration, by value id of the clone; -1: none. Values with one quant share it. */
static void find_slots(struct trial *t)
{
    const struct model *m = t->lane->clone;
    const struct calibration *c = t->look.calibration;
    int n_slots = 0;
    t->slot = NEW_ARRAY(t->a, m->n_values, int);
    memset(t->slot, -1, (size_t)m->n_values * sizeof *t->slot);
    t->quant = NEW_ARRAY(t->a, m->n_values, struct quant *);
    int n = 0;
    const struct value **value = NEW_ARRAY(t->a, m->n_values, const struct value *);
    for (int i = 0; i < m->graph->n_input; i++)
        value[n++] = m->graph->input[i];
    graph_each(m->graph, node)
        for (int i = 0; i < node->n_out; i++)
            if (node->out[i])
                value[n++] = node->out[i];
    for (int i = 0; i < n; i++) {
        int slot = calibration_slot(c, value[i]);
        if (slot < 0)
            continue;
        t->quant[slot] = value[i]->quant;
        n_slots = slot < n_slots ? n_slots : slot + 1;
    }
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n_slots && value[i]->quant; k++)
            if (t->quant[k] == value[i]->quant)
                t->slot[value[i]->id] = k;
}

/* What is rounded as the layers are now, and has a range that may be another; returns how many. */
static int rounded_slots(const struct trial *t, int *slot)
{
    int n = 0;
    graph_each(t->lane->clone->graph, node)
        for (int i = 0; i < node->n_in; i++) {
            const struct value *v = node->in[i].value;
            if (!v || v->constant || !v->quant || node->in[i].plain)
                continue;
            int at = t->slot[v->id];
            for (int k = 0; k < t->out->n_ranged && at >= 0; k++)
                at = t->out->ranged[k].slot == at ? -1 : at;
            for (int k = 0; k < n && at >= 0; k++)
                at = slot[k] == at ? -1 : at;
            if (at >= 0)
                slot[n++] = at;
        }
    return n;
}

static void set_ranges(struct trial *t, const int *slot, int n, const struct range *range)
{
    for (int i = 0; i < n; i++)
        t->quant[slot[i]]->range[0] = range[slot[i]];
    solve_ranges(t->lane->clone);
}

static bool are_same(const struct range *a, const struct range *b, const int *slot, int n)
{
    bool same = true;
    for (int i = 0; i < n; i++)
        same &= a[slot[i]].lo == b[slot[i]].lo && a[slot[i]].hi == b[slot[i]].hi;
    return same;
}

/* The observer with whose ranges the region adds least, if that is much less. */
static int range_alone(const struct alone *k, int lane, struct region *r, struct err *err)
{
    static const double less = 0.8;
    struct trial *t = region_trial(k);
    int *slot = NEW_ARRAY(t->a, t->lane->clone->n_values, int);
    const struct range *best = t->was;
    double noise = r->noise;
    region_set(t->lane, r, false);
    lane_set(t->lane);
    int n = rounded_slots(t, slot);
    for (int i = 0; i < n; i++)
        t->was[slot[i]] = t->quant[slot[i]]->range[0];
    for (int o = 0; o < N_OBSERVERS; o++) {
        const struct range *range = calibration_ranges(t->look.calibration, &observer_table[o]);
        if (observer_table[o].only_by_name || are_same(range, t->was, slot, n))
            continue;
        set_ranges(t, slot, n, range);
        TRY(region_measure(k, lane, r, err));
        if (r->noise < noise * less) {
            noise = r->noise;
            best = range;
        }
    }
    set_ranges(t, slot, n, best);
    r->noise = noise;
    for (int i = 0; i < n && best != t->was; i++)
        t->out->ranged[t->out->n_ranged++] = (struct ranged){slot[i], best[slot[i]]};
    return 0;
}

int region_choose_ranges(struct trial *t, struct err *err)
{
    if (!t->look.calibration)
        return 0;
    find_slots(t);
    t->was = NEW_ARRAY(t->a, t->lane->clone->n_values, struct range);
    t->out->ranged = NEW_ARRAY(t->a, t->lane->clone->n_values, struct ranged);
    return region_each_alone(t, range_alone, err);
}

void region_restore_ranges(struct trial *t)
{
    for (int i = 0; i < t->out->n_ranged; i++) {
        int slot = t->out->ranged[i].slot;
        t->quant[slot]->range[0] = t->was[slot];
    }
    solve_ranges(t->lane->clone);
    t->out->n_ranged = 0;
}
