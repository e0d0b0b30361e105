/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_step: the execution of one step: infer (exec_infer.c), bring inputs to the layout that the
 * operator wants, find memory for outputs, call the operator, round.
 *
 * Between steps a value has at least one form (exec_cell.h) of each face that is read; forms in the
 * other layout are made when a step needs them, and kept until the value dies.
 */
#include "exec_run.h"

#include "k_round.h"
#include "log.h"
#include "ops/coded.h"
#include "ops/gated.h"
#include "ops/qparam.h"
#include "quant.h"

#include <string.h>

struct cell *run_form(const struct run *r, struct operand o, enum layout first)
{
    enum layout other = first == LAYOUT_PLAIN ? LAYOUT_CHANNELS_LAST : LAYOUT_PLAIN;
    const struct exec *x = r->exec;
    struct cell *own = r->forms[o.value], *fixed = NULL, *c;
    if (x->place[o.value].fixed && r != x->setup)
        fixed = x->setup->forms[o.value];
    if ((c = cell_find(own, o.face, first)) || (c = cell_find(fixed, o.face, first))
        || (c = cell_find(own, o.face, other)) || (c = cell_find(fixed, o.face, other)))
        return c;
    BUG("value '%s' is read before it is computed", x->place[o.value].value->name);
}

struct cell *run_form_in(struct run *r, struct operand o, enum layout layout)
{
    struct cell *c = run_form(r, o, layout);
    if (c->t.layout == layout)
        return c;
    return cell_layout(r->pool, &r->forms[o.value], c, layout);
}

static bool has_layouts(const struct tensor *t)
{
    return t->shape.rank >= 3 && t->shape.rank <= 5 && layout_converts(t->dtype);
}

/* How the operands with the most axes arrive and leave. */
struct common {
    int rank;
    enum layout layout;
};

/* An operator that takes any layout gets channels-last where some activation is only at hand in
 * that, if all that have as many axes can be stored so. */
static struct common find_common(const struct run *r, const struct step *s)
{
    struct common c = {0, LAYOUT_PLAIN};
    bool last = false, all = s->op->flags & OP_ANY_LAYOUT;
    for (int i = 0; i < s->n_in; i++)
        if (r->in[i] && r->in[i]->shape.rank > c.rank)
            c.rank = r->in[i]->shape.rank;
    for (int i = 0; i < s->n_in; i++) {
        if (!r->in[i] || r->in[i]->shape.rank < c.rank)
            continue;
        all = all && has_layouts(r->in[i]);
        last |= r->in[i]->layout == LAYOUT_CHANNELS_LAST;
    }
    for (int i = 0; i < s->node->n_out; i++)
        all = all && (r->type[i].shape.rank != c.rank || has_layouts(&r->type[i]));
    if (all && last)
        c.layout = LAYOUT_CHANNELS_LAST;
    return c;
}

static void arrange_inputs(struct run *r, const struct step *s, struct common common)
{
    for (int i = 0; i < s->n_in; i++) {
        if (!r->in[i])
            continue;
        enum layout layout = LAYOUT_PLAIN;
        if (i == 0 && s->op->flags & OP_SHAPE_ONLY)
            layout = r->in[i]->layout;
        else if ((i == 0 || (i == 3 && s->op->flags & OP_ADDS))
                 && s->op->flags & OP_CHANNELS_LAST && has_layouts(r->in[i]))
            layout = LAYOUT_CHANNELS_LAST;
        else if (r->in[i]->shape.rank == common.rank)
            layout = common.layout;
        r->in[i] = &run_form_in(r, s->in[i], layout)->t;
    }
}

static enum layout output_layout(const struct step *s, int i, const struct tensor *t,
                                 struct common common)
{
    if (i == 0 && s->op->flags & OP_CHANNELS_LAST && has_layouts(t))
        return LAYOUT_CHANNELS_LAST;
    return t->shape.rank == common.rank ? common.layout : LAYOUT_PLAIN;
}

bool run_is_spent(const struct run *r, const struct step *s, struct operand o,
                  const struct cell *c)
{
    if (r->peeking || !c->buffer || c->buffer->cells != 1)
        return false;
    for (int i = 0; i < s->n_dead; i++)
        if (s->dead[i] == o.value)
            return true;
    return false;
}

