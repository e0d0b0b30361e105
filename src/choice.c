/* SPDX-License-Identifier: Apache-2.0
 *
 * choice: one walk over the nodes in order for each question.
 */
#include "choice.h"

#include "op.h"

bool choice_may_be_float(const struct value *v)
{
    return v->type.dtype == DTYPE_F32 || v->type.dtype == DTYPE_NONE;
}

/* Does fn hold for the node, or for one in its bodies? */
static bool any_node(const struct node *n, bool (*fn)(const struct node *))
{
    const struct graph *body;
    if (fn(n))
        return true;
    for (int k = 0; (body = node_body(n, k)); k++)
        for (const struct node *inner = body->first; inner; inner = inner->next)
            if (any_node(inner, fn))
                return true;
    return false;
}

static bool chooses(const struct node *n)
{
    const struct value *a = node_input(n, 0), *b = node_input(n, 1);
    switch (n->op) {
    case OP_TopK: case OP_ArgMax: case OP_ArgMin: case OP_NonMaxSuppression: case OP_NonZero:
    case OP_Unique: return true;
    case OP_Equal:
        return a && b && !a->constant && !b->constant && choice_may_be_float(a)
            && choice_may_be_float(b);
    default: return false;
    }
}

static bool is_layer(const struct node *n)
{
    return op_table[n->op].role == ROLE_WEIGHTED;
}

static bool hides_picks(const struct node *n)
{
    return n->op == OP_Compress || n->op == OP_Unique;
}

void choice_each_read(const struct node *n, const struct graph *g, choice_fn *fn, void *data)
{
    const struct graph *body;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].value && n->in[i].value->graph == g)
            fn(data, n->in[i].value);
    for (int k = 0; (body = node_body(n, k)); k++) {
        for (const struct node *inner = body->first; inner; inner = inner->next)
            choice_each_read(inner, g, fn, data);
        choice_each_read(body->result, g, fn, data);
    }
}

struct search {
    const bool *chosen;
    bool found;
};

static void see(void *data, const struct value *v)
{
    struct search *s = data;
    s->found |= s->chosen[v->id];
}

static bool reads_chosen(const struct node *n, const struct graph *g, const bool *chosen)
{
    struct search s = {chosen, false};
    choice_each_read(n, g, see, &s);
    return s.found;
}

bool *choice_find(const struct graph *g, struct arena *a)
{
    bool *chosen = NEW_ARRAY(a, g->model->n_values, bool);
    graph_each(g, n) {
        bool any = any_node(n, chooses) || (!is_layer(n) && reads_chosen(n, g, chosen));
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                chosen[n->out[i]->id] = any;
    }
    return chosen;
}

int choice_picks(const struct graph *g, const bool *chosen, struct arena *a, int **pick)
{
    bool read = false;
    int n_picks = 0;
    *pick = NEW_ARRAY(a, g->model->n_values, int);
    graph_each(g, n) {
        if (any_node(n, hides_picks))
            return 0;
        read = read || (any_node(n, is_layer) && reads_chosen(n, g, chosen));
        for (int i = 0; i < n->n_out && any_node(n, chooses); i++)
            if (n->out[i] && !choice_may_be_float(n->out[i]))
                (*pick)[n_picks++] = n->out[i]->id;
    }
    return read ? n_picks : 0;
}
