/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_fuse: what a convolution or matrix product does to its result along the way.
 *
 *     head -> Add constant per channel -> Add value -> activation
 *
 * The activation is Relu, Clip, LeakyRelu, HardSwish, Swish or Gelu; HardSwish and Swish may be
 * spelled as the product of the value and its HardSigmoid or Sigmoid, before which it may be
 * multiplied by a number for each channel. That product is one step behind other heads, too.
 *
 * Each follower is optional. A value between two of them must have one use, which sees it as it was
 * computed, and nobody may want to watch it. These are properties of the graph that do not change
 * when quants are lowered to nodes: so the simulation of an annotated graph and a run of the
 * lowered one call the same kernels.
 */
#include "exec_plan.h"

#include <math.h>
#include <string.h>

/* The value behind input slot i is a fixed float scalar. */
static bool fixed_scalar(const struct exec *x, const struct step *s, int i, float *v)
{
    if (i >= s->n_in || s->in[i].value < 0)
        return true;
    if (!x->place[s->in[i].value].fixed)
        return false;
    const struct tensor *t = fixed_tensor(x, s->in[i]);
    if (t->dtype != DTYPE_F32 || tensor_count(t) != 1)
        return false;
    *v = *tensor_f32(t);
    return true;
}

/* An activation that a kernel can do along the way. */
static bool tail_limits(const struct exec *x, const struct step *s, struct tail *t)
{
    t->lo = 0;
    t->hi = INFINITY;
    switch (s->node->op) {
    case OP_Relu:
        t->kind = TAIL_CLIP;
        return true;
    case OP_LeakyRelu:
        t->kind = TAIL_LEAKY;
        t->lo = node_float(s->node, "alpha", 0.01f);
        return true;
    case OP_Clip:
        t->kind = TAIL_CLIP;
        t->lo = node_float(s->node, "min", -INFINITY);
        t->hi = node_float(s->node, "max", INFINITY);
        return fixed_scalar(x, s, 1, &t->lo) && fixed_scalar(x, s, 2, &t->hi);
    case OP_HardSwish:
        t->kind = TAIL_HARD_SWISH;
        return true;
    case OP_Swish:
        t->kind = TAIL_SWISH;
        t->lo = node_float(s->node, "alpha", 1);
        return true;
    case OP_QuickGelu:
        t->kind = TAIL_SWISH;
        t->lo = node_float(s->node, "alpha", 1.702f);
        return true;
    case OP_MsGelu:
    case OP_Gelu:
        t->kind = TAIL_GELU;
        return node_string_is(s->node, "approximate", "none", "none");
    default:
        return false;
    }
}

/* Do the readers of output 0 see it as it was computed, and nobody else? */
static bool is_inner(const struct exec *x, const struct step *s)
{
    if (s->n_out < 1 || s->out[0] < 0)
        return false;
    const struct place *p = &x->place[s->out[0]];
    return !p->wanted && !p->read[FACE_ROUNDED] && !p->read[FACE_CODES];
}

/* May the only reader of output 0 take it over? */
static bool passes_on(const struct exec *x, const struct step *s)
{
    return is_inner(x, s) && value_used_once(x->place[s->out[0]].value);
}

static bool has_bias(const struct step *head)
{
    return head->bias.value >= 0 || (head->n_in > 2 && head->in[2].value >= 0);
}

/* Is the fixed operand one number for each channel of the head's result? The weight tells the rank
 * of a convolution's result; a matrix product keeps the rank of its left side. */
static bool is_bias(const struct exec *x, const struct step *head, struct operand o)
{
    const struct tensor *t = fixed_tensor(x, o);
    const struct place *w = &x->place[head->in[1].value];
    if (t->dtype != DTYPE_F32 || !w->fixed)
        return false;
    const struct shape *s = &t->shape, *ws = &fixed_tensor(x, head->in[1])->shape;
    if (!(head->op->flags & OP_CHANNELS_LAST)) /* Gemm, MatMul */
        return ws->rank == 2 && s->rank == 1 && s->dim[0] > 1;
    int axis = s->rank - (ws->rank - 1); /* of channels in the operand */
    if (axis < 0 || axis > 1)
        return false;
    return s->dim[axis] > 1 && s->dim[axis] == tensor_count(t);
}

