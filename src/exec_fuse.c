/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_fuse: what a convolution or matrix product does to its result along the way.
 *
 *     head -> Add constant per channel -> Add value -> Relu | Clip | LeakyRelu
 *
 * Each follower is optional. A value between two of them must have one use, which sees it as it was
 * computed, and nobody may want to watch it. These are properties of the graph that do not change
 * when quants are lowered to nodes: so the simulation of an annotated graph and a run of the
 * lowered one call the same kernels.
 */
#include "exec_plan.h"

#include <math.h>

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
    default:
        return false;
    }
}

/* May the only reader of output 0 take it over? */
static bool passes_on(const struct exec *x, const struct step *s)
{
    if (s->n_out < 1 || s->out[0] < 0)
        return false;
    const struct place *p = &x->place[s->out[0]];
    return !p->wanted && !p->read[FACE_ROUNDED] && !p->read[FACE_CODES]
        && value_used_once(p->value);
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

/* Gathers the followers of step i; the whole takes the place of the last of them. */
static void fuse_step(struct exec *x, struct step *step, int i, const int *step_of, bool *gone)
{
    enum { MAX_PARTS = 4 };
    int part[MAX_PARTS] = {i}, n_parts = 1;
    struct step s = step[i];
    while (n_parts < MAX_PARTS && passes_on(x, &step[part[n_parts - 1]])) {
        int chain = step[part[n_parts - 1]].out[0];
        int next = step_of[value_only_user(x->place[chain].value)->id];
        if (next < 0 || gone[next] || step[next].n_parts || !take(x, &s, &step[next], chain))
            break;
        part[n_parts++] = next;
    }
    if (n_parts == 1)
        return;
    s.part = NEW_ARRAY(&x->arena, n_parts, struct step);
    s.n_parts = n_parts;
    for (int k = 0; k < n_parts; k++) {
        s.part[k] = step[part[k]];
        gone[part[k]] = true;
    }
    int last = part[n_parts - 1];
    s.out = step[last].out;
    s.index = x->n_all++;
    step[last] = s;
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
        if (!gone[i] && !step[i].n_parts && step[i].op->flags & OP_TAIL)
            fuse_step(x, step, i, step_of, gone);
    for (const struct node *node = b->graph->first; node; node = node->next)
        step_of[node->id] = -1;
    b->n_steps = 0;
    for (int i = 0; i < n; i++)
        if (!gone[i])
            step[b->n_steps++] = step[i];
}
