/* SPDX-License-Identifier: Apache-2.0
 *
 * fuse-norms: a normalization that is spelled out becomes one operator.
 *
 *     d = x - mean(x), d / sqrt(mean(d^2) + epsilon) * scale + bias
 *                                                =>  LayerNormalization(x, scale, bias)  opset 17
 *     x / sqrt(mean(x^2) + epsilon) * scale      =>  RMSNormalization(x, scale)          opset 23
 *
 * The means are over the last axes. The root may be multiplied as Reciprocal(Sqrt), 1 / Sqrt or
 * Pow(., -0.5), and the square be Pow or a product. Scale and bias are constants of the shape of
 * these axes; without a scale it is all ones. The opset is not raised for it.
 */
#include "match.h"
#include "pass.h"
#include "target.h"

#include <math.h>

struct norm {
    struct value *x;
    struct node *core;           /* the division by the root */
    struct value *scale, *bias;  /* NULL: none */
    bool centred;                /* LayerNormalization */
    int axis;                    /* the first that the means are over */
    double epsilon;
};

/* The first axis of a mean over the last ones that keeps them; -1: it is another reduction. */
static int mean_axis(const struct node *mean)
{
    size_t count = 0;
    const int64_t *given = node_ints(mean, "axes", &count);
    const struct tensor *t = node_constant(mean, 1);
    int rank = mean->in[0].value->type.shape.rank, first = rank;
    if (t)
        count = (size_t)tensor_count(t);
    if (rank < 1 || !count || (!t && !given) || !node_int(mean, "keepdims", 1))
        return -1;
    unsigned seen = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t v = t ? tensor_get_int(t, (int64_t)i) : given[i];
        int axis = shape_axis(&mean->in[0].value->type.shape, v);
        if (axis < 0)
            return -1;
        seen |= 1u << axis;
        first = axis < first ? axis : first;
    }
    return seen == (1u << rank) - (1u << first) ? first : -1;
}

/* What v is the square of; NULL: it is none. */
static struct value *square_of(const struct value *v)
{
    double exponent;
    struct node *pow = match_inner(v, OP_Pow), *mul = match_inner(v, OP_Mul);
    if (pow && match_number(pow, 1, &exponent) && exponent == 2)
        return pow->in[0].value;
    return mul && mul->in[0].value == mul->in[1].value ? mul->in[0].value : NULL;
}

/* v = sqrt(mean(d^2) + epsilon) or, if inverse, 1 / that; false: it is not. */
static bool root_of(const struct value *v, bool inverse, struct value *d, struct norm *y)
{
    double number;
    struct node *n = v->def, *sum, *mean;
    if (!n || !value_used_once(v))
        return false;
    if (inverse && n->op == OP_Div && match_number(n, 0, &number) && number == 1)
        return root_of(n->in[1].value, false, d, y);
    if (inverse && n->op == OP_Reciprocal)
        return root_of(n->in[0].value, false, d, y);
    bool power = n->op == OP_Pow && match_number(n, 1, &number)
              && number == (inverse ? -0.5 : 0.5);
    if (!power && (inverse || n->op != OP_Sqrt))
        return false;
    struct value *m;
    if (!(sum = match_inner(n->in[0].value, OP_Add)) || !(m = match_operand(sum, &y->epsilon))
        || !(mean = match_inner(m, OP_ReduceMean)) || square_of(mean->in[0].value) != d)
        return false;
    y->axis = mean_axis(mean);
    return y->axis >= 0;
}

/* d = x - mean(x): y computes with x then. */
static void find_centre(struct value *d, struct norm *y)
{
    struct node *sub = value_def(d, OP_Sub);
    struct node *mean = sub ? value_def(node_input(sub, 1), OP_ReduceMean) : NULL;
    y->x = d;
    y->centred = mean && mean->in[0].value == sub->in[0].value && mean_axis(mean) == y->axis;
    if (y->centred)
        y->x = sub->in[0].value;
}

