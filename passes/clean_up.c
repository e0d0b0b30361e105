/* SPDX-License-Identifier: Apache-2.0
 *
 * clean-up: nodes that compute nothing go.
 *
 *     Identity(x), Dropout(x), Concat(x), Sum(x), Clip(x) without bounds         =>  x
 *     Cast to the type that x has, Reshape to the shape that x has               =>  x
 *     Transpose in order, Pad by 0, Slice of the whole, Expand, Tile by 1        =>  x
 *     x + 0, x - 0, x * 1, x / 1, x ^ 1, where x has the shape of the result     =>  x
 *     Reshape, Flatten, Squeeze, Unsqueeze in a row that end where they began    =>  x
 *     Reshape(Flatten(x)) and the like                                           =>  Reshape(x)
 *     Cast(Cast(x)) where the first type holds all numbers of x                  =>  Cast(x)
 *     Transpose(Transpose(x))                                                    =>  Transpose(x)
 *
 * What nobody uses goes with them. Names of graph outputs are kept by the writer.
 */
#include "match.h"
#include "op.h"
#include "pass.h"

#include <string.h>

static const struct shape *shape_in(const struct node *n)
{
    return &n->in[0].value->type.shape;
}

static const struct shape *shape_out(const struct node *n)
{
    return &n->out[0]->type.shape;
}

static bool same_known_shape(const struct shape *a, const struct shape *b)
{
    return shape_known(a) && shape_equal(a, b);
}

/* Is at most one dim unknown, which follows from the others and the number of elements? */
static bool shape_follows(const struct shape *s)
{
    int unknown = 0;
    for (int i = 0; i < s->rank; i++) {
        unknown += s->dim[i] < 0;
        if (s->dim[i] == 0)
            return false;
    }
    return s->rank >= 0 && unknown <= 1;
}

/* Shapes of the same elements. */
static bool same_view(const struct shape *a, const struct shape *b)
{
    return shape_follows(a) && shape_equal(a, b);
}

static bool all_equal(const struct tensor *t, double v)
{
    if (!t || !dtype_info(t->dtype)->bits)
        return false;
    for (int64_t i = 0, n = tensor_count(t); i < n; i++)
        if (tensor_get(t, i) != v)
            return false;
    return true;
}

/* Integers given as input `slot` or as an attribute: are all of them v? */
static bool ints_are(const struct node *n, int slot, const char *attr, int64_t v)
{
    if (node_input(n, slot))
        return all_equal(node_constant(n, slot), (double)v);
    size_t count;
    const int64_t *at = node_ints(n, attr, &count);
    for (size_t i = 0; i < count; i++)
        if (at[i] != v)
            return false;
    return true;
}

static bool is_idle_dropout(const struct node *n)
{
    bool mask = n->n_out > 1 && n->out[1] && n->out[1]->uses;
    return !mask && (!node_input(n, 2) || all_equal(node_constant(n, 2), 0));
}

static bool is_idle_cast(const struct node *n)
{
    enum dtype from = n->in[0].value->type.dtype;
    return from != DTYPE_NONE && node_int(n, "to", 0) == (int64_t)from;
}

static bool is_idle_pad(const struct node *n)
{
    return (node_input(n, 1) || node_attr(n, "pads")) && ints_are(n, 1, "pads", 0);
}

/* From 0 to the end where the dim is not known. */
static bool is_idle_slice(const struct node *n)
{
    if (!ints_are(n, 4, "steps", 1))
        return false;
    if (same_known_shape(shape_in(n), shape_out(n)))
        return true;
    const struct tensor *ends = node_constant(n, 2);
    for (int64_t i = 0, count = ends ? tensor_count(ends) : 0; i < count; i++)
        if (tensor_get_int(ends, i) < INT32_MAX)
            return false;
    return ends && node_constant(n, 1) && ints_are(n, 1, "starts", 0);
}