/* Takes follower f, which reads the chain's value, into the tail; false: it does not fit there. */
static bool take(const struct exec *x, struct step *s, const struct step *f, int chain)
{
    if (s->tail.kind != TAIL_NONE)
        return false;
    if (f->node->op != OP_Add)
        return f->in[0].value == chain && tail_limits(x, f, &s->tail);
    struct operand other = f->in[f->in[0].value == chain];
    if (other.value == chain || s->add.value >= 0)
        return false;
    if (!x->place[other.value].fixed)
        s->add = other;
    else if (!has_bias(s) && is_bias(x, s, other))
        s->bias = other;
    else
        return false;
    return true;
}

enum { MAX_PARTS = 6 };

/* The followers of one step, while they are gathered. */
struct chain {
    struct step *step; /* of the block */
    const int *step_of;
    const bool *gone;
    struct step head;
    int part[MAX_PARTS], n_parts;
};

/* The step that reads a value, if it can be joined; -1: none. */
static int free_user(const struct chain *c, const struct use *u)
{
    int i = u && u->user ? c->step_of[u->user->id] : -1;
    return i < 0 || c->gone[i] || c->step[i].n_parts ? -1 : i;
}

static bool take_only_user(const struct exec *x, struct chain *c)
{
    const struct step *last = &c->step[c->part[c->n_parts - 1]];
    if (c->n_parts == MAX_PARTS || !passes_on(x, last))
        return false;
    int next = free_user(c, x->place[last->out[0]].value->uses);
    if (next < 0 || !take(x, &c->head, &c->step[next], last->out[0]))
        return false;
    c->part[c->n_parts++] = next;
    return true;
}

static bool is_same(struct operand a, struct operand b)
{
    return a.value == b.value && a.face == b.face;
}

/* The steps of x * Sigmoid(alpha * x), or x * HardSigmoid(x). */
struct gate {
    struct operand x, alpha;
    int part[3], n;
};

/* The step that alone reads what the last of the gate computes; -1: none. */
static int gate_next(const struct exec *x, const struct chain *c, const struct gate *g)
{
    const struct step *last = &c->step[g->part[g->n - 1]];
    return passes_on(x, last) ? free_user(c, x->place[last->out[0]].value->uses) : -1;
}

/* One number for each channel, as far as the shape tells. */
static bool is_alpha(const struct exec *x, struct operand o)
{
    if (o.value < 0 || !x->place[o.value].fixed)
        return false;
    const struct tensor *t = fixed_tensor(x, o);
    int wide = 0;
    for (int i = 0; i < t->shape.rank; i++)
        wide += t->shape.dim[i] != 1;
    return t->dtype == DTYPE_F32 && wide == 1;
}

static bool is_gate(const struct step *s, bool scaled)
{
    if (s->node->op == OP_Sigmoid)
        return true;
    return s->node->op == OP_HardSigmoid && !scaled
        && fabsf(node_float(s->node, "alpha", 0.2f) - 1.0f / 6) <= 1e-6f
        && node_float(s->node, "beta", 0.5f) == 0.5f;
}