/* n divides by the root; false: it does something else. */
static bool core_of(struct node *n, struct norm *y)
{
    *y = (struct norm){.core = n};
    if ((n->op != OP_Div && n->op != OP_Mul) || !n->in[0].value || !n->in[1].value)
        return false;
    bool mul = n->op == OP_Mul;
    for (int i = 0; i <= mul; i++) {
        struct value *d = n->in[i].value;
        if (root_of(n->in[!i].value, mul, d, y)) {
            find_centre(d, y);
            return n->out[0]->type.shape.rank == d->type.shape.rank;
        }
    }
    return false;
}

/* Does a constant have a number for each place that is normalized, of the type of x? */
static bool fits(const struct norm *y, const struct value *c)
{
    const struct shape *s = &y->x->type.shape;
    if (!c || !c->constant || c->constant->shape.rank != s->rank - y->axis
        || c->constant->dtype != y->x->type.dtype)
        return false;
    for (int i = y->axis; i < s->rank; i++)
        if (s->dim[i] < 0 || s->dim[i] != c->constant->shape.dim[i - y->axis])
            return false;
    return true;
}

/* The constant that fits in a node of this op that reads v; NULL: none. */
static struct value *parameter(const struct norm *y, const struct node *n, enum op op,
                               const struct value *v)
{
    struct value *c = n && n->op == op ? match_beside(n, v) : NULL;
    return fits(y, c) ? c : NULL;
}

/* Takes scale and bias behind the core along; returns the last node. */
static struct node *take_parameters(struct norm *y)
{
    struct node *last = y->core, *next = value_user_behind(last->out[0]);
    if ((y->scale = parameter(y, next, OP_Mul, last->out[0]))) {
        last = next;
        next = value_user_behind(last->out[0]);
    }
    if (y->centred && (y->bias = parameter(y, next, OP_Add, last->out[0])))
        last = next;
    return last;
}

/* NULL: the sizes are not known. */
static struct value *build_ones(struct build *at, const struct norm *y)
{
    const struct shape *s = &y->x->type.shape;
    struct shape inner = shape_of(s->rank - y->axis, s->dim + y->axis);
    if (!shape_known(&inner))
        return NULL;
    struct tensor *t = tensor_new(at->graph->model->arena, y->x->type.dtype, &inner);
    for (int64_t i = 0, n = tensor_count(t); i < n; i++)
        dtype_store(t->dtype, t->data, i, 1);
    return build_constant(at, "scale", t);
}

/* What is asked for while one graph is rewritten. */
struct fuse {
    const struct target *target;
    int64_t opset;
};

static int fuse_node(struct node *n, void *data)
{
    const struct fuse *f = data;
    struct norm y;
    if (n->n_in != 2 || !n->out[0] || !core_of(n, &y))
        return 0;
    enum dtype dtype = y.x->type.dtype;
    enum op op = y.centred ? OP_LayerNormalization : OP_RMSNormalization;
    if (f->opset < (y.centred ? 17 : 23) || !target_writes(f->target, op)
        || (dtype != DTYPE_F32 && dtype != DTYPE_F16 && dtype != DTYPE_BF16))
        return 0;
    struct node *last = take_parameters(&y);
    struct build at = build_before(last);
    if (!y.scale && !(y.scale = build_ones(&at, &y)))
        return 0;
    struct value *in[] = {y.x, y.scale, y.bias};
    struct node *made = build_node(&at, op, y.bias ? 3 : 2, in, 1);
    node_set_int(made, "axis", y.axis - y.x->type.shape.rank);
    node_set_float(made, "epsilon", (float)y.epsilon);
    pass_made(made);
    made->out[0]->type = last->out[0]->type;
    value_swap_names(last->out[0], made->out[0]);
    value_replace(last->out[0], made->out[0]);
    return 1;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    struct fuse f = {ctx->target, pass_opset(ctx, m)};
    int changes = match_each(m->graph, fuse_node, &f);
    graph_sweep(m->graph);
    return changes;
}

const struct pass pass_fuse_norms = {
    .name = "fuse-norms",
    .summary = "write a normalization that is spelled out as one operator",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
