/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_between: operators between quantizers.
 *
 *     an annotated graph      a, b with quants  ->  Add  ->  [Relu | Clip]  ->  y with a quant
 *     a lowered graph         DequantizeLinear  ->  Add  ->  [Relu | Clip]  ->  QuantizeLinear
 *
 * ONNX Runtime replaces the latter by one operator on codes where nobody else reads what is in
 * between, all codes have one type, and the limits do nothing that the last codes do not do by
 * themselves. Its arithmetic rounds elsewhere than the three nodes do; so the step is one here as
 * well, in the same cases, which are told by the graph alone.
 */
#include "exec_codes.h"

#include "ops/coded.h"
#include "quant.h"

#include <math.h>

/* A constant scalar, or an attribute of older versions; false: it is computed. */
static bool read_limit(const struct node *n, int slot, const char *name, float *v)
{
    const struct tensor *t = node_constant(n, slot);
    *v = node_float(n, name, *v);
    if (!node_input(n, slot))
        return true;
    if (!t || t->dtype != DTYPE_F32 || tensor_count(t) != 1)
        return false;
    *v = *tensor_f32(t);
    return true;
}

static bool read_limits(const struct node *n, struct tail *t)
{
    *t = (struct tail){.kind = TAIL_CLIP, .lo = -INFINITY, .hi = INFINITY};
    if (n->op == OP_Clip)
        return read_limit(n, 1, "min", &t->lo) && read_limit(n, 2, "max", &t->hi);
    t->lo = 0;
    return n->op == OP_Relu;
}

static bool is_contained(const struct quant *q, const struct tail *t)
{
    float least = (float)(quant_min(&q->type) - q->zero[0]) * q->scale[0];
    float most = (float)(quant_max(&q->type) - q->zero[0]) * q->scale[0];
    return least >= t->lo && most <= t->hi;
}

static bool has_plain_use(const struct value *v)
{
    value_each_use(v, u)
        if (u->plain)
            return true;
    return false;
}

/* What v is rounded to, maybe behind limits; NULL: it is read otherwise as well, or not rounded. */
static const struct quant *find_end(struct exec *x, const struct value *v, struct coded *c)
{
    for (;;) {
        if (x->place[v->id].wanted)
            return NULL;
        if (x->mode == EXEC_SIMULATE && v->quant && v->quant->scale)
            return has_plain_use(v) ? NULL : v->quant;
        const struct node *user = value_only_user(v);
        if (!user || user->in[0].value != v || user->graph != v->graph)
            return NULL;
        if (user->op == OP_QuantizeLinear) {
            c->rounds = user;
            return codes_rounded(x, user);
        }
        if (c->limits || !read_limits(user, &c->tail))
            return NULL;
        c->limits = user;
        v = user->out[0];
    }
}

/* An int8 constant stays int8 in ONNX Runtime, where everything else becomes uint8. */
static bool types_agree(const struct exec *x, const struct coded *c, int n)
{
    for (int i = 0; i < n; i++)
        if (!codes_fit(c->codes.each[i]) || c->codes.each[i]->type.dtype != c->codes.y->type.dtype
            || (c->codes.y->type.dtype == DTYPE_I8 && x->place[c->in[i].value].constant))
            return false;
    return codes_fit(c->codes.y) && !c->codes.y->type.narrow;
}

struct coded *between_find(struct exec *x, const struct node *n, const bool *once)
{
    struct coded c = {.in = {{.value = -1}, {.value = -1}, {.value = -1}}};
    int n_in = coded_inputs(n->op);
    if (!n_in || n->n_in != n_in || n->n_out != 1 || !n->out[0] || once[n->out[0]->id])
        return NULL;
    const struct quant **each = NEW_ARRAY(&x->arena, n_in, const struct quant *);
    for (int i = 0; i < n_in; i++)
        if (!n->in[i].value || !codes_find(x, &n->in[i], &c.in[i], &each[i]))
            return NULL;
    c.codes.each = each;
    c.codes.x = each[0];
    c.codes.y = find_end(x, n->out[0], &c);
    if (!c.codes.y || !types_agree(x, &c, n_in)
        || (c.limits && !is_contained(c.codes.y, &c.tail)))
        return NULL;
    return arena_copy(&x->arena, &c, sizeof c);
}

static int step_of(const struct step *step, int n, int i, const struct node *node)
{
    while (++i < n)
        if (step[i].node == node)
            return i;
    BUG("%s has no step of its own", node_title(node));
}

void between_join(struct exec *x, struct step *step, int n, int i, bool *gone)
{
    const struct coded *c = x->coded[step[i].node->id];
    const struct node *behind[2] = {c->limits, c->rounds};
    struct step s = step[i];
    int last = i;
    s.part = NEW_ARRAY(&x->arena, 3, struct step);
    s.part[s.n_parts++] = step[i];
    for (int k = 0; k < 2; k++) {
        if (!behind[k])
            continue;
        gone[last] = true;
        last = step_of(step, n, last, behind[k]);
        s.part[s.n_parts++] = step[last];
    }
    if (c->limits)
        s.tail = c->tail;
    if (!c->rounds)
        s.face = FACE_CODES;
    if (s.n_parts == 1) {
        s.n_parts = 0;
        s.part = NULL;
    } else {
        s.index = x->n_all++;
    }
    s.out = step[last].out;
    step[last] = s;
}
