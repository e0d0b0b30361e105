/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_plan: the steps of all graphs: in which order, what they read, and when a value has been
 * read for the last time.
 */
#include "exec_plan.h"

#include "ops/control.h"
#include "quant.h"

#include <limits.h>

static bool is_rounded(const struct exec *x, const struct value *v)
{
    return x->mode == EXEC_SIMULATE && v->quant
        && (v->quant->scale || v->quant->type.dynamic);
}

static struct operand operand_of(const struct exec *x, const struct use *u)
{
    const struct value *v = u->value;
    if (!v || (v->def && !x->runnable[v->def->id]))
        return (struct operand){.value = -1};
    bool rounded = !u->plain && is_rounded(x, v);
    return (struct operand){v->id, rounded ? FACE_ROUNDED : FACE_COMPUTED};
}

static struct operand rounded_operand(const struct exec *x, const struct node *n, int i)
{
    const struct coded *c = x->coded[n->id];
    return c && i < 3 && c->in[i].value >= 0 ? c->in[i] : operand_of(x, &n->in[i]);
}

/* Of a weight that the operator rounds itself where it packs it, so that nobody keeps another copy
 * of it; NULL: it does not. */
static const struct quant *grid_of(const struct exec *x, const struct node *n)
{
    const struct coded *c = x->coded[n->id];
    const struct value *v = n->n_in > 1 ? n->in[1].value : NULL;
    bool packs = c ? !c->codes.each : (op_table[n->op].flags & OP_PACKS) != 0;
    if (!packs || !v || !v->constant || v->constant->dtype != DTYPE_F32
        || rounded_operand(x, n, 1).face == FACE_COMPUTED || !v->quant->scale)
        return NULL;
    return v->quant;
}

struct operand plan_operand(const struct exec *x, const struct node *n, int i)
{
    struct operand o = rounded_operand(x, n, i);
    if (i == 1 && grid_of(x, n))
        o.face = FACE_COMPUTED;
    return o;
}

static void add_place(struct exec *x, const struct value *v, const bool *want)
{
    struct place *p = &x->place[v->id];
    p->value = v;
    p->constant = v->constant;
    p->fixed = v->constant;
    p->wanted = want && want[v->id];
}

static void add_places(struct exec *x, const struct graph *g, const bool *want)
{
    const struct graph *body;
    for (int i = 0; i < g->n_input; i++)
        add_place(x, g->input[i], want);
    for (int i = 0; i < g->n_constant; i++)
        add_place(x, g->constant[i], want);
    for (const struct node *n = g->first; n; n = n->next) {
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                add_place(x, n->out[i], want);
        for (int k = 0; (body = node_body(n, k)); k++)
            add_places(x, body, want);
    }
}

static void note_reads(struct exec *x, const struct node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        struct operand o = plan_operand(x, n, i);
        if (o.value >= 0)
            x->place[o.value].read[o.face] = true;
    }
}

static bool is_fixed(const struct exec *x, const struct node *n)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            return x->place[n->out[i]->id].fixed;
    return false;
}

/* Which faces are read in the needed parts of a graph, and how many of its nodes are fixed. */
static int survey(struct exec *x, const struct graph *g)
{
    const struct graph *body;
    int n_fixed = 0;
    note_reads(x, g->result);
    for (const struct node *n = g->first; n; n = n->next) {
        if (!x->needed[n->id])
            continue;
        note_reads(x, n);
        n_fixed += is_fixed(x, n);
        for (int k = 0; (body = node_body(n, k)); k++)
            n_fixed += survey(x, body);
    }
    return n_fixed;
}

static void step_init(struct exec *x, struct step *s, const struct node *n)
{
    *s = (struct step){.node = n, .op = &op_table[n->op], .n_in = n->n_in, .n_out = n->n_out,
                       .index = x->n_all++, .bias = {.value = -1}, .add = {.value = -1},
                       .alpha = {.value = -1}};
    s->opset = node_opset(n);
    s->grid = grid_of(x, n);
    if (x->coded[n->id])
        s->codes = x->coded[n->id]->codes;
    s->in = NEW_ARRAY(&x->arena, n->n_in, struct operand);
    s->out = NEW_ARRAY(&x->arena, n->n_out, int);
    for (int i = 0; i < n->n_in; i++) {
        s->in[i] = plan_operand(x, n, i);
        if (i < 32 && s->in[i].value >= 0 && x->place[s->in[i].value].fixed)
            s->constant |= 1u << i;
    }
    for (int i = 0; i < n->n_out; i++)
        s->out[i] = n->out[i] ? n->out[i]->id : -1;
}

static void list_fixed(struct exec *x, const struct graph *g)
{
    const struct graph *body;
    for (const struct node *n = g->first; n; n = n->next) {
        if (!x->needed[n->id])
            continue;
        for (int k = 0; (body = node_body(n, k)); k++)
            list_fixed(x, body);
        if (is_fixed(x, n))
            step_init(x, &x->setup_step[x->n_setup++], n);
    }
}

