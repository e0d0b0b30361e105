/* SPDX-License-Identifier: Apache-2.0
 *
 * inline_attention: in FlexAttention
 *
 *     scores = (Q * r) (K * r)^T, r^2 = scale;  probs = Softmax(score_mod(scores))
 *     y = prob_mod(probs) V
 *
 * where heads of Q that share a head of K and V lie side by side: they are an axis of their own in
 * the products. The scores have the type that softmax_precision asks for.
 */
#include "inline_attention.h"

#include "infer.h"
#include "inline.h"
#include "op.h"

#include <math.h>

enum { Q, K, V };

struct flex {
    struct node *node;
    struct build build;
    struct value *in[3];
    enum dtype scores; /* their type */
    bool grouped;      /* heads may share */
};

static struct value *make(struct flex *f, enum op op, struct value *a, struct value *b)
{
    struct value *in[2] = {a, b};
    return build_node(&f->build, op, b ? 2 : 1, in, 1)->out[0];
}

static struct value *make_cast(struct flex *f, struct value *v, enum dtype to)
{
    struct value *y = make(f, OP_Cast, v, NULL);
    node_set_int(y->def, "to", to);
    return y;
}

static struct value *constant_int(struct flex *f, const char *suffix, int64_t v)
{
    const struct shape one = {1, {1}};
    struct tensor *t = tensor_new(f->node->graph->model->arena, DTYPE_I64, &one);
    *(int64_t *)t->data = v;
    return build_constant(&f->build, suffix, t);
}

/* The dims of v from one axis up to another. */
static struct value *dims_of(struct flex *f, struct value *v, int from, int to)
{
    struct value *y = make(f, OP_Shape, v, NULL);
    node_set_int(y->def, "start", from);
    node_set_int(y->def, "end", to);
    return y;
}

static struct value *reshape(struct flex *f, struct value *v, int n, struct value *const *dims)
{
    struct node *shape = build_node(&f->build, OP_Concat, n, dims, 1);
    node_set_int(shape, "axis", 0);
    return make(f, OP_Reshape, v, shape->out[0]);
}

/* [batch][head][...] as [batch][head of K][heads that share it][...]. */
static struct value *split_heads(struct flex *f, struct value *v)
{
    struct value *dims[4];
    dims[0] = dims_of(f, v, 0, 1);
    dims[1] = dims_of(f, f->in[K], 1, 2);
    dims[2] = make(f, OP_Div, dims_of(f, f->in[Q], 1, 2), dims[1]);
    dims[3] = dims_of(f, v, 2, 4);
    return reshape(f, v, 4, dims);
}

/* And back: as many heads as Q has. */
static struct value *join_heads(struct flex *f, struct value *v)
{
    struct value *dims[2];
    dims[0] = dims_of(f, f->in[Q], 0, 2);
    dims[1] = dims_of(f, v, 3, 5);
    return reshape(f, v, 2, dims);
}

/* The root of the scale, in the type of Q. */
static struct value *root_of_scale(struct flex *f)
{
    struct arena *a = f->node->graph->model->arena;
    int64_t size = f->in[Q]->type.shape.rank == 4 ? f->in[Q]->type.shape.dim[3] : -1;
    const struct attr *given = node_attr(f->node, "scale");
    struct value *v;
    if (given || size >= 0) {
        float scale = given ? given->f : 1 / sqrtf((float)size);
        v = build_constant(&f->build, "scale", tensor_scalar(a, DTYPE_F32, sqrtf(scale)));
    } else {
        v = make_cast(f, dims_of(f, f->in[Q], 3, 4), DTYPE_F32);
        v = make(f, OP_Sqrt, make(f, OP_Reciprocal, make(f, OP_Sqrt, v, NULL), NULL), NULL);
    }
    enum dtype t = f->in[Q]->type.dtype;
    return t == DTYPE_F32 ? v : make_cast(f, v, t);
}

static struct value *make_scores(struct flex *f)
{
    static const int64_t swap[5] = {0, 1, 2, 4, 3}, swap_plain[4] = {0, 1, 3, 2};
    struct value *root = root_of_scale(f);
    struct value *q = make(f, OP_Mul, f->in[Q], root), *k = make(f, OP_Mul, f->in[K], root);
    if (f->grouped) {
        q = split_heads(f, q);
        k = make(f, OP_Unsqueeze, k, constant_int(f, "axis", 2));
    }
    k = make(f, OP_Transpose, k, NULL);
    node_set_ints(k->def, "perm", f->grouped ? swap : swap_plain, f->grouped ? 5 : 4);
    struct value *scores = make(f, OP_MatMul, q, k);
    if (f->grouped)
        scores = join_heads(f, scores);
    return f->scores == f->in[Q]->type.dtype ? scores : make_cast(f, scores, f->scores);
}

