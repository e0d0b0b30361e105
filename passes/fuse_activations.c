/* SPDX-License-Identifier: Apache-2.0
 *
 * fuse-activations: an activation that is spelled out becomes one operator.
 *
 *     Clip(x + 3, 0, 6) / 6                               =>  HardSigmoid(x)        opset 6
 *     x * Clip(x + 3, 0, 6) / 6, x * HardSigmoid(x)       =>  HardSwish(x)          opset 14
 *     x * Tanh(Softplus(x))                               =>  Mish(x)               opset 18
 *     x / 2 * (1 + Erf(x / sqrt 2))                       =>  Gelu(x)               opset 20
 *     x / 2 * (1 + Tanh(sqrt(2/pi) (x + 0.044715 x^3)))   =>  Gelu(x), by tanh      opset 20
 *     x * Sigmoid(x)                                      =>  Swish(x)              opset 24
 *
 * In any order of the factors and with the numbers at any place; a Clip may be written as Relu, Min
 * and Max. Before opset 14 HardSwish becomes x * HardSigmoid(x). The opset is not raised for it,
 * and only operators are written that the target is better off with, see target.h.
 */
#include "bounds.h"
#include "match.h"
#include "pass.h"
#include "target.h"

#include <math.h>

enum { FACTORS = 3 };

struct product { /* number * factor * factor ... */
    double number;
    struct value *factor[FACTORS];
    int n;
};

struct ramp { /* clip(a x + b, lo, hi) */
    struct value *x;
    double a, b, lo, hi;
};

static struct node *inner(const struct value *v)
{
    return v->def ? match_inner(v, v->def->op) : NULL;
}

static bool product_of(struct node *n, struct product *p);

static bool product_add(struct value *v, struct product *p)
{
    struct node *n = v ? inner(v) : NULL;
    if (n && (n->op == OP_Mul || n->op == OP_Div) && product_of(n, p))
        return true;
    if (!v || p->n == FACTORS)
        return false;
    p->factor[p->n++] = v;
    return true;
}

/* Multiplies what the Mul or Div computes to p; false, and p as it was: it is no product, or has
 * too many factors. */
static bool product_of(struct node *n, struct product *p)
{
    struct product old = *p;
    double c;
    struct value *x = match_operand(n, &c);
    bool good = n->n_in == 2;
    if (x && (n->op == OP_Mul || n->op == OP_Div)) {
        p->number = n->op == OP_Mul ? p->number * c : p->number / c;
        good = product_add(x, p);
    } else {
        good = n->op == OP_Mul && product_add(n->in[0].value, p)
            && product_add(n->in[1].value, p);
    }
    if (!good)
        *p = old;
    return good;
}

/* v = a u + b through nodes that nothing else reads; returns u. */
static struct value *affine_of(struct value *v, double *a, double *b)
{
    struct node *n;
    struct value *u;
    double c;
    *a = 1;
    *b = 0;
    while ((n = inner(v)) && (u = match_operand(n, &c))) {
        if (n->op == OP_Add || n->op == OP_Sub)
            *b += n->op == OP_Add ? *a * c : -*a * c;
        else if (n->op == OP_Mul || n->op == OP_Div)
            *a = n->op == OP_Mul ? *a * c : *a / c;
        else
            break;
        v = u;
    }
    return v;
}

/* The limits of a Clip, Relu, Min or Max with a number; returns what is limited, NULL: another. */
static struct value *limits_of(const struct node *n, double *lo, double *hi)
{
    double c;
    struct value *x;
    if (bounds_of_clip(n, lo, hi))
        return node_input(n, 0);
    if ((n->op != OP_Min && n->op != OP_Max) || !(x = match_operand(n, &c)))
        return NULL;
    *lo = n->op == OP_Max ? c : -INFINITY;
    *hi = n->op == OP_Min ? c : INFINITY;
    return x;
}

