/* SPDX-License-Identifier: Apache-2.0
 *
 * summary: one walk over all graphs, counting.
 */
#include "summary.h"

#include "spell.h"
#include "vec.h"

#include <stdlib.h>
#include <string.h>

/* One operator and how often it occurs. */
struct kind {
    const struct node *node;
    int count;
};
struct summary {
    struct arena scratch;
    struct map kinds; /* from "domain.type" */
    VEC(struct kind *) list;
    int nodes, bodies;
    int64_t parameters;
    size_t bytes;
};

static void summary_add(struct summary *s, const struct graph *g)
{
    for (int i = 0; i < g->n_constant; i++) {
        s->parameters += tensor_count(g->constant[i]->constant);
        s->bytes += g->constant[i]->constant->size;
    }
    for (const struct node *n = g->first; n; n = n->next, s->nodes++) {
        const char *key = arena_printf(&s->scratch, "%s.%s", n->domain, n->type);
        struct kind *k = map_find(&s->kinds, key);
        if (!k) {
            k = NEW(&s->scratch, struct kind);
            k->node = n;
            *vec_add(&s->list, &s->scratch) = k;
            map_set(&s->kinds, key, k);
        }
        k->count++;
        for (int i = 0; i < n->n_attr; i++) {
            size_t count = n->attr[i].kind == ATTR_GRAPHS ? n->attr[i].n : 0;
            if (n->attr[i].kind == ATTR_GRAPH)
                summary_add(s, n->attr[i].g);
            for (size_t b = 0; b < count; b++)
                summary_add(s, n->attr[i].graphs[b]);
            s->bodies += (int)count + (n->attr[i].kind == ATTR_GRAPH);
        }
    }
}

/* The frequent ones first, then by name. */
static int compare_kinds(const void *a, const void *b)
{
    const struct kind *x = *(struct kind *const *)a, *y = *(struct kind *const *)b;
    return x->count != y->count ? y->count - x->count : strcmp(x->node->type, y->node->type);
}

void summary_print(const struct model *m, FILE *f)
{
    const struct graph *g = m->graph;
    char type[TYPE_TEXT];
    struct summary s = {0};
    s.kinds.arena = &s.scratch;
    summary_add(&s, g);
    for (int i = 0; i < g->n_input; i++)
        if (value_is_fed(g->input[i]))
            fprintf(f, "input       %-24s %s\n", spell_type(&g->input[i]->type, type),
                    g->input[i]->name);
    for (int i = 0; i < g->result->n_in; i++)
        fprintf(f, "output      %-24s %s\n",
                spell_type(&g->result->in[i].value->type, type), g->output_name[i]);
    fprintf(f, "parameters  %lld in %.1f MB\n", (long long)s.parameters,
            (double)s.bytes / 1e6);
    fprintf(f, s.bodies ? "nodes       %d, with those of %d subgraphs\n" : "nodes       %d\n",
            s.nodes, s.bodies);
    if (s.list.n)
        qsort(s.list.at, (size_t)s.list.n, sizeof *s.list.at, compare_kinds);
    for (int i = 0; i < s.list.n; i++) {
        const struct node *n = s.list.at[i]->node;
        fprintf(f, "  %8d  %s%s%s%s\n", s.list.at[i]->count, n->domain,
                *n->domain ? "." : "", n->type,
                n->op == OP_OTHER ? "  (unknown to quern: kept as it is)" : "");
    }
    arena_release(&s.scratch);
}
