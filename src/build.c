/* SPDX-License-Identifier: Apache-2.0
 *
 * build: new nodes and constants at a cursor, with names that nothing in the model has.
 */
#include "graph.h"
#include "op.h"

#include <stdint.h>

void name_use(struct model *m, const char *name)
{
    if (!map_find(&m->names, name))
        map_set(&m->names, name, (void *)(uintptr_t)1);
}

/* The map holds for each name the next number to try behind it, so a thousand names of one stem
 * cost a thousand look-ups. */
const char *name_fresh(struct model *m, const char *stem)
{
    uintptr_t next = (uintptr_t)map_find(&m->names, stem);
    const char *name = stem;
    while (map_find(&m->names, name))
        name = arena_printf(m->arena, "%s_%lu", stem, (unsigned long)next++);
    if (name != stem)
        map_set(&m->names, stem, (void *)next);
    else
        name = arena_strdup(m->arena, stem);
    name_use(m, name);
    return name;
}

static const char *stem_of(const struct node *n)
{
    if (*n->name)
        return n->name;
    return n->n_out && n->out[0] ? n->out[0]->name : n->type;
}

struct build build_before(struct node *n)
{
    return (struct build){n->graph, node_is_result(n) ? NULL : n, stem_of(n)};
}

struct build build_after(struct node *n)
{
    return (struct build){n->graph, n->next, stem_of(n)};
}

struct node *build_node(struct build *b, enum op op, int n_in, struct value *const *in, int n_out)
{
    struct model *m = b->graph->model;
    const struct op_info *info = &op_table[op];
    struct node *n = node_new(b->graph, info->domain, info->name, n_in, n_out);
    n->name = name_fresh(m, arena_printf(m->arena, "%s_%s", b->stem, info->name));
    for (int i = 0; i < n_in; i++)
        node_set_input(n, i, in[i]);
    for (int i = 0; i < n_out; i++) {
        const char *stem = arena_printf(m->arena, "%s_out", n->name);
        node_set_output(n, i, value_new(b->graph, name_fresh(m, stem)));
    }
    node_insert(n, b->before);
    return n;
}

struct value *build_constant(struct build *b, const char *suffix, const struct tensor *t)
{
    struct model *m = b->graph->model;
    const char *stem = arena_printf(m->arena, "%s_%s", b->stem, suffix);
    return graph_add_constant(b->graph, name_fresh(m, stem), t);
}