static bool is_idle_tile(const struct node *n)
{
    return node_input(n, 1) && ints_are(n, 1, "repeats", 1);
}

static bool is_idle_clip(const struct node *n)
{
    return !node_input(n, 1) && !node_input(n, 2) && !node_attr(n, "min") && !node_attr(n, "max");
}

static bool is_idle_transpose(const struct node *n)
{
    size_t count;
    const int64_t *perm = node_ints(n, "perm", &count);
    for (size_t i = 0; i < count; i++)
        if (perm[i] != (int64_t)i)
            return false;
    return perm || (shape_in(n)->rank >= 0 && shape_in(n)->rank < 2);
}

static bool is_idle(const struct node *n)
{
    switch (n->op) {
    case OP_Identity: return true;
    case OP_Dropout: return is_idle_dropout(n);
    case OP_Cast: return is_idle_cast(n);
    case OP_Pad: return is_idle_pad(n);
    case OP_Slice: return is_idle_slice(n);
    case OP_Tile: return is_idle_tile(n);
    case OP_Clip: return is_idle_clip(n);
    case OP_Transpose: return is_idle_transpose(n);
    case OP_Expand: return same_known_shape(shape_in(n), shape_out(n));
    case OP_Concat:
    case OP_Max:
    case OP_Mean:
    case OP_Min:
    case OP_Sum: return n->n_in == 1;
    default: return false;
    }
}

/* The number that the operator does nothing with, as input 1, or as either where it commutes. */
static bool neutral_of(enum op op, double *v)
{
    *v = op == OP_Mul || op == OP_Div || op == OP_Pow;
    return *v != 0 || op == OP_Add || op == OP_Sub;
}

/* Broadcasting the constant leaves the shape of x as it is. */
static bool fits_into(const struct shape *c, const struct shape *x)
{
    if (x->rank < c->rank)
        return false;
    for (int i = 1; i <= c->rank; i++)
        if (c->dim[c->rank - i] != 1 && c->dim[c->rank - i] != x->dim[x->rank - i])
            return false;
    return true;
}

/* The input that the result is equal to; NULL: none. */
static struct value *neutral_input(const struct node *n)
{
    double v;
    if (!neutral_of(n->op, &v))
        return NULL;
    for (int i = 1; i >= (op_table[n->op].flags & OP_COMMUTES ? 0 : 1); i--) {
        struct value *x = n->in[1 - i].value;
        const struct tensor *c = node_constant(n, i);
        if (x && c && all_equal(c, v) && fits_into(&c->shape, &x->type.shape))
            return x;
    }
    return NULL;
}

static bool is_view(const struct node *n)
{
    return n
        && (n->op == OP_Reshape || n->op == OP_Flatten || n->op == OP_Squeeze
            || n->op == OP_Unsqueeze);
}

/* The value further up with the same elements in the same shape; NULL: none. */
static struct value *same_view_above(const struct node *n)
{
    struct value *found = NULL;
    for (const struct node *up = n; is_view(up); up = up->in[0].value->def)
        if (same_view(shape_in(up), shape_out(n)))
            found = up->in[0].value;
    return found;
}

/* A Reshape does not care how its input was shaped, unless it copies dims of it. */
static bool skip_views(struct node *n)
{
    const struct tensor *shape = node_constant(n, 1);
    struct node *up = n->in[0].value->def;
    if (n->op != OP_Reshape || !is_view(up) || !shape)
        return false;
    for (int64_t i = 0, count = tensor_count(shape); i < count; i++)
        if (tensor_get_int(shape, i) == 0)
            return false;
    node_set_input(n, 0, up->in[0].value);
    return true;
}

/* A view of a view is a Reshape, if one of them is one or nearly so: Squeeze and Unsqueeze say more
 * of the axes. */