/* Is step i the first of a gate on what it reads? */
static bool find_gate(const struct exec *x, const struct chain *c, int i, struct gate *g)
{
    const struct step *s = &c->step[i];
    *g = (struct gate){.alpha = {.value = -1}, .part = {i}, .n = 1};
    if (s->node->op == OP_Mul) {
        int k = is_alpha(x, s->in[0]);
        if (!is_alpha(x, s->in[!k]))
            return false;
        g->x = s->in[k];
        g->alpha = s->in[!k];
        if ((i = gate_next(x, c, g)) < 0)
            return false;
        s = &c->step[i];
        g->part[g->n++] = i;
    } else {
        g->x = s->in[0];
    }
    if (!is_gate(s, g->n > 1) || (i = gate_next(x, c, g)) < 0)
        return false;
    const struct step *product = &c->step[i];
    int gate = s->out[0];
    if (product->node->op != OP_Mul
        || !is_same(product->in[product->in[0].value == gate], g->x))
        return false;
    g->part[g->n++] = i;
    return true;
}

static void take_gate(struct step *s, const struct chain *c, const struct gate *g)
{
    const struct step *last = &c->step[g->part[g->n - 2]];
    s->tail.kind = last->node->op == OP_Sigmoid ? TAIL_SWISH : TAIL_HARD_SWISH;
    s->tail.lo = 1;
    s->alpha = g->alpha;
}

/* The value is read twice: by a gate, and by the product with that. */
static bool take_gated(const struct exec *x, struct chain *c)
{
    const struct step *last = &c->step[c->part[c->n_parts - 1]];
    struct gate g;
    if (c->head.tail.kind != TAIL_NONE || !is_inner(x, last))
        return false;
    const struct use *u = x->place[last->out[0]].value->uses;
    if (!u || !u->next || u->next->next)
        return false;
    int a = free_user(c, u), b = free_user(c, u->next);
    int first = a < b ? a : b; /* steps are in order */
    if (first < 0 || !find_gate(x, c, first, &g) || g.x.value != last->out[0]
        || c->n_parts + g.n > MAX_PARTS)
        return false;
    take_gate(&c->head, c, &g);
    for (int k = 0; k < g.n; k++)
        c->part[c->n_parts++] = g.part[k];
    return true;
}

/* Gathers the followers of step i, or the gate that it begins; the whole takes the place of the
 * last of them. */
static void fuse_step(struct exec *x, struct step *step, int i, const int *step_of, bool *gone)
{
    struct chain c = {step, step_of, gone, step[i], {i}, 1};
    struct gate g;
    if (step[i].op->flags & OP_TAIL) {
        while (take_only_user(x, &c) || take_gated(x, &c))
            continue;
    } else if (find_gate(x, &c, i, &g)) {
        c.head = step[g.part[g.n - 2]];
        c.head.gates = true;
        c.head.in = arena_copy(&x->arena, &g.x, sizeof g.x);
        take_gate(&c.head, &c, &g);
        memcpy(c.part, g.part, sizeof g.part);
        c.n_parts = g.n;
    }
    if (c.n_parts == 1)
        return;
    struct step *s = &c.head;
    s->part = NEW_ARRAY(&x->arena, c.n_parts, struct step);
    s->n_parts = c.n_parts;
    for (int k = 0; k < c.n_parts; k++) {
        s->part[k] = step[c.part[k]];
        gone[c.part[k]] = true;
    }
    int last = c.part[c.n_parts - 1];
    s->out = step[last].out;
    s->index = x->n_all++;
    step[last] = *s;
    gone[last] = false;
}

void plan_fuse(struct exec *x, struct block *b, int *step_of)
{
    struct step *step = b->step;
    int n = b->n_steps;
    bool *gone = NEW_ARRAY(&x->arena, n, bool);
    for (int i = 0; i < n; i++)
        step_of[step[i].node->id] = i;
    for (int i = 0; i < n; i++)
        if (!gone[i] && !step[i].n_parts && !step[i].codes.each)
            fuse_step(x, step, i, step_of, gone);
    for (const struct node *node = b->graph->first; node; node = node->next)
        step_of[node->id] = -1;
    b->n_steps = 0;
    for (int i = 0; i < n; i++)
        if (!gone[i])
            step[b->n_steps++] = step[i];
}