/* The ramp that ends with node n; false: it has no limits. */
static bool ramp_of(struct node *n, struct ramp *r)
{
    struct value *x = NULL, *next;
    double lo, hi;
    *r = (struct ramp){.lo = -INFINITY, .hi = INFINITY};
    if (n->op == OP_HardSigmoid) {
        *r = (struct ramp){node_input(n, 0), (double)node_float(n, "alpha", 0.2f),
                           (double)node_float(n, "beta", 0.5f), 0, 1};
        return true;
    }
    for (; n && (next = limits_of(n, &lo, &hi)); n = inner(x)) {
        lo = fmin(fmax(lo, r->lo), r->hi);
        hi = fmin(fmax(hi, r->lo), r->hi);
        r->lo = lo;
        r->hi = hi;
        x = next;
    }
    if (!x)
        return false;
    r->x = affine_of(x, &r->a, &r->b);
    return true;
}

/* What is asked for while one node is rewritten. */
struct fuse {
    const struct target *target;
    int64_t opset;
    struct node *n;
};

static bool may_write(const struct fuse *f, enum op op, int since)
{
    return f->opset >= since && target_writes(f->target, op);
}

/* Does the node compute a number for each of x? One more axis may come from a constant. */
static bool is_shaped_as(const struct node *n, const struct value *x)
{
    int rank = x->type.shape.rank;
    return rank >= 0 && n->out[0]->type.shape.rank == rank && dtype_info(x->type.dtype)->is_float;
}

static struct node *put(struct fuse *f, enum op op, struct value *x)
{
    struct build at = build_before(f->n);
    struct node *made = build_node(&at, op, 1, &x, 1);
    pass_made(made);
    match_put(f->n, made->out[0]);
    return made;
}

/* The ramp times the number is a HardSigmoid. */
static bool is_hard_sigmoid(const struct ramp *r, double number)
{
    return r->lo == 0 && match_near(r->hi * number, 1) && r->b != 0;
}

static struct node *build_hard_sigmoid(struct build *at, const struct ramp *r, double number)
{
    struct value *x = r->x;
    struct node *made = build_node(at, OP_HardSigmoid, 1, &x, 1);
    node_set_float(made, "alpha", (float)(r->a * number));
    node_set_float(made, "beta", (float)(r->b * number));
    made->out[0]->type = x->type;
    return made;
}

static bool fuse_hard_sigmoid(struct fuse *f)
{
    struct product p = {.number = 1};
    struct ramp r;
    struct node *n = product_of(f->n, &p) ? (p.n == 1 ? inner(p.factor[0]) : NULL) : f->n;
    if (!n || n->op == OP_HardSigmoid || !ramp_of(n, &r) || !is_hard_sigmoid(&r, p.number)
        || !is_shaped_as(f->n, r.x) || !may_write(f, OP_HardSigmoid, 6))
        return false;
    struct build at = build_before(f->n);
    match_put(f->n, build_hard_sigmoid(&at, &r, p.number)->out[0]);
    return true;
}

/* x times the ramp that ends with `gate`. */
static bool fuse_hard_swish(struct fuse *f, struct value *x, double number, struct node *gate)
{
    struct ramp r;
    if (!ramp_of(gate, &r) || !is_hard_sigmoid(&r, number) || !is_shaped_as(gate, r.x))
        return false;
    bool swish = r.x == x && match_near(r.a * number, 1.0 / 6) && match_near(r.b * number, 0.5);
    if (swish && is_shaped_as(f->n, x) && may_write(f, OP_HardSwish, 14)) {
        put(f, OP_HardSwish, x);
        return true;
    }
    if (gate->op == OP_HardSigmoid || !may_write(f, OP_HardSigmoid, 6)
        || (!is_shaped_as(f->n, x) && !is_shaped_as(f->n, r.x)))
        return false;
    struct build at = build_before(f->n);
    struct value *made = build_hard_sigmoid(&at, &r, number)->out[0];
    match_put(f->n, build_node(&at, OP_Mul, 2, (struct value *[]){x, made}, 1)->out[0]);
    return true;
}

static bool fuse_mish(struct fuse *f, struct value *x, double number, struct node *gate)
{
    if (gate->op != OP_Tanh)
        return false;
    struct node *softplus = match_inner(gate->in[0].value, OP_Softplus);
    if (!softplus || softplus->in[0].value != x || number != 1 || !is_shaped_as(f->n, x)
        || !may_write(f, OP_Mish, 18))
        return false;
    put(f, OP_Mish, x);
    return true;
}

