/* SPDX-License-Identifier: Apache-2.0
 *
 * lower: annotated values and their uses, and constants as integer codes.
 */
#include "lower.h"

static int collect_graph(const struct graph *g, struct value **list)
{
    int n = 0;
    for (int i = 0; i < g->n_input; i++)
        if (g->input[i]->quant && value_is_fed(g->input[i]))
            list[n++] = g->input[i];
    for (int i = 0; i < g->n_constant; i++)
        if (g->constant[i]->quant)
            list[n++] = g->constant[i];
    for (const struct node *node = g->first; node; node = node->next)
        for (int i = 0; i < node->n_out; i++)
            if (node->out[i] && node->out[i]->quant)
                list[n++] = node->out[i];
    return n;
}

int lower_collect(struct model *m, struct arena *a, struct value ***list)
{
    *list = NEW_ARRAY(a, m->n_values, struct value *);
    int n = 0, n_graphs;
    struct graph **graph = model_graphs(m, a, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        n += collect_graph(graph[i], *list + n);
    return n;
}

struct build lower_cursor(struct value *v)
{
    struct build at = {.graph = v->graph, .stem = v->name};
    at.before = v->def ? v->def->next : v->graph->first;
    return at;
}

bool lower_is_wanted(const struct value *v)
{
    value_each_use(v, u)
        if (!u->plain)
            return true;
    return false;
}

void lower_move_uses(struct value *from, struct value *to, const struct node *except)
{
    value_each_use(from, u)
        if (!u->plain && u->user != except)
            node_set_input(u->user, (int)(u - u->user->in), to);
}

void lower_finish(struct value *v)
{
    v->quant = NULL;
    value_each_use(v, u)
        u->plain = false;
}

static struct tensor *parameter(struct build *at, const struct quant *q, enum dtype dtype)
{
    struct shape s = {q->type.grain == GRAIN_TENSOR ? 0 : 1, {q->n}};
    return tensor_new(at->graph->model->arena, dtype, &s);
}

struct value *lower_scale(struct build *at, const struct quant *q)
{
    struct tensor *t = parameter(at, q, DTYPE_F32);
    for (int64_t i = 0; i < q->n; i++)
        tensor_f32(t)[i] = q->scale[i];
    return build_constant(at, "scale", t);
}

struct value *lower_zero(struct build *at, const struct quant *q)
{
    if (q->type.dtype == DTYPE_I32)
        return NULL;
    struct tensor *t = parameter(at, q, q->type.dtype);
    for (int64_t i = 0; i < q->n; i++)
        dtype_store_int(t->dtype, t->data, i, q->zero[i]);
    return build_constant(at, "zero_point", t);
}

struct node *lower_node(struct build *at, enum op op, struct value *x, struct value *scale,
                        struct value *zero, const struct quant *q)
{
    struct node *n = build_node(at, op, zero ? 3 : 2, (struct value *const[]){x, scale, zero}, 1);
    if (q->type.grain != GRAIN_TENSOR)
        node_set_int(n, "axis", q->type.axis);
    n->out[0]->type.shape = x->type.shape;
    n->out[0]->type.dtype = op == OP_QuantizeLinear ? q->type.dtype : DTYPE_F32;
    return n;
}

/* A use of v that wants the rounded value; NULL: none. */
static struct use *find_reader(const struct value *v, const struct node *except)
{
    value_each_use(v, u)
        if (!u->plain && u->user != except)
            return u;
    return NULL;
}

void lower_dequantize(struct value *v, struct value *codes, struct value *scale,
                      struct value *zero)
{
    const struct node *quantize = codes->def;
    for (struct use *r; (r = find_reader(v, quantize));) {
        struct graph *g = r->user->graph;
        struct build at = {.graph = g, .stem = v->name, .before = g->first};
        if (quantize && g == v->graph)
            at.before = quantize->next;
        struct node *n = lower_node(&at, OP_DequantizeLinear, codes, scale, zero, v->quant);
        value_each_use(v, u)
            if (!u->plain && u->user != quantize && u->user->graph == g)
                node_set_input(u->user, (int)(u - u->user->in), n->out[0]);
    }
}

void lower_constant(struct value *w)
{
    const struct quant *q = w->quant;
    struct build at = lower_cursor(w);
    struct tensor *codes = quant_codes(w->graph->model->arena, q, w->constant);
    struct value *x = build_constant(&at, "quantized", codes);
    struct value *scale = lower_scale(&at, q), *zero = lower_zero(&at, q);
    lower_dequantize(w, x, scale, zero);
}
