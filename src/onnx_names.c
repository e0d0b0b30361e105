/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_names: the names in the file. In the graph any value may feed any output; in the file an
 * output is the value of that name. Nothing in the model changes: what is renamed stands in the
 * writer's table.
 */
#include "onnx_proto.h"

#include <string.h>

const char *onnx_value_name(const struct onnx_writer *w, const struct value *v)
{
    return w->name[v->id] ? w->name[v->id] : v->name;
}

const char *onnx_name_fresh(struct onnx_writer *w, const char *stem)
{
    uintptr_t next = (uintptr_t)map_find(&w->fresh, stem);
    const char *name = stem;
    while (map_find(&w->model->names, name) || map_find(&w->fresh, name))
        name = arena_printf(&w->arena, "%s_%lu", stem, (unsigned long)++next);
    map_set(&w->fresh, stem, (void *)next);
    if (name != stem)
        map_set(&w->fresh, name, (void *)(uintptr_t)1);
    return name;
}

/* A value that holds the name of an output without feeding it makes way. */
static void make_way(struct onnx_writer *w, const struct map *wanted, const struct value *v)
{
    if (v && !v->is_input && !w->is_output[v->id] && map_find(wanted, v->name))
        w->name[v->id] = onnx_name_fresh(w, v->name);
}

/* Outputs that already have their value, and those that are a graph input for ever. A body may give
 * out a value from around it, which has its name already, right or not. */
static void find_settled(struct onnx_writer *w, const struct graph *g, struct map *wanted,
                         bool *settled)
{
    struct map inputs = {.arena = &w->arena};
    for (int i = 0; i < g->n_input; i++)
        map_set(&inputs, g->input[i]->name, g->input[i]);
    for (int i = 0; i < g->result->n_in; i++) {
        struct value *v = g->result->in[i].value;
        bool has_name = !strcmp(onnx_value_name(w, v), g->output_name[i]);
        settled[i] = has_name || map_find(&inputs, g->output_name[i]);
        if (has_name)
            map_set(wanted, g->output_name[i], v);
        if (has_name && v->graph == g)
            w->is_output[v->id] = true;
    }
}

struct onnx_joins onnx_outputs_name(struct onnx_writer *w, const struct graph *g)
{
    int n = g->result->n_in;
    struct onnx_joins joins = {NEW_ARRAY(&w->arena, n, struct onnx_join), 0};
    struct map wanted = {.arena = &w->arena};
    bool *settled = NEW_ARRAY(&w->arena, n, bool);
    find_settled(w, g, &wanted, settled);
    for (int i = 0; i < n; i++) {
        struct value *v = g->result->in[i].value;
        const char *name = g->output_name[i];
        if (settled[i] || map_find(&wanted, name))
            continue;
        map_set(&wanted, name, v);
        if (v->def && v->graph == g && !w->is_output[v->id]) {
            w->is_output[v->id] = true;
            w->name[v->id] = name;
        } else {
            joins.at[joins.n++] = (struct onnx_join){v, name};
        }
    }
    for (int i = 0; i < g->n_constant; i++)
        make_way(w, &wanted, g->constant[i]);
    graph_each (g, x)
        for (int k = 0; k < x->n_out; k++)
            make_way(w, &wanted, x->out[k]);
    return joins;
}