static bool fuse_swish(struct fuse *f, struct value *x, double number, struct node *gate)
{
    double a = 1, b = 0;
    if (gate->op != OP_Sigmoid || number != 1 || !is_shaped_as(f->n, x)
        || !may_write(f, OP_Swish, 24))
        return false;
    if (gate->in[0].value != x && (affine_of(gate->in[0].value, &a, &b) != x || b != 0))
        return false;
    node_set_float(put(f, OP_Swish, x), "alpha", (float)a);
    return true;
}

/* v = c x^power, as Pow or as a product. */
static bool is_power(struct value *v, const struct value *x, int power, double c)
{
    struct product p = {.number = 1};
    struct node *n = inner(v);
    double exponent;
    if (!n || ((n->op == OP_Mul || n->op == OP_Div) && !product_of(n, &p)))
        return false;
    if (n->op == OP_Pow)
        p.factor[p.n++] = v;
    if (!match_near(p.number, c))
        return false;
    n = p.n == 1 ? inner(p.factor[0]) : NULL;
    if (n && n->op == OP_Pow)
        return n->in[0].value == x && match_number(n, 1, &exponent) && exponent == power;
    for (int i = 0; i < p.n; i++)
        if (p.factor[i] != x)
            return false;
    return p.n == power;
}

/* v = sqrt(2/pi) (x + 0.044715 x^3), or with an x outside of the parentheses. */
static bool is_gelu_argument(struct value *v, const struct value *x)
{
    static const double cube = 0.044715;
    struct product p = {.number = 1};
    if (!product_add(v, &p) || !match_near(p.number, sqrt(2 / acos(-1))))
        return false;
    bool outside = p.n == 2 && (p.factor[0] == x || p.factor[1] == x);
    struct node *sum = outside  ? match_inner(p.factor[p.factor[0] == x], OP_Add)
                     : p.n == 1 ? match_inner(p.factor[0], OP_Add)
                                : NULL;
    double one = 0;
    struct value *power = !sum ? NULL : outside ? match_operand(sum, &one) : match_beside(sum, x);
    return power && (!outside || one == 1) && is_power(power, x, outside ? 2 : 3, cube);
}

/* x times number * (1 + Erf or Tanh). */
static bool fuse_gelu(struct fuse *f, struct value *x, double number, struct value *gate)
{
    double a, b, c, zero;
    struct value *v = affine_of(gate, &a, &b);
    struct node *n = inner(v);
    if (!n || (n->op != OP_Erf && n->op != OP_Tanh) || !match_near(a * number, 0.5)
        || !match_near(b * number, 0.5) || !is_shaped_as(f->n, x) || !may_write(f, OP_Gelu, 20))
        return false;
    bool erf = n->op == OP_Erf;
    v = n->in[0].value;
    if (erf ? affine_of(v, &c, &zero) != x || zero != 0 || !match_near(c, sqrt(0.5))
            : !is_gelu_argument(v, x))
        return false;
    struct node *made = put(f, OP_Gelu, x);
    if (!erf)
        node_set_string(made, "approximate", "tanh");
    return true;
}

static int fuse_node(struct node *n, void *data)
{
    struct fuse *f = data;
    struct product p = {.number = 1};
    f->n = n;
    if (!n->n_out || !n->out[0] || !n->n_in || !n->in[0].value)
        return 0;
    if (fuse_hard_sigmoid(f))
        return 1;
    if ((n->op != OP_Mul && n->op != OP_Div) || !product_of(n, &p) || p.n != 2)
        return 0;
    for (int i = 0; i < 2; i++) {
        struct node *gate = inner(p.factor[i]);
        struct value *x = p.factor[!i];
        if (gate && (fuse_hard_swish(f, x, p.number, gate) || fuse_mish(f, x, p.number, gate)
                     || fuse_swish(f, x, p.number, gate)
                     || fuse_gelu(f, x, p.number, p.factor[i])))
            return 1;
    }
    return 0;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    struct fuse f = {.target = ctx->target, .opset = pass_opset(ctx, m)};
    int changes = match_each(m->graph, fuse_node, &f);
    graph_sweep(m->graph);
    return changes;
}

const struct pass pass_fuse_activations = {
    .name = "fuse-activations",
    .summary = "write an activation that is spelled out as one operator",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