static bool merge_views(struct node *n)
{
    struct node *up = n->in[0].value->def;
    bool by_axes = n->op == OP_Squeeze || n->op == OP_Unsqueeze;
    if (!is_view(n) || !is_view(up) || !match_inner(n->in[0].value, up->op)
        || (by_axes && (up->op == OP_Squeeze || up->op == OP_Unsqueeze))
        || !shape_follows(shape_out(n)) || model_opset(n->graph->model, "") < 5)
        return false;
    struct build at = build_before(n);
    const struct shape *s = shape_out(n);
    struct arena *a = n->graph->model->arena;
    struct value *in[] = {up->in[0].value,
                          build_constant(&at, "shape", tensor_from_i64(a, s->dim, s->rank))};
    match_put(n, build_node(&at, OP_Reshape, 2, in, 1)->out[0]);
    return true;
}

/* Does the second type hold every number of the first? */
static bool type_holds(enum dtype from, enum dtype to)
{
    const struct dtype_info *a = dtype_info(from), *b = dtype_info(to);
    if (a->is_integer && b->is_integer)
        return b->min <= a->min && a->max <= b->max && b->bits >= a->bits
            && to != DTYPE_U64 && from != DTYPE_U64;
    bool half = from == DTYPE_F16 || from == DTYPE_BF16;
    return (half && (to == DTYPE_F32 || to == DTYPE_F64)) || (from == DTYPE_F32 && to == DTYPE_F64);
}

static bool skip_cast(struct node *n)
{
    struct node *up = value_def(n->in[0].value, OP_Cast);
    if (n->op != OP_Cast || !up
        || !type_holds(up->in[0].value->type.dtype, (enum dtype)node_int(up, "to", 0)))
        return false;
    node_set_input(n, 0, up->in[0].value);
    return true;
}

/* y = T2(T1(x)): axis i of y is axis p1[p2[i]] of x. T1 stays where others use it. */
static bool merge_transposes(struct node *n)
{
    struct node *up = value_def(n->in[0].value, OP_Transpose);
    if (n->op != OP_Transpose || !up)
        return false;
    int64_t perm[MAX_RANK];
    int rank = shape_in(n)->rank;
    size_t n1, n2;
    const int64_t *p1 = node_ints(up, "perm", &n1), *p2 = node_ints(n, "perm", &n2);
    if (rank < 0 || (p1 && n1 != (size_t)rank) || (p2 && n2 != (size_t)rank))
        return false;
    for (int i = 0; i < rank; i++) {
        int64_t k = p2 ? p2[i] : rank - 1 - i;
        if (k < 0 || k >= rank)
            return false;
        perm[i] = p1 ? p1[k] : rank - 1 - k;
    }
    node_set_ints(n, "perm", perm, (size_t)rank);
    node_set_input(n, 0, up->in[0].value);
    return true;
}

static int clean_node(struct node *n)
{
    if (n->op == OP_OTHER || !n->n_in || !n->in[0].value || !n->n_out || !n->out[0])
        return 0;
    int changes = merge_transposes(n) + skip_cast(n);
    struct value *x = is_idle(n) ? n->in[0].value : neutral_input(n);
    if (!x && is_view(n))
        x = same_view_above(n);
    if (!x)
        return changes + (skip_views(n) || merge_views(n));
    value_replace(n->out[0], x);
    node_remove(n);
    return changes + 1;
}

static int clean_graph(struct graph *g)
{
    int changes = 0;
    graph_each(g, n) {
        for (int i = 0; i < n->n_attr; i++) {
            if (n->attr[i].kind == ATTR_GRAPH)
                changes += clean_graph(n->attr[i].g);
            for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n; k++)
                changes += clean_graph(n->attr[i].graphs[k]);
        }
        changes += clean_node(n);
    }
    return changes;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)ctx;
    (void)err;
    int changes = clean_graph(m->graph);
    return changes + graph_sweep(m->graph);
}

const struct pass pass_clean_up = {
    .name = "clean-up",
    .summary = "drop nodes that compute nothing",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
