/* SPDX-License-Identifier: Apache-2.0
 *
 * place_form: new nodes around the layer's node, new constants for it.
 */
#include "place_form.h"

#include "match.h"

void form_open(struct form *f, const struct model *m, struct arena *a)
{
    *f = (struct form){a, NEW_ARRAY(a, m->n_values, struct value *), m->n_values};
}

bool form_takes(enum dtype t)
{
    return t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16 || t == DTYPE_F64;
}

const char *form_reason_against(const struct node *n, const struct op_weight *w)
{
    const struct value *x = node_input(n, 1 - w->slot);
    if (w->slot == 1)
        return NULL;
    if (node_constant(n, 0)->shape.rank != 2)
        return "its weight is the first operand, and no matrix";
    return x->type.shape.rank < 2 ? "its weight is the first operand, and the other's rank is not "
                                    "known" : NULL;
}

static void infer(struct node *n)
{
    struct err ignored;
    op_infer_node(n, &ignored);
}

static struct node *cast_behind(struct value *v, enum dtype t)
{
    struct build at = {.graph = v->graph, .stem = v->name};
    at.before = v->def ? v->def->next : v->graph->first;
    struct node *cast = build_node(&at, OP_Cast, 1, &v, 1);
    node_set_int(cast, "to", t);
    infer(cast);
    return cast;
}

static struct value *widen(struct form *f, struct value *v)
{
    struct value **known = v->id < f->n_values ? &f->wide[v->id] : NULL, *wide;
    if (known && *known)
        return *known;
    if (v->constant) {
        struct tensor *t = tensor_new(v->graph->model->arena, DTYPE_F32, &v->constant->shape);
        for (int64_t i = 0, n = tensor_count(t); i < n; i++)
            tensor_f32(t)[i] = (float)tensor_get(v->constant, i);
        struct build at = {.graph = v->graph, .stem = v->name};
        wide = build_constant(&at, "float32", t);
    } else {
        wide = cast_behind(v, DTYPE_F32)->out[0];
    }
    if (known)
        *known = wide;
    return wide;
}

static void form_float32(struct form *f, struct node *n)
{
    enum dtype t = node_constant(n, node_constant(n, 1) ? 1 : 0)->dtype;
    if (t == DTYPE_F32)
        return;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].value)
            node_set_input(n, i, widen(f, n->in[i].value));
    node_set_int(match_put_behind(n, OP_Cast), "to", t);
    infer(n);
}

static struct tensor *scaled(struct arena *a, const struct tensor *t, double k)
{
    struct tensor *s = tensor_new(a, t->dtype, &t->shape);
    for (int64_t i = 0, n = tensor_count(t); i < n; i++)
        tensor_f32(s)[i] = (float)((double)tensor_f32(t)[i] * k);
    return s;
}

/* alpha * A B + beta * C  =>  A (alpha B) + (beta C). */
static void fold_gemm_factors(struct node *n)
{
    struct build at = build_before(n);
    struct arena *a = n->graph->model->arena;
    double alpha = (double)node_float(n, "alpha", 1), beta = (double)node_float(n, "beta", 1);
    if (alpha != 1) {
        const struct tensor *w = node_constant(n, 1);
        node_set_input(n, 1, build_constant(&at, "weight", scaled(a, w, alpha)));
        node_drop_attr(n, "alpha");
    }
    if (beta != 1) {
        const struct tensor *b = node_constant(n, 2);
        if (b)
            node_set_input(n, 2, build_constant(&at, "bias", scaled(a, b, beta)));
        node_drop_attr(n, "beta");
    }
}

/* The last two axes change places. */
static void set_perm(struct node *n, int rank)
{
    int64_t perm[MAX_RANK];
    for (int i = 0; i < rank; i++)
        perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    node_set_ints(n, "perm", perm, (size_t)rank);
    infer(n);
}

static struct value *transposed(struct node *n, struct value *x)
{
    struct build at = build_before(n);
    struct node *t = build_node(&at, OP_Transpose, 1, &x, 1);
    set_perm(t, x->type.shape.rank < 0 ? 2 : x->type.shape.rank);
    return t->out[0];
}

static void form_gemm(struct node *n)
{
    fold_gemm_factors(n);
    if (!node_int(n, "transA", 0))
        return;
    node_set_input(n, 0, transposed(n, node_input(n, 0)));
    node_drop_attr(n, "transA");
}

static struct tensor *matrix_transposed(struct arena *a, const struct tensor *t)
{
    int64_t rows = t->shape.dim[0], columns = t->shape.dim[1];
    struct tensor *s = tensor_new(a, DTYPE_F32, &(struct shape){2, {columns, rows}});
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            tensor_f32(s)[j * rows + i] = tensor_f32(t)[i * columns + j];
    return s;
}

/* W x = (x' W')'. */
static void form_weight_first(struct node *n)
{
    struct value *w = node_input(n, 0), *x = node_input(n, 1);
    struct build at = build_before(n);
    int rank = x->type.shape.rank;
    node_set_input(n, 0, transposed(n, x));
    node_set_input(n, 1, build_constant(&at, "weight",
                                        matrix_transposed(n->graph->model->arena, w->constant)));
    struct node *back = match_put_behind(n, OP_Transpose);
    infer(n);
    set_perm(back, rank);
}

void form_layer(struct form *f, struct node *n)
{
    form_float32(f, n);
    if (n->op == OP_Gemm)
        form_gemm(n);
    if (n->op == OP_MatMul && !node_constant(n, 1))
        form_weight_first(n);
}

struct node *form_add_bias(struct node *n, int64_t channels)
{
    struct node *add = match_put_behind(n, OP_Add);
    struct build at = build_before(add);
    struct tensor *zeros = tensor_new(n->graph->model->arena, DTYPE_F32,
                                      &(struct shape){1, {channels}});
    for (int64_t i = 0; i < channels; i++)
        tensor_f32(zeros)[i] = 0;
    n->out[0]->type = add->out[0]->type;
    node_set_input(add, 1, build_constant(&at, "bias", zeros));
    return add;
}

struct node *form_bias_behind(const struct node *n, int64_t channels, int *slot)
{
    struct node *add = value_user_behind(n->out[0]);
    if (!add || add->op != OP_Add)
        return NULL;
    *slot = add->in[0].value == n->out[0] ? 1 : 0;
    const struct tensor *t = node_constant(add, *slot);
    if (!t || t->dtype != DTYPE_F32 || t->shape.rank < 1)
        return NULL;
    bool vector = tensor_count(t) == channels && t->shape.dim[t->shape.rank - 1] == channels;
    return vector && t->shape.rank <= 2 ? add : NULL;
}