/* May the step write its output over this operand? `reads` is how often the step itself reads it
 * otherwise. */
static bool is_spent(const struct run *r, const struct step *s, struct operand o,
                     const struct cell *c, int reads)
{
    for (int i = 0; i < s->n_in; i++)
        if (r->in[i] && r->in[i]->data == c->t.data && reads-- <= 0)
            return false;
    return run_is_spent(r, s, o, c);
}

/* The operand of an elementwise operator that its output may be written over. */
static struct cell *spent_operand(const struct run *r, const struct step *s, enum layout layout)
{
    if (!(s->op->flags & OP_IN_PLACE))
        return NULL;
    for (int i = 0; i < s->n_in && i < 2; i++) {
        if (!r->in[i])
            continue;
        struct cell *c = run_form(r, s->in[i], layout);
        if (c->t.layout == layout && run_same_type(&c->t, &r->type[0])
            && is_spent(r, s, s->in[i], c, 1))
            return c;
    }
    return NULL;
}

/* Fills the tail's pointers. */
static struct cell *arrange_tail(struct run *r, const struct step *s, enum layout layout,
                                 struct tail *tail)
{
    *tail = s->tail;
    if (s->bias.value >= 0)
        tail->bias = tensor_f32(&run_form_in(r, s->bias, LAYOUT_PLAIN)->t);
    if (s->alpha.value >= 0)
        tail->alpha = tensor_f32(&run_form_in(r, s->alpha, LAYOUT_PLAIN)->t);
    if (s->add.value < 0)
        return NULL;
    struct cell *add = run_form_in(r, s->add, layout);
    tail->add = tensor_f32(&add->t);
    return is_spent(r, s, s->add, add, 0) ? add : NULL;
}

/* Is the operand one number for each index of this axis of y, where it is broadcast to that? */
static bool is_along(const struct tensor *t, const struct tensor *y, int axis)
{
    int at = axis - (y->shape.rank - t->shape.rank);
    return axis < y->shape.rank && at >= 0 && at < t->shape.rank
        && t->shape.dim[at] == y->shape.dim[axis] && tensor_count(t) == y->shape.dim[axis];
}

/* Types can differ from what the plan hoped for: a sum that broadcasts, another element type. */
static bool tail_fits(const struct run *r, const struct step *s)
{
    const struct tensor *y = &r->type[0];
    if (y->dtype != DTYPE_F32)
        return false;
    if (s->add.value >= 0 && !run_same_type(&run_form(r, s->add, LAYOUT_PLAIN)->t, y))
        return false;
    int axis = s->op->flags & OP_CHANNELS_LAST || s->gates ? 1 : y->shape.rank - 1;
    if (s->alpha.value >= 0 && !is_along(&run_form(r, s->alpha, LAYOUT_PLAIN)->t, y, axis))
        return false;
    if (s->bias.value < 0)
        return true;
    int64_t n = tensor_count(&run_form(r, s->bias, LAYOUT_PLAIN)->t);
    return axis < y->shape.rank && y->shape.dim[axis] == n;
}

/* Output 0 is input 0's memory with another shape; a copy of it where that is a constant, since
 * other runs read it as well. */
static int make_view(struct run *r, const struct step *s, struct err *err)
{
    struct operand o = s->in[0];
    bool same = s->op->flags & OP_ANY_LAYOUT; /* the shape does not change */
    const struct cell *from =
        same ? run_form(r, o, LAYOUT_PLAIN) : run_form_in(r, o, LAYOUT_PLAIN);
    struct tensor t = r->type[0];
    t.layout = from->t.layout;
    t.data = from->t.data;
    if (s->out[0] < 0)
        return 0;
    struct cell **forms = &r->forms[s->out[0]];
    if (r->exec->place[o.value].fixed && r != r->exec->setup) {
        struct cell *copy = cell_new(r->pool, forms, FACE_COMPUTED, &t);
        memcpy(copy->t.data, from->t.data, copy->t.size);
    } else {
        cell_share(r->pool, forms, FACE_COMPUTED, &t, from);
    }
    return run_settle(r, s->out[0], err);
}

