/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_codes: which steps compute on codes, as integer kernels of runtimes do.
 *
 *     an annotated graph      x, w with quants  ->  Conv  ->  [Relu | Clip]  ->  y with a quant
 *     a lowered graph         DequantizeLinear  ->  Conv  ->  [Relu | Clip]  ->  QuantizeLinear
 *
 * are the same step: it reads the codes of x, w and the bias, and writes those of y where nobody
 * wants y itself. So simulation and a run of the lowered graph agree to the bit, and both agree
 * with a runtime that sums integers exactly.
 *
 * A step qualifies by types and by what is constant. Scales are looked at when the graph is opened
 * only to tell whether a bias has the scale that sums have.
 */
#include "exec_codes.h"

#include <float.h>

const struct quant *codes_stated(struct exec *x, const struct node *n, enum dtype dtype)
{
    const struct tensor *scale = node_constant(n, 1), *zero = node_constant(n, 2);
    bool knows_zero = zero || !node_input(n, 2);
    if (!knows_zero || !scale || scale->dtype != DTYPE_F32 || scale->shape.rank > 1
        || node_int(n, "block_size", 0))
        return NULL;
    dtype = zero ? zero->dtype : dtype;
    struct quant *q = NEW(&x->arena, struct quant);
    q->n = tensor_count(scale);
    q->type = (struct qtype){.dtype = dtype, .grain = q->n == 1 ? GRAIN_TENSOR : GRAIN_CHANNEL,
                             .axis = (int)node_int(n, "axis", 1)};
    q->scale = tensor_f32(scale);
    q->zero = NEW_ARRAY(&x->arena, q->n, int32_t);
    for (int64_t i = 0; zero && i < q->n; i++)
        q->zero[i] = (int32_t)tensor_get_int(zero, tensor_count(zero) == 1 ? 0 : i);
    return q;
}

const struct quant *codes_rounded(struct exec *x, const struct node *n)
{
    return codes_stated(x, n, (enum dtype)node_int(n, "output_dtype", DTYPE_U8));
}

bool codes_find(struct exec *x, const struct use *u, struct operand *o, const struct quant **q)
{
    const struct value *v = u->value;
    if (x->mode == EXEC_SIMULATE && v->quant && v->quant->scale && !u->plain) {
        *o = (struct operand){v->id, FACE_CODES};
        *q = v->quant;
        return true;
    }
    struct node *n = value_def(v, OP_DequantizeLinear);
    struct value *codes = n ? node_input(n, 0) : NULL;
    if (!codes)
        return false;
    *o = (struct operand){codes->id, FACE_COMPUTED};
    *q = codes_stated(x, n, codes->constant ? codes->constant->dtype : codes->type.dtype);
    return *q;
}

static bool is_byte(enum dtype t)
{
    return t == DTYPE_U8 || t == DTYPE_I8;
}

bool codes_fit(const struct quant *q)
{
    return is_byte(q->type.dtype) && q->type.grain == GRAIN_TENSOR && q->n == 1;
}

/* The axis of output channels in the weight; -1: the node computes something else with it. */
static int channel_axis(const struct node *n, const struct shape *weight)
{
    switch (n->op) {
    case OP_MatMul:
        return weight->rank == 2 ? 1 : -1;
    case OP_Gemm:
        if (node_int(n, "transA", 0) || node_float(n, "alpha", 1) != 1
            || node_float(n, "beta", 1) != 1)
            return -1;
        return node_int(n, "transB", 0) ? 0 : 1;
    default:
        return 0;
    }
}

static bool weight_fits(const struct exec *x, const struct node *n, struct operand o,
                        const struct quant *q)
{
    const struct tensor *t = x->place[o.value].constant;
    int axis = t ? channel_axis(n, &t->shape) : -1;
    if (q->type.dtype != DTYPE_I8 || q->type.grain == GRAIN_BLOCK || axis < 0
        || tensor_count(t) == 0)
        return false;
    for (int64_t i = 0; i < q->n; i++)
        if (q->zero[i])
            return false;
    return q->n == 1 || q->type.axis == axis;
}

/* Is the bias in int32 codes of the scale that the sums have? There is one for each channel, or one
 * where the weight has one as well. */
static bool bias_fits(const struct coded *c, const struct quant *q, const struct value *bias)
{
    const struct quant *w = c->codes.w;
    if (q->type.dtype != DTYPE_I32 || !bias->constant || (q->n != w->n && w->n != 1)
        || (q->n != 1 && q->n != tensor_count(bias->constant)))
        return false;
    for (int64_t i = 0; i < q->n; i++) {
        float scale = c->codes.x->scale[0] * w->scale[w->n == 1 ? 0 : i];
        if (q->scale[i] != (scale > FLT_MIN ? scale : FLT_MIN) || q->zero[i])
            return false;
    }
    return true;
}