/* v, or what the graph in this attribute makes of it. */
static struct value *modify(struct flex *f, const char *name, struct value *v, struct err *err)
{
    const struct attr *a = node_attr(f->node, name);
    if (!a)
        return v;
    if (a->kind != ATTR_GRAPH || a->g->n_input != 1 || a->g->result->n_in != 1
        || a->g->input[0]->constant || !a->g->result->in[0].value) {
        err_set(err, ERR_INPUT, "attribute %s must be a graph of one input and one output", name);
        return NULL;
    }
    return graph_move_body(a->g, v, f->node);
}

static struct value *make_result(struct flex *f, struct value *probs)
{
    struct value *v = f->in[V];
    enum dtype t = v->type.dtype ? v->type.dtype : f->in[Q]->type.dtype;
    if (f->scores != t)
        v = make_cast(f, v, f->scores);
    if (f->grouped) {
        probs = split_heads(f, probs);
        v = make(f, OP_Unsqueeze, v, constant_int(f, "axis", 2));
    }
    struct value *y = make(f, OP_MatMul, probs, v);
    if (f->grouped)
        y = join_heads(f, y);
    return f->scores != t ? make_cast(f, y, t) : y;
}

static int check(struct flex *f, struct err *err)
{
    const struct shape *q = &f->in[Q]->type.shape, *k = &f->in[K]->type.shape;
    int64_t opset = model_opset(f->node->graph->model, "");
    enum dtype t = f->in[Q]->type.dtype;
    if (opset < 15)
        return err_set(err, ERR_INPUT, "score_mod and prob_mod need operator set 15 or newer");
    if (!t)
        return err_set(err, ERR_INPUT, "the type of input 0 is not known");
    f->scores = (enum dtype)node_int(f->node, "softmax_precision",
                                     t == DTYPE_F64 ? DTYPE_F64 : DTYPE_F32);
    if (f->scores != DTYPE_F32 && f->scores != DTYPE_F64 && f->scores != DTYPE_F16
        && f->scores != DTYPE_BF16)
        return err_set(err, ERR_INPUT, "attribute softmax_precision must be a type of floats");
    f->grouped = q->rank != 4 || k->rank != 4 || q->dim[1] < 0 || q->dim[1] != k->dim[1];
    return 0;
}

static int replace(struct node *n, struct err *err)
{
    struct flex f = {.node = n, .build = build_before(n)};
    for (int i = Q; i <= V; i++)
        if (!(f.in[i] = node_input(n, i)))
            return err_set(err, ERR_INPUT, "input %d is missing", i);
    if (!n->n_out || !n->out[0])
        return 0;
    TRY(check(&f, err));
    struct value *scores = modify(&f, "score_mod", make_scores(&f), err);
    if (!scores)
        return -1;
    struct value *probs = make(&f, OP_Softmax, scores, NULL);
    node_set_int(probs->def, "axis", -1);
    probs = modify(&f, "prob_mod", probs, err);
    if (!probs)
        return -1;
    struct value *y = make_result(&f, probs);
    y->type = n->out[0]->type;
    value_swap_names(n->out[0], y);
    value_replace(n->out[0], y);
    node_remove(n);
    return 0;
}

static bool has_graph(const struct node *n)
{
    return n->op == OP_FlexAttention && node_body(n, 0);
}

static int replace_all(struct graph *g, struct err *err)
{
    struct graph *body;
    int count = 0;
    graph_each(g, n) {
        for (int k = 0; (body = node_body(n, k)); k++) {
            int inside = replace_all(body, err);
            if (inside < 0)
                return -1;
            count += inside;
        }
        if (!has_graph(n))
            continue;
        if (replace(n, err) < 0)
            return err_at(err, "%s", node_title(n));
        count++;
    }
    return count;
}

static bool is_there(const struct graph *g)
{
    const struct graph *body;
    for (const struct node *n = g->first; n; n = n->next) {
        if (has_graph(n))
            return true;
        for (int k = 0; (body = node_body(n, k)); k++)
            if (is_there(body))
                return true;
    }
    return false;
}

int model_inline_attention(struct model *m, struct err *err)
{
    if (!is_there(m->graph))
        return 0;
    TRY(graph_infer(m->graph, err));
    return replace_all(m->graph, err);
}
