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

void lower_give_value(struct node *made, struct value *y)
{
    struct node *old = y->def;
    struct value *spare = made->out[0];
    spare->type = y->type;
    for (int i = 0; i < old->n_out; i++)
        if (old->out[i] == y)
            node_set_output(old, i, spare);
    node_set_output(made, 0, y);
}

void lower_finish(struct value *v)
{
    v->quant = NULL;
    value_each_use(v, u)
        u->plain = false;
}

static struct tensor *parameter(struct build *at, const struct quant *q, const struct shape *of,
                                enum dtype dtype)
{
    struct shape s = {q->type.grain == GRAIN_TENSOR ? 0 : 1, {q->n}};
    if (q->type.grain == GRAIN_BLOCK) {
        s = *of;
        s.dim[q->type.axis] = (of->dim[q->type.axis] + q->type.block - 1) / q->type.block;
    }
    return tensor_new(at->graph->model->arena, dtype, &s);
}

struct value *lower_scale(struct build *at, const struct quant *q, const struct shape *of)
{
    struct tensor *t = parameter(at, q, of, DTYPE_F32);
    for (int64_t i = 0; i < q->n; i++)
        tensor_f32(t)[i] = q->scale[i];
    return build_constant(at, "scale", t);
}

struct value *lower_zero(struct build *at, const struct quant *q, const struct shape *of)
{
    if (q->type.dtype == DTYPE_I32 || (q->type.dtype == DTYPE_I4 && q->type.symmetric))
        return NULL;
    struct tensor *t = parameter(at, q, of, q->type.dtype);
    for (int64_t i = 0; i < q->n; i++)
        dtype_store_int(t->dtype, t->data, i, q->zero[i]);
    return build_constant(at, "zero_point", t);
}

static bool sees(const struct graph *g, const struct graph *outer)
{
    while (g && g != outer)
        g = g->outer;
    return g;
}

const struct lower_parameters *lower_parameters(struct lower_parameters *known, struct build *at,
                                                const struct quant *q)
{
    while (known->quant && (known->quant != q || !sees(at->graph, known->scale->graph)))
        known++;
    if (!known->quant)
        *known = (struct lower_parameters){q, lower_scale(at, q, NULL), lower_zero(at, q, NULL)};
    return known;
}

struct node *lower_node(struct build *at, enum op op, struct value *x, struct value *scale,
                        struct value *zero, const struct quant *q)
{
    enum op of = op;
    if (dtype_info(q->type.dtype)->bits == 16 && model_opset(at->graph->model, "") < 21)
        of = op == OP_QuantizeLinear ? OP_MsQuantizeLinear : OP_MsDequantizeLinear;
    struct node *n = build_node(at, of, zero ? 3 : 2, (struct value *const[]){x, scale, zero}, 1);
    if (q->type.grain != GRAIN_TENSOR)
        node_set_int(n, "axis", q->type.axis);
    if (q->type.grain == GRAIN_BLOCK)
        node_set_int(n, "block_size", q->type.block);
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
    const struct shape *of = &w->constant->shape;
    struct value *scale = lower_scale(&at, q, of), *zero = lower_zero(&at, q, of);
    lower_dequantize(w, x, scale, zero);
}
