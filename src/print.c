/* SPDX-License-Identifier: Apache-2.0
 *
 * print: graphs, nodes and what values carry, as text. A line is put together from pieces that are
 * never broken; a piece that does not fit starts the next line.
 */
#include "print.h"

#include "spell.h"
#include "summary.h"

#include <string.h>

enum {
    WIDTH = 100,       /* columns where the options name none */
    TYPE_COLUMN = 28,  /* the column of types is at most so wide */
    CONTINUED = 4,     /* how much deeper a line goes on */
    INPUTS_SHOWN = 24, /* inputs or outputs before they are cut */
};

struct printer {
    FILE *f;
    const struct model *model;
    const struct print_options *options;
    int width, column;
    int indent; /* of the current line; its continuation lies deeper */
};

static void print_text(struct printer *p, const char *text)
{
    fputs(text, p->f);
    p->column += (int)strlen(text);
}

static void print_pad(struct printer *p, int column)
{
    for (; p->column < column; p->column++)
        fputc(' ', p->f);
}

static void print_newline(struct printer *p)
{
    fputc('\n', p->f);
    p->column = 0;
}

/* A piece begins with the space that parts it from the piece before. */
static void print_piece(struct printer *p, const char *text)
{
    if (p->column > p->indent + CONTINUED && p->column + (int)strlen(text) > p->width) {
        print_newline(p);
        print_pad(p, p->indent + CONTINUED);
        text += *text == ' ';
    }
    print_text(p, text);
}

/* Pieces "a," " b," " c)": one for each name, cut where there are very many. */
struct list {
    struct printer *printer;
    const char *open, *close;
    int n, shown;
};

static struct list list_begin(struct printer *p, const char *open, int n, const char *close)
{
    if (!n) {
        print_text(p, open);
        print_text(p, close);
    }
    return (struct list){p, open, close, n, 0};
}

static bool list_item(struct list *l, const char *text)
{
    struct str piece = {0};
    bool cut = l->shown == INPUTS_SHOWN && l->n > INPUTS_SHOWN + 1;
    str_add(&piece, l->shown ? " " : l->open);
    if (cut)
        str_printf(&piece, "... %d more", l->n - l->shown);
    else
        str_add(&piece, text);
    l->shown++;
    str_add(&piece, cut || l->shown == l->n ? l->close : ",");
    print_piece(l->printer, piece.text);
    str_release(&piece);
    return !cut;
}

static void print_typed(struct list *l, const struct value *v, const char *name)
{
    char type[TYPE_TEXT];
    struct str s = {0};
    str_printf(&s, "%s %s", spell_type(&v->type, type), name ? name : v->name);
    if (name && strcmp(name, v->name))
        str_printf(&s, " = %s", v->name);
    list_item(l, s.text);
    str_release(&s);
}

static void print_signature(struct printer *p, const struct graph *g)
{
    const struct node *r = g->result;
    print_text(p, *g->name ? g->name : "graph");
    int fed = 0;
    for (int i = 0; i < g->n_input; i++)
        fed += value_is_fed(g->input[i]);
    struct list in = list_begin(p, " (", fed, ")");
    for (int i = 0; i < g->n_input; i++)
        if (value_is_fed(g->input[i]))
            print_typed(&in, g->input[i], NULL);
    struct list out = list_begin(p, " => (", r->n_in, ")");
    for (int i = 0; i < r->n_in; i++)
        print_typed(&out, r->in[i].value, g->output_name[i]);
    print_newline(p);
}

/* A line of its own, for values that carry a quant. */
static void print_quant(struct printer *p, const struct value *v, int column)
{
    if (!v->quant)
        return;
    struct str s = {0};
    str_printf(&s, "# %s: ", v->name);
    spell_quant(&s, v->quant);
    print_pad(p, column);
    print_text(p, s.text);
    print_newline(p);
    str_release(&s);
}

static bool graph_matches(const struct print_options *o, const struct graph *g);

/* A node is shown for its own sake, or for what is in its bodies. */
static bool node_matches(const struct print_options *o, const struct node *n)
{
    if (!o->pattern || str_glob(o->pattern, n->name) || str_glob(o->pattern, n->type))
        return true;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && str_glob(o->pattern, n->out[i]->name))
            return true;
    for (int i = 0; i < n->n_attr; i++) {
        const struct attr *a = &n->attr[i];
        if (a->kind == ATTR_GRAPH && graph_matches(o, a->g))
            return true;
        for (size_t k = 0; a->kind == ATTR_GRAPHS && k < a->n; k++)
            if (graph_matches(o, a->graphs[k]))
                return true;
    }
    return false;
}

static bool graph_matches(const struct print_options *o, const struct graph *g)
{
    for (const struct node *n = g->first; n; n = n->next)
        if (node_matches(o, n))
            return true;
    return false;
}

static bool constant_is_shown(const struct print_options *o, const struct value *v)
{
    if (o->hide_constants)
        return false;
    if (!o->pattern)
        return true;
    value_each_use(v, u)
        if (!node_is_result(u->user) && node_matches(o, u->user))
            return true;
    return false;
}

static int wider(int column, const struct tensor *type)
{
    char text[TYPE_TEXT];
    int n = (int)strlen(spell_type(type, text));
    return n > TYPE_COLUMN ? TYPE_COLUMN : n > column ? n : column;
}

static void print_constant(struct printer *p, const struct value *v, int indent, int column)
{
    char type[TYPE_TEXT];
    struct str data = {0};
    spell_data(&data, v->constant);
    print_pad(p, indent);
    print_text(p, spell_type(&v->type, type));
    print_pad(p, indent + column);
    print_text(p, "  ");
    print_text(p, v->name);
    if (data.n) {
        print_text(p, " = ");
        print_text(p, data.text);
    }
    print_newline(p);
    print_quant(p, v, indent + column + 2);
    str_release(&data);
}