/* A new form: the values of the grid, or their codes. */
static void round_form(struct run *r, const struct quant *q, struct cell **forms,
                       const struct cell *from, enum face face)
{
    struct tensor t = from->t;
    if (face == FACE_CODES)
        t.dtype = q->type.dtype;
    quant_round_tensor(q, &from->t, &cell_new(r->pool, forms, face, &t)->t);
}

/* The same values of the grid from codes of one scale. */
static void unpack_codes(struct run *r, const struct quant *q, struct cell **forms,
                         const struct cell *codes)
{
    struct tensor t = codes->t;
    t.dtype = DTYPE_F32;
    struct cell *c = cell_new(r->pool, forms, FACE_ROUNDED, &t);
    k_dequantize_f32(codes->t.dtype, codes->t.data, 0, tensor_f32(&c->t), tensor_count(&t),
                     q->scale[0], q->zero[0]);
}

int run_round(struct run *r, int value, struct err *err)
{
    const struct place *p = &r->exec->place[value];
    struct cell **forms = &r->forms[value], *c = *forms;
    if (!p->read[FACE_ROUNDED] && !p->read[FACE_CODES])
        return 0;
    if (c->t.dtype != DTYPE_F32)
        return err_set(err, ERR_INPUT, "'%s' is %s; only float values can be quantized",
                       p->value->name, dtype_info(c->t.dtype)->name);
    float scale;
    int32_t zero;
    struct quant now = *p->value->quant;
    const struct quant *q = p->value->quant;
    bool apart = (q->type.grain != GRAIN_TENSOR && q->type.axis != 1) || q->type.rows;
    if (q->type.dynamic && !q->type.rows) {
        dynamic_range(tensor_f32(&c->t), tensor_count(&c->t), &scale, &zero);
        now.scale = &scale;
        now.zero = &zero;
        q = &now;
    }
    if (apart && c->t.layout != LAYOUT_PLAIN)
        c = cell_layout(r->pool, forms, c, LAYOUT_PLAIN);
    bool spare = !p->read[FACE_COMPUTED] && c->buffer && c->buffer->cells == 1;
    if (p->read[FACE_CODES])
        round_form(r, q, forms, c, FACE_CODES);
    if (p->read[FACE_ROUNDED] && spare) {
        quant_round_tensor(q, &c->t, &c->t);
        c->face = FACE_ROUNDED;
    } else if (p->read[FACE_ROUNDED]) {
        round_form(r, q, forms, c, FACE_ROUNDED);
    } else if (spare) {
        cell_free(r->pool, forms, c);
    }
    return 0;
}

static void replace(struct run *r, int value)
{
    const struct tensor *t = r->replace(r->replace_data, r->exec->place[value].value);
    if (!t)
        return;
    cells_free(r->pool, &r->forms[value]);
    cell_share(r->pool, &r->forms[value], FACE_COMPUTED, t, NULL);
}

int run_settle(struct run *r, int value, struct err *err)
{
    const struct place *p = &r->exec->place[value];
    if (p->wanted && r->replace)
        replace(r, value);
    struct cell **forms = &r->forms[value], *c = *forms;
    if (c->face == FACE_CODES) {
        if (p->read[FACE_ROUNDED])
            unpack_codes(r, p->value->quant, forms, c);
        return 0;
    }
    if (p->wanted && r->watch && !dtype_is_sequence(c->t.dtype))
        r->watch(r->watch_data, p->value, &c->t);
    if (value != r->held)
        return run_round(r, value, err);
    r->waits = true;
    return 0;
}

/* The operand that was written over is no value any more: its memory is the output's alone. */
static void drop_spent(struct run *r, struct operand o, const struct cell *spent)
{
    if (o.value < 0)
        return;
    struct cell *c = r->forms[o.value];
    while (c && c != spent)
        c = c->next;
    if (c)
        cell_free(r->pool, &r->forms[o.value], c);
}

static int call_eval(const struct step *s, struct call *c, struct err *err)
{
    if (s->codes.each)
        return coded_eval(c, err);
    if (s->gates) {
        gated_eval(c);
        return 0;
    }
    return s->op->eval(c, err);
}

