/* SPDX-License-Identifier: Apache-2.0
 *
 * match: walking, asking and handing over.
 */
#include "match.h"

#include <math.h>

int match_each(struct graph *g, int (*rewrite)(struct node *n, void *data), void *data)
{
    int changes = 0;
    graph_each(g, n) {
        for (int i = 0; i < n->n_attr; i++) {
            if (n->attr[i].kind == ATTR_GRAPH)
                changes += match_each(n->attr[i].g, rewrite, data);
            for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n; k++)
                changes += match_each(n->attr[i].graphs[k], rewrite, data);
        }
        changes += rewrite(n, data);
    }
    return changes;
}

struct node *match_inner(const struct value *v, enum op op)
{
    struct node *n = value_def(v, op);
    return n && value_used_once(v) && v->uses->user->graph == n->graph ? n : NULL;
}

bool match_number(const struct node *n, int slot, double *v)
{
    const struct tensor *t = node_constant(n, slot);
    if (!t || !dtype_info(t->dtype)->bits || tensor_count(t) != 1)
        return false;
    *v = tensor_get(t, 0);
    return true;
}

struct value *match_operand(const struct node *n, double *number)
{
    bool commutes = n->op == OP_Add || n->op == OP_Mul || n->op == OP_Min || n->op == OP_Max;
    if (n->n_in != 2)
        return NULL;
    if (match_number(n, 1, number))
        return n->in[0].value;
    return commutes && match_number(n, 0, number) ? n->in[1].value : NULL;
}

struct value *match_beside(const struct node *n, const struct value *x)
{
    if (n->n_in != 2)
        return NULL;
    return n->in[0].value == x ? n->in[1].value : n->in[1].value == x ? n->in[0].value : NULL;
}

bool match_near(double a, double b)
{
    return isfinite(a) && isfinite(b) && fabs(a - b) <= 1e-6 * fmax(fabs(a), fabs(b));
}

void match_put(struct node *n, struct value *with)
{
    with->type = n->out[0]->type;
    value_swap_names(n->out[0], with);
    value_replace(n->out[0], with);
    node_remove(n);
}

struct node *match_put_behind(struct node *n, enum op op)
{
    struct value *y = n->out[0];
    struct build at = build_after(n);
    struct node *last = build_node(&at, op, 1, &y, 1);
    value_replace(y, last->out[0]);
    node_set_input(last, 0, y);
    value_swap_names(y, last->out[0]);
    last->out[0]->type = y->type;
    return last;
}
