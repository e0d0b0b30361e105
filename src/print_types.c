/* SPDX-License-Identifier: Apache-2.0
 *
 * print_types: a table of types instead of the graph.
 */
#include "print.h"
#include "spell.h"
#include "str.h"

static void print_value(FILE *f, const char *place, const struct value *v)
{
    char type[TYPE_TEXT];
    if (v)
        fprintf(f, "%s\t%s\t%s\n", place, v->name, spell_type(&v->type, type));
}

static void print_graph(FILE *f, const char *place, const struct graph *g);

static void print_body(FILE *f, const char *place, const struct node *n, const char *attr,
                       const struct graph *body)
{
    struct str inner = {0};
    str_printf(&inner, "%s%s%s:%s", place, *place ? "/" : "",
               n->n_out && n->out[0] ? n->out[0]->name : n->name, attr);
    print_graph(f, inner.text, body);
    str_release(&inner);
}

static void print_graph(FILE *f, const char *place, const struct graph *g)
{
    for (int i = 0; i < g->n_input; i++)
        print_value(f, place, g->input[i]);
    for (int i = 0; i < g->n_constant; i++)
        print_value(f, place, g->constant[i]);
    for (const struct node *n = g->first; n; n = n->next) {
        for (int i = 0; i < n->n_out; i++)
            print_value(f, place, n->out[i]);
        for (int i = 0; i < n->n_attr; i++) {
            const struct attr *a = &n->attr[i];
            if (a->kind == ATTR_GRAPH)
                print_body(f, place, n, a->name, a->g);
            for (size_t k = 0; a->kind == ATTR_GRAPHS && k < a->n; k++)
                print_body(f, place, n, a->name, a->graphs[k]);
        }
    }
}

void model_print_types(const struct model *m, FILE *f)
{
    print_graph(f, "", m->graph);
}