int plan_setup(struct exec *x, const struct exec_options *o, struct err *err)
{
    x->n_values = x->graph->model->n_values;
    x->place = NEW_ARRAY(&x->arena, x->n_values, struct place);
    add_places(x, x->graph, o->want);
    plan_codes(x);
    TRY(plan_need(x, o, err));
    x->setup_step = NEW_ARRAY(&x->arena, survey(x, x->graph), struct step);
    list_fixed(x, x->graph);
    return 0;
}

static void block_init(struct exec *x, struct block *b, const struct graph *g,
                       struct block *outer);

/* Bodies of other operators than those of control flow are their own affair. */
static void add_bodies(struct exec *x, struct block *b, struct step *s)
{
    struct control control;
    struct err err;
    if (!node_body(s->node, 0) || !(s->op->flags & OP_CONTROL))
        return;
    if (control_parse(s->node, &control, &err) < 0)
        BUG("%s", err.text);
    s->n_bodies = control.n_bodies;
    s->body = NEW_ARRAY(&x->arena, s->n_bodies, struct block);
    for (int k = 0; k < s->n_bodies; k++)
        block_init(x, &s->body[k], control.body[k], b);
}

/* What a graph gives out; none where nobody needs it. */
static struct operand output_of(const struct exec *x, const struct use *u)
{
    const struct node *def = u->value ? u->value->def : NULL;
    if (def && !x->needed[def->id] && !x->before[def->id])
        return (struct operand){.value = -1};
    return operand_of(x, u);
}

/* A step for each needed node that is not fixed. */
static void block_init(struct exec *x, struct block *b, const struct graph *g,
                       struct block *outer)
{
    *b = (struct block){.graph = g, .outer = outer, .n_outputs = g->result->n_in};
    b->output = NEW_ARRAY(&x->arena, b->n_outputs, struct operand);
    for (int i = 0; i < b->n_outputs; i++)
        b->output[i] = output_of(x, &g->result->in[i]);
    for (const struct node *n = g->first; n; n = n->next)
        b->n_steps += x->needed[n->id] && !is_fixed(x, n);
    b->step = NEW_ARRAY(&x->arena, b->n_steps, struct step);
    int count = 0;
    for (const struct node *n = g->first; n; n = n->next) {
        if (!x->needed[n->id] || is_fixed(x, n))
            continue;
        step_init(x, &b->step[count], n);
        add_bodies(x, b, &b->step[count++]);
    }
}

static void block_fuse(struct exec *x, struct block *b, int *step_of)
{
    plan_fuse(x, b, step_of);
    plan_rounding(x, b);
    for (int i = 0; i < b->n_steps; i++)
        for (int k = 0; k < b->step[i].n_bodies; k++) {
            b->step[i].body[k].at = i;
            block_fuse(x, &b->step[i].body[k], step_of);
        }
}

/* The last step that reads or makes a value, in the block of the value's own graph. */
struct last {
    struct block *block; /* NULL: nobody reads it */
    int at;
};

static void note_use(const struct exec *x, struct block *b, int at, int value, struct last *last)
{
    if (value < 0 || x->place[value].fixed)
        return;
    for (; b->graph != x->place[value].value->graph; b = b->outer)
        at = b->at;
    if (!last[value].block || last[value].at < at)
        last[value] = (struct last){b, at};
}

static void note_step(const struct exec *x, struct block *b, int at, const struct step *s,
                      struct last *last)
{
    for (int i = 0; i < s->n_in; i++)
        note_use(x, b, at, s->in[i].value, last);
    for (int i = 0; i < s->n_out; i++)
        note_use(x, b, at, s->out[i], last);
    for (int i = 0; i < s->n_parts; i++)
        note_step(x, b, at, &s->part[i], last);
}

/* What a block gives out lives until the block's end. */
static void note_block(const struct exec *x, struct block *b, struct last *last)
{
    for (int i = 0; i < b->n_steps; i++) {
        note_step(x, b, i, &b->step[i], last);
        for (int k = 0; k < b->step[i].n_bodies; k++)
            note_block(x, &b->step[i].body[k], last);
    }
    for (int i = 0; i < b->n_outputs; i++)
        note_use(x, b, INT_MAX, b->output[i].value, last);
}

static void find_dead(struct exec *x)
{
    struct last *last = NEW_ARRAY(&x->arena, x->n_values, struct last);
    note_block(x, &x->main, last);
    for (int v = 0; v < x->n_values; v++)
        if (last[v].block && last[v].at < INT_MAX)
            last[v].block->step[last[v].at].n_dead++;
    for (int v = 0; v < x->n_values; v++) {
        if (!last[v].block || last[v].at == INT_MAX)
            continue;
        struct step *s = &last[v].block->step[last[v].at];
        if (!s->dead) {
            s->dead = NEW_ARRAY(&x->arena, s->n_dead, int);
            s->n_dead = 0;
        }
        s->dead[s->n_dead++] = v;
    }
}

void plan_steps(struct exec *x)
{
    int n_nodes = x->graph->model->n_nodes;
    int *step_of = NEW_ARRAY(&x->arena, n_nodes, int);
    for (int i = 0; i < n_nodes; i++)
        step_of[i] = -1;
    block_init(x, &x->main, x->graph, NULL);
    block_fuse(x, &x->main, step_of);
    find_dead(x);
}
