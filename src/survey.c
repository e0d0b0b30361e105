/* SPDX-License-Identifier: Apache-2.0
 *
 * survey: one walk over all graphs of a model.
 */
#include "survey.h"

#include "op.h"
#include "quantized.h"

#include <string.h>

static void add_missing(struct survey *s, const struct node *n, struct arena *a)
{
    for (int i = 0; i < s->missing.n; i++) {
        struct survey_op *op = &s->missing.at[i];
        if (!strcmp(op->type, n->type) && !strcmp(op->domain, n->domain)) {
            op->count++;
            return;
        }
    }
    *vec_add(&s->missing, a) =
        (struct survey_op){n->domain, n->type, n->op != OP_OTHER, 1, n};
}

static void survey_graph(struct survey *s, const struct graph *g, struct arena *a)
{
    for (const struct node *n = g->first; n; n = n->next) {
        s->n_nodes++;
        if (!op_runs(n->op))
            add_missing(s, n, a);
        if (node_is_quantized(n)) {
            s->quantized = s->quantized ? s->quantized : n;
            s->n_quantized++;
        }
        for (int i = 0; i < n->n_attr; i++) {
            const struct attr *t = &n->attr[i];
            if (t->kind == ATTR_GRAPH)
                survey_graph(s, t->g, a);
            for (size_t k = 0; t->kind == ATTR_GRAPHS && k < t->n; k++)
                survey_graph(s, t->graphs[k], a);
        }
    }
}

void survey_take(struct survey *s, const struct model *m, struct arena *a)
{
    *s = (struct survey){0};
    survey_graph(s, m->graph, a);
}
