/* SPDX-License-Identifier: Apache-2.0
 *
 * text_same: two models side by side, in execution order. A value of the one is bound to a value of
 * the other where both are defined, and from then on each use must name the pair.
 */
#include "text.h"

#include <math.h>
#include <string.h>

struct pairs {
    const struct value **actual; /* by id of the expected value */
    struct str *why;
};

static bool differ(struct pairs *p, const struct node *n, const char *what, const char *detail)
{
    str_printf(p->why, "%s: %s%s\n", n ? node_title(n) : "graph", what, detail);
    return false;
}

static bool same_tensor(const struct tensor *a, const struct tensor *e)
{
    if (e->dtype == DTYPE_NONE)
        return true;
    if (a->dtype != e->dtype || !shape_equal(&a->shape, &e->shape))
        return false;
    double size = 0;
    for (int64_t i = 0, n = e->data ? tensor_count(e) : 0; i < n; i++)
        size = fmax(size, fabs(tensor_get(e, i)));
    for (int64_t i = 0, n = e->data ? tensor_count(e) : 0; i < n; i++)
        if (!(fabs(tensor_get(a, i) - tensor_get(e, i)) <= 1e-5 * size))
            return false;
    return true;
}

static bool same_value(struct pairs *p, const struct value *a, const struct value *e)
{
    if (!a || !e)
        return !a && !e;
    if (e->constant && (!a->constant || !same_tensor(a->constant, e->constant)))
        return false;
    if (!p->actual[e->id] && e->constant)
        p->actual[e->id] = a;
    return p->actual[e->id] == a;
}

static bool same_numbers(const float *a, const float *e, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(a[i] - e[i]) <= 1e-5f * fabsf(e[i])))
            return false;
    return true;
}

static bool same_bytes(struct bytes a, struct bytes e)
{
    return a.n == e.n && !memcmp(a.data, e.data, e.n);
}

static bool same_graph(struct pairs *p, const struct graph *a, const struct graph *e);

static bool same_attr(struct pairs *p, const struct attr *a, const struct attr *e)
{
    if (!a || a->kind != e->kind || a->n != e->n)
        return false;
    switch (e->kind) {
    case ATTR_FLOAT: return same_numbers(&a->f, &e->f, 1);
    case ATTR_INT: return a->i == e->i;
    case ATTR_STRING: return same_bytes(a->s, e->s);
    case ATTR_TENSOR: return same_tensor(a->t, e->t);
    case ATTR_GRAPH: return same_graph(p, a->g, e->g);
    case ATTR_FLOATS: return same_numbers(a->floats, e->floats, e->n);
    case ATTR_INTS: return !memcmp(a->ints, e->ints, e->n * sizeof *e->ints);
    case ATTR_STRINGS:
        for (size_t i = 0; i < e->n; i++)
            if (!same_bytes(a->strings[i], e->strings[i]))
                return false;
        return true;
    default: return false;
    }
}

/* Optional inputs and outputs left out at the end do not count. */
static int inputs_of(const struct node *n)
{
    int count = n->n_in;
    while (count && !n->in[count - 1].value)
        count--;
    return count;
}

static int outputs_of(const struct node *n)
{
    int count = n->n_out;
    while (count && !n->out[count - 1])
        count--;
    return count;
}

static bool same_inputs(struct pairs *p, const struct node *a, const struct node *e)
{
    if (inputs_of(a) != inputs_of(e))
        return differ(p, a, "another number of inputs", "");
    for (int i = 0; i < inputs_of(e); i++)
        if (!same_value(p, a->in[i].value, e->in[i].value))
            return differ(p, a, "another input in place of ",
                          e->in[i].value ? e->in[i].value->name : "none");
    return true;
}

static bool same_node(struct pairs *p, const struct node *a, const struct node *e)
{
    if (strcmp(a->type, e->type) || strcmp(a->domain, e->domain))
        return differ(p, a, "expected is ", node_title(e));
    if (!same_inputs(p, a, e))
        return false;
    if (a->n_attr != e->n_attr)
        return differ(p, a, "another number of attributes", "");
    for (int i = 0; i < e->n_attr; i++)
        if (!same_attr(p, node_attr(a, e->attr[i].name), &e->attr[i]))
            return differ(p, a, "another value of attribute ", e->attr[i].name);
    if (outputs_of(a) != outputs_of(e))
        return differ(p, a, "another number of outputs", "");
    for (int i = 0; i < outputs_of(e); i++) {
        if (!a->out[i] != !e->out[i])
            return differ(p, a, "another output in place of ",
                          e->out[i] ? e->out[i]->name : "none");
        if (e->out[i])
            p->actual[e->out[i]->id] = a->out[i];
    }
    return true;
}

static bool same_graph(struct pairs *p, const struct graph *a, const struct graph *e)
{
    if (a->n_input != e->n_input)
        return differ(p, NULL, "another number of inputs", "");
    for (int i = 0; i < e->n_input; i++) {
        if (strcmp(a->input[i]->name, e->input[i]->name))
            return differ(p, NULL, "another input in place of ", e->input[i]->name);
        p->actual[e->input[i]->id] = a->input[i];
    }
    const struct node *x = a->first, *y = e->first;
    for (; x && y; x = x->next, y = y->next)
        if (!same_node(p, x, y))
            return false;
    if (x || y)
        return differ(p, x ? x : y, x ? "not expected" : "missing", "");
    for (int i = 0; i < e->result->n_in && i < a->result->n_in; i++)
        if (strcmp(a->output_name[i], e->output_name[i]))
            return differ(p, NULL, "another output in place of ", e->output_name[i]);
    return same_inputs(p, a->result, e->result);
}

bool text_same(const struct model *actual, const struct model *expected, struct str *why)
{
    struct arena scratch = {0};
    struct pairs p = {.why = why};
    p.actual = NEW_ARRAY(&scratch, expected->n_values, const struct value *);
    bool same = same_graph(&p, actual->graph, expected->graph);
    arena_release(&scratch);
    return same;
}