static void print_constants(struct printer *p, const struct graph *g, int indent)
{
    int column = 0, shown = 0;
    for (int i = 0; i < g->n_constant; i++)
        if (constant_is_shown(p->options, g->constant[i])) {
            column = wider(column, &g->constant[i]->type);
            shown++;
        }
    if (!shown)
        return;
    print_pad(p, indent);
    print_text(p, "<");
    print_newline(p);
    for (int i = 0; i < g->n_constant; i++)
        if (constant_is_shown(p->options, g->constant[i]))
            print_constant(p, g->constant[i], indent + 2, column);
    print_pad(p, indent);
    print_text(p, ">");
    print_newline(p);
}

static void print_body(struct printer *p, const struct graph *g, int indent);

static void print_outputs(struct printer *p, const struct node *n)
{
    struct list out = list_begin(p, "", n->n_out, " =");
    for (int i = 0; i < n->n_out; i++)
        if (!list_item(&out, n->out[i] ? n->out[i]->name : ""))
            break;
}

static void print_call(struct printer *p, const struct node *n)
{
    struct str open = {0};
    str_printf(&open, " %s%s%s(", n->domain, *n->domain ? "." : "", n->type);
    struct list in = list_begin(p, open.text, n->n_in, ")");
    for (int i = 0; i < n->n_in; i++)
        if (!list_item(&in, n->in[i].value ? n->in[i].value->name : ""))
            break;
    str_release(&open);
}

/* A body starts on a line of its own: "then_branch = signature", then as any graph. */
static void print_bodies(struct printer *p, const struct attr *a, int indent)
{
    size_t count = a->kind == ATTR_GRAPH ? 1 : a->n;
    for (size_t k = 0; k < count; k++) {
        const struct graph *body = a->kind == ATTR_GRAPH ? a->g : a->graphs[k];
        print_newline(p);
        p->indent = indent;
        print_pad(p, indent);
        print_text(p, a->name);
        print_text(p, k ? " + " : " = ");
        print_signature(p, body);
        print_body(p, body, indent);
    }
}

static void print_attrs(struct printer *p, const struct node *n, int indent)
{
    for (int i = 0; i < n->n_attr; i++) {
        const struct attr *a = &n->attr[i];
        const char *end = i + 1 < n->n_attr ? "," : ">";
        if (a->kind == ATTR_GRAPH || a->kind == ATTR_GRAPHS) {
            print_text(p, i ? "" : " <");
            print_bodies(p, a, indent + 2);
            print_text(p, end);
        } else {
            struct str s = {0};
            str_add(&s, i ? " " : " <");
            spell_attr(&s, a);
            str_add(&s, end);
            print_piece(p, s.text);
            str_release(&s);
        }
    }
}

/* What is known about the quantization around a node, below it. */
static void print_quants(struct printer *p, const struct node *n, int column)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            print_quant(p, n->out[i], column);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].value && n->in[i].value->quant && n->in[i].plain) {
            print_pad(p, column);
            print_text(p, "# takes the float values of ");
            print_text(p, n->in[i].value->name);
            print_newline(p);
        }
}

static void print_remark(struct printer *p, const char *text, int column)
{
    print_pad(p, column);
    print_text(p, "# ");
    print_text(p, text);
    print_newline(p);
}

static void print_node(struct printer *p, const struct node *n, int indent, int column)
{
    const struct value *first = n->n_out ? n->out[0] : NULL;
    char type[TYPE_TEXT];
    p->indent = indent + column + 2;
    print_pad(p, indent);
    print_text(p, first ? spell_type(&first->type, type) : "");
    print_pad(p, indent + column);
    print_text(p, "  ");
    if (*n->name && !(first && !strncmp(first->name, n->name, strlen(n->name)))) {
        print_text(p, "[");
        print_text(p, n->name);
        print_text(p, "] ");
    }
    print_outputs(p, n);
    print_call(p, n);
    print_attrs(p, n, indent);
    print_newline(p);
    if (p->options->why && p->options->why[n->id])
        print_remark(p, p->options->why[n->id], indent + column + 2);
    print_quants(p, n, indent + column + 2);
}

/* Ends behind the brace, in the same line. */
static void print_body(struct printer *p, const struct graph *g, int indent)
{
    print_constants(p, g, indent);
    print_pad(p, indent);
    print_text(p, "{");
    print_newline(p);
    for (int i = 0; i < g->n_input; i++)
        if (!g->input[i]->constant)
            print_quant(p, g->input[i], indent + 2);
    int column = 0;
    for (const struct node *n = g->first; n; n = n->next)
        if (n->n_out && n->out[0] && node_matches(p->options, n))
            column = wider(column, &n->out[0]->type);
    for (const struct node *n = g->first; n; n = n->next)
        if (node_matches(p->options, n))
            print_node(p, n, indent + 2, column);
    print_pad(p, indent);
    print_text(p, "}");
}

static void print_head(struct printer *p)
{
    const struct model *m = p->model;
    fprintf(p->f, "# %s: IR version %lld", m->path, (long long)m->ir_version);
    for (int i = 0; i < m->n_opset; i++)
        fprintf(p->f, ", %s %lld", *m->opset[i].domain ? m->opset[i].domain : "opset",
                (long long)m->opset[i].version);
    print_newline(p);
}

void model_print(const struct model *m, FILE *f, const struct print_options *o)
{
    struct printer p = {.f = f, .model = m, .options = o, .width = o->width ? o->width : WIDTH};
    print_head(&p);
    if (o->summary) {
        summary_print(m, f);
        return;
    }
    print_signature(&p, m->graph);
    print_body(&p, m->graph, 0);
    print_newline(&p);
}