static int call_operator(struct run *r, struct step *s, struct err *err)
{
    struct common common = find_common(r, s);
    struct cell *target = NULL;
    struct tail tail;
    arrange_inputs(r, s, common);
    enum layout layout = output_layout(s, 0, &r->type[0], common);
    if (s->n_parts)
        target = arrange_tail(r, s, layout, &tail);
    if (!s->n_parts || s->gates)
        target = spent_operand(r, s, layout);
    for (int i = 0; i < s->node->n_out; i++) {
        r->out[i] = NULL;
        r->cell[i] = NULL;
        if (s->out[i] < 0)
            continue;
        struct tensor t = r->type[i];
        t.layout = output_layout(s, i, &t, common);
        enum face face = i == 0 ? s->face : FACE_COMPUTED;
        if (i == 0 && s->codes.y)
            t.dtype = s->codes.y->type.dtype;
        struct cell **forms = &r->forms[s->out[i]];
        r->cell[i] = target && i == 0 ? cell_share(r->pool, forms, face, &t, target)
                                      : cell_new(r->pool, forms, face, &t);
        r->out[i] = &r->cell[i]->t;
    }
    struct call c = run_call(r, s, r->in);
    c.state = &s->state;
    c.tail = s->n_parts ? &tail : NULL;
    c.codes = s->codes.x ? &s->codes : NULL;
    int result = call_eval(s, &c, err);
    arena_reset(&r->pool->scratch);
    TRY(result);
    for (int i = 0; i < s->node->n_in && target; i++)
        drop_spent(r, s->in[i], target);
    if (target)
        drop_spent(r, s->add, target);
    for (int i = 0; i < s->n_out; i++)
        if (s->out[i] >= 0)
            TRY(run_settle(r, s->out[i], err));
    return 0;
}

static int execute_control(struct run *r, struct step *s, struct err *err)
{
    switch (s->node->op) {
    case OP_If: return run_if(r, s, err);
    case OP_Loop: return run_loop(r, s, err);
    case OP_Scan: return run_scan(r, s, err);
    case OP_SequenceMap: return run_sequence_map(r, s, err);
    default: return run_sequence(r, s, err);
    }
}

/* Operators that look at the data of a tensor must not get a list of tensors. */
static int refuse_sequences(const struct run *r, const struct step *s, struct err *err)
{
    bool any = s->op->flags & OP_VIEW && s->op->flags & OP_ANY_LAYOUT; /* Identity */
    for (int i = 0; i < s->n_in; i++)
        if (r->in[i] && dtype_is_sequence(r->in[i]->dtype) && !any
            && s->node->op != OP_OptionalHasElement)
            return err_set(err, ERR_INPUT, "input %d is a sequence, not a tensor", i);
    return 0;
}

static int perform(struct run *r, struct step *s, struct err *err)
{
    bool view = s->op->flags & OP_VIEW && r->in[0];
    if (view ? make_view(r, s, err) : call_operator(r, s, err))
        return err_at(err, "%s", node_title(s->node));
    return 0;
}

int run_execute(struct run *r, struct step *s, struct err *err)
{
    double start = r->cost ? log_clock() : 0;
    if (s->op->flags & OP_CONTROL)
        return execute_control(r, s, err) ? err_at(err, "%s", node_title(s->node)) : 0;
    for (int i = 0; i < s->n_in; i++)
        r->in[i] = s->in[i].value < 0 ? NULL : &run_form(r, s->in[i], LAYOUT_PLAIN)->t;
    if (refuse_sequences(r, s, err) || run_infer(r, s, err))
        return err_at(err, "%s", node_title(s->node));
    if (s->n_parts && !tail_fits(r, s)) {
        for (int i = 0; i < s->n_parts; i++)
            TRY(run_execute(r, &s->part[i], err));
        return 0;
    }
    if (!r->cost)
        return perform(r, s, err);
    struct work work = cost_work(r, s);
    TRY(perform(r, s, err));
    cost_report(r, s, work, log_clock() - start);
    return 0;
}