static struct coded *find_coded(struct exec *x, const struct node *n)
{
    struct coded c = {.in = {{.value = -1}, {.value = -1}, {.value = -1}}};
    const struct quant *bias;
    if (!(op_table[n->op].flags & OP_CODES) || n->n_in < 2 || !n->in[0].value || !n->in[1].value
        || !codes_find(x, &n->in[0], &c.in[0], &c.codes.x) || !codes_fit(c.codes.x)
        || !codes_find(x, &n->in[1], &c.in[1], &c.codes.w)
        || !weight_fits(x, n, c.in[1], c.codes.w))
        return NULL;
    struct operand o;
    if (n->n_in > 2 && n->in[2].value && codes_find(x, &n->in[2], &o, &bias)
        && bias_fits(&c, bias, x->place[o.value].value)) {
        c.in[2] = o;
        c.codes.bias = true;
    }
    struct coded *kept = NEW(&x->arena, struct coded);
    *kept = c;
    return kept;
}

static bool is_once(const struct node *n, const bool *once)
{
    bool all = op_table[n->op].eval && !(op_table[n->op].flags & OP_RANDOM);
    for (int i = 0; i < n->n_in && all; i++)
        all = !n->in[i].value || n->in[i].value->constant || once[n->in[i].value->id];
    return all;
}

/* once: values, by id, that depend on constants alone. */
static void code_graph(struct exec *x, const struct graph *g, bool *once)
{
    const struct graph *body;
    for (const struct node *n = g->first; n; n = n->next) {
        bool fixed = is_once(n, once);
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                once[n->out[i]->id] = fixed;
        x->coded[n->id] = find_coded(x, n);
        if (!x->coded[n->id])
            x->coded[n->id] = between_find(x, n, once);
        for (int k = 0; (body = node_body(n, k)); k++)
            code_graph(x, body, once);
    }
}

void plan_codes(struct exec *x)
{
    x->coded = NEW_ARRAY(&x->arena, x->graph->model->n_nodes, struct coded *);
    code_graph(x, x->graph, NEW_ARRAY(&x->arena, x->n_values, bool));
}

/* May the step round its result itself? It adds nothing to it but the bias in codes, and what it
 * does last is a limit or nothing. */
static bool may_round(const struct step *s)
{
    bool float_bias = s->n_in > 2 && s->in[2].value >= 0 && !s->codes.bias;
    return s->codes.x && !float_bias && s->bias.value < 0 && s->add.value < 0
        && (s->tail.kind == TAIL_NONE || s->tail.kind == TAIL_CLIP);
}

/* The step that rounds value v, its only reader, in a lowered graph; -1: there is none. */
static int rounding_step(const struct exec *x, const struct value *v, const struct step *step,
                         int n)
{
    const struct node *user = value_only_user(v);
    if (!user || user->op != OP_QuantizeLinear || user->in[0].value != v)
        return -1;
    for (int i = 0; i < n; i++)
        if (step[i].node == user)
            return x->place[v->id].wanted ? -1 : i;
    return -1;
}

/* Step k, which rounds what step i computes, becomes the last part of it and gives it its place. */
static void take_rounding(struct exec *x, struct step *step, int i, int k)
{
    struct step s = step[i];
    struct step *part = NEW_ARRAY(&x->arena, s.n_parts + 2, struct step);
    part[0] = s;
    for (int p = 0; p < s.n_parts; p++)
        part[p] = s.part[p];
    s.n_parts = s.n_parts ? s.n_parts : 1;
    s.part = part;
    s.part[s.n_parts++] = step[k];
    s.out = step[k].out;
    s.index = x->n_all++;
    step[k] = s;
}

void plan_rounding(struct exec *x, struct block *b)
{
    struct step *step = b->step;
    int n = b->n_steps;
    bool *gone = NEW_ARRAY(&x->arena, n, bool);
    for (int i = 0; i < n; i++) {
        if (step[i].codes.each && !step[i].n_parts)
            between_join(x, step, n, i, gone);
        if (step[i].codes.each || !may_round(&step[i]))
            continue;
        const struct place *p = &x->place[step[i].out[0]];
        const struct quant *q = x->mode == EXEC_SIMULATE ? p->value->quant : NULL;
        if (q && q->scale && codes_fit(q) && !p->read[FACE_COMPUTED] && !p->wanted) {
            step[i].codes.y = q;
            step[i].face = FACE_CODES;
            continue;
        }
        int k = rounding_step(x, p->value, step, n);
        if (k < 0 || p->read[FACE_CODES])
            continue;
        q = codes_rounded(x, step[k].node);
        if (q && codes_fit(q)) {
            take_rounding(x, step, i, k);
            step[k].codes.y = q;
            gone[i] = true;
        }
    }
    b->n_steps = 0;
    for (int i = 0; i < n; i++)
        if (!gone[i])
            step[b->n_steps++] = step[i];
}
