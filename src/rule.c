/* SPDX-License-Identifier: Apache-2.0
 *
 * rule: which nodes a rule names.
 */
#include "rule.h"

#include "str.h"

#include <string.h>

const char *const rule_extents[] = {[RULE_ALL] = "all", [RULE_WEIGHTS] = "weights",
                                    [RULE_DYNAMIC] = "dynamic", [RULE_NONE] = "none"};

const char *node_name(const struct node *n)
{
    return *n->name || !n->n_out || !n->out[0] ? n->name : n->out[0]->name;
}

bool rule_names(const char *patterns, const char *name)
{
    struct str p = {0};
    bool found = false;
    for (const char *s = patterns; *s && !found; s += strcspn(s, ","), s += *s == ',') {
        p.n = 0;
        str_add_n(&p, s, strcspn(s, ","));
        found = str_glob(p.text, name);
    }
    str_release(&p);
    return found;
}

static bool has_operator(const char *list, const char *type)
{
    size_t n = strlen(type);
    for (const char *s = list; *s; s += strcspn(s, " "), s += *s == ' ')
        if (strcspn(s, " ") == n && !memcmp(s, type, n))
            return true;
    return false;
}

/* The nodes of a body lie where the node lies that holds it. */
static void mark_bodies(const struct node *n, bool *in)
{
    const struct graph *body;
    for (int k = 0; (body = node_body(n, k)); k++)
        for (const struct node *b = body->first; b; b = b->next) {
            in[b->id] = true;
            mark_bodies(b, in);
        }
}

struct region {
    bool *behind, *before; /* by id of nodes: behind `from`, before `to`, both with these */
};

/* Nodes of one graph, in order, behind what fits `from`. */
static void spread_down(const struct graph *g, const char *from, bool *behind)
{
    for (const struct node *n = g->first; n; n = n->next) {
        bool found = behind[n->id] || rule_names(from, node_name(n));
        for (int i = 0; i < n->n_in && !found; i++) {
            const struct value *v = node_input(n, i);
            found = v && v->def && behind[v->def->id];
        }
        behind[n->id] = found;
        if (found)
            mark_bodies(n, behind);
    }
}

static bool is_read_before(const struct node *n, const bool *before)
{
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i])
            continue;
        value_each_use(n->out[i], u)
            if (!node_is_result(u->user) && before[u->user->id])
                return true;
    }
    return false;
}

static void spread_up(const struct graph *g, const char *to, bool *before)
{
    for (const struct node *n = g->last; n; n = n->prev) {
        if (!before[n->id] && !rule_names(to, node_name(n)) && !is_read_before(n, before))
            continue;
        before[n->id] = true;
        mark_bodies(n, before);
    }
}

static struct region find_region(const struct rule *r, struct graph *const *graph, int n_graphs,
                                 int n_nodes, struct arena *a)
{
    struct region s = {0};
    if (r->from)
        s.behind = NEW_ARRAY(a, n_nodes, bool);
    if (r->to)
        s.before = NEW_ARRAY(a, n_nodes, bool);
    for (int i = 0; r->from && i < n_graphs; i++)
        spread_down(graph[i], r->from, s.behind);
    for (int i = n_graphs - 1; r->to && i >= 0; i--) /* bodies first: they read outer values */
        spread_up(graph[i], r->to, s.before);
    return s;
}

static bool rule_fits(const struct rule *r, const struct region *s, const struct node *n)
{
    return (!r->nodes || rule_names(r->nodes, node_name(n)))
        && (!r->operators || has_operator(r->operators, n->type))
        && (!s->behind || s->behind[n->id]) && (!s->before || s->before[n->id]);
}

bool rule_fits_any(const struct rule *r, const struct model *m, struct arena *scratch)
{
    int n_graphs;
    struct graph **graph = model_graphs(m, scratch, &n_graphs);
    struct region s = find_region(r, graph, n_graphs, m->n_nodes, scratch);
    for (int k = 0; k < n_graphs; k++)
        for (const struct node *n = graph[k]->first; n; n = n->next)
            if (rule_fits(r, &s, n))
                return true;
    return false;
}

static void apply(const struct rule *r, const char *why, struct node_rule *to)
{
    if (r->extent != RULE_OPEN) {
        to->why_float = r->extent == RULE_NONE ? why : NULL;
        to->weights_only = r->extent == RULE_WEIGHTS;
        to->all = r->extent == RULE_ALL;
        to->dynamic = r->extent == RULE_DYNAMIC;
    }
    if (r->weights)
        to->weight = &r->weight;
    if (r->activations && r->extent == RULE_DYNAMIC)
        to->rows = r->activation.rows;
    else if (r->activations)
        to->activation = &r->activation;
}

const struct node_rule *rules_resolve(const struct rules *r, const char *skip,
                                      const struct model *m, struct arena *a)
{
    struct node_rule *list = NEW_ARRAY(a, m->n_nodes, struct node_rule);
    int n_graphs;
    struct graph **graph = model_graphs(m, a, &n_graphs);
    for (int i = 0; r && i < r->n; i++) {
        const struct rule *rule = &r->at[i];
        struct region s = find_region(rule, graph, n_graphs, m->n_nodes, a);
        const char *why = arena_printf(a, "excluded by %s", rule->where);
        for (int k = 0; k < n_graphs; k++)
            graph_each(graph[k], n)
                if (rule_fits(rule, &s, n))
                    apply(rule, why, &list[n->id]);
    }
    for (int k = 0; skip && k < n_graphs; k++)
        graph_each(graph[k], n)
            if (rule_names(skip, n->name))
                list[n->id].why_float = "excluded by --skip-node";
    return list;
}
