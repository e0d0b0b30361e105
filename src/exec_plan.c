/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_plan: which nodes run, in which order, what they read, and when a value has been read for
 * the last time.
 */
#include "exec_plan.h"

#include "quant.h"

#include <stdio.h>
#include <string.h>

static bool is_rounded(const struct exec *x, const struct value *v)
{
    return x->mode == EXEC_SIMULATE && v->quant && v->quant->scale;
}

static struct operand operand_of(const struct exec *x, const struct use *u)
{
    if (!u->value)
        return (struct operand){.value = -1};
    bool rounded = !u->plain && is_rounded(x, u->value);
    return (struct operand){u->value->id, rounded ? FACE_ROUNDED : FACE_COMPUTED};
}

/* What input i of a node reads. */
static struct operand operand_read(const struct exec *x, const struct node *n, int i)
{
    const struct coded *c = x->coded[n->id];
    return c && i < 3 && c->in[i].value >= 0 ? c->in[i] : operand_of(x, &n->in[i]);
}

void exec_find_runnable(const struct graph *g, bool *runnable)
{
    for (const struct node *n = g->first; n; n = n->next) {
        runnable[n->id] = op_table[n->op].eval;
        for (int i = 0; i < n->n_in; i++) {
            const struct value *v = n->in[i].value;
            if (v && v->def && v->def->graph == g && !runnable[v->def->id])
                runnable[n->id] = false;
        }
    }
}

static bool is_computed(const struct exec *x, const struct value *v)
{
    return v && (!v->def || x->runnable[v->def->id]);
}

/* Backwards from the outputs and the wanted values. */
static void find_needed(struct exec *x, bool partial)
{
    const struct graph *g = x->graph;
    bool *read = NEW_ARRAY(&x->arena, x->n_values, bool);
    x->needed = NEW_ARRAY(&x->arena, g->model->n_nodes, bool);
    x->runnable = NEW_ARRAY(&x->arena, g->model->n_nodes, bool);
    if (partial)
        exec_find_runnable(g, x->runnable);
    else
        memset(x->runnable, true, (size_t)g->model->n_nodes);
    for (int i = 0; i < g->result->n_in; i++)
        if (is_computed(x, g->result->in[i].value))
            read[g->result->in[i].value->id] = true;
    for (const struct node *n = g->last; n; n = n->prev) {
        bool needed = false;
        if (!x->runnable[n->id])
            continue;
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i] && (read[n->out[i]->id] || x->place[n->out[i]->id].wanted))
                needed = true;
        x->needed[n->id] = needed;
        for (int i = 0; needed && i < n->n_in; i++)
            if (n->in[i].value)
                read[operand_read(x, n, i).value] = true;
    }
}

static void add_place(struct exec *x, const struct value *v, const bool *want)
{
    struct place *p = &x->place[v->id];
    p->value = v;
    p->constant = v->constant;
    p->fixed = v->constant;
    p->wanted = want && want[v->id];
}

static bool has_body(const struct node *n)
{
    for (int i = 0; i < n->n_attr; i++)
        if (n->attr[i].kind == ATTR_GRAPH || n->attr[i].kind == ATTR_GRAPHS)
            return true;
    return false;
}

static void find_fixed(struct exec *x)
{
    for (const struct node *n = x->graph->first; n; n = n->next) {
        bool fixed = x->needed[n->id] && !(op_table[n->op].flags & OP_RANDOM) && !has_body(n);
        for (int i = 0; i < n->n_in; i++)
            if (n->in[i].value && !x->place[n->in[i].value->id].fixed)
                fixed = false;
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                x->place[n->out[i]->id].fixed = fixed;
    }
}

/* Every operator that cannot run, in one report; the names are cut where the text is full. */
static int check_operators(const struct exec *x, struct err *err)
{
    char list[sizeof err->text / 2] = "";
    size_t used = 0;
    int n_bad = 0, n_named = 0;
    for (const struct node *n = x->graph->first; n; n = n->next) {
        if (!x->needed[n->id] || op_table[n->op].eval)
            continue;
        const char *title = node_title(n);
        n_bad++;
        if (used + strlen(title) + 3 > sizeof list || n_named < n_bad - 1)
            continue;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", title);
        n_named++;
    }
    if (!n_bad)
        return 0;
    if (n_named == n_bad)
        return err_set(err, ERR_INPUT, "operators that cannot be executed: %s", list);
    return err_set(err, ERR_INPUT, "operators that cannot be executed: %s%s%d more", list,
                   n_named ? " and " : "", n_bad - n_named);
}

static void step_init(struct exec *x, struct step *s, const struct node *n)
{
    *s = (struct step){.node = n, .op = &op_table[n->op], .n_in = n->n_in, .n_out = n->n_out,
                       .index = x->n_all++, .bias = {.value = -1}, .add = {.value = -1}};
    s->opset = model_opset(x->graph->model, n->domain);
    if (x->coded[n->id])
        s->codes = x->coded[n->id]->codes;
    s->in = NEW_ARRAY(&x->arena, n->n_in, struct operand);
    s->out = NEW_ARRAY(&x->arena, n->n_out, int);
    for (int i = 0; i < n->n_in; i++) {
        s->in[i] = operand_read(x, n, i);
        if (s->in[i].value < 0)
            continue;
        struct place *p = &x->place[s->in[i].value];
        p->read[s->in[i].face] = true;
        if (p->fixed && i < 32)
            s->constant |= 1u << i;
    }
    for (int i = 0; i < n->n_out; i++)
        s->out[i] = n->out[i] ? n->out[i]->id : -1;
}

static bool is_fixed(const struct exec *x, const struct node *n)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            return x->place[n->out[i]->id].fixed;
    return false;
}

/* A step for each needed node that is fixed, or is not. */
static struct step *list_steps(struct exec *x, bool fixed, int *count)
{
    int n_steps = 0;
    for (const struct node *n = x->graph->first; n; n = n->next)
        n_steps += x->needed[n->id] && is_fixed(x, n) == fixed;
    struct step *step = NEW_ARRAY(&x->arena, n_steps, struct step);
    *count = 0;
    for (const struct node *n = x->graph->first; n; n = n->next)
        if (x->needed[n->id] && is_fixed(x, n) == fixed)
            step_init(x, &step[(*count)++], n);
    return step;
}

int plan_setup(struct exec *x, const struct exec_options *o, struct err *err)
{
    const struct graph *g = x->graph;
    x->n_values = g->model->n_values;
    x->place = NEW_ARRAY(&x->arena, x->n_values, struct place);
    for (int i = 0; i < g->n_input; i++)
        add_place(x, g->input[i], o->want);
    for (int i = 0; i < g->n_constant; i++)
        add_place(x, g->constant[i], o->want);
    for (const struct node *n = g->first; n; n = n->next)
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                add_place(x, n->out[i], o->want);
    plan_codes(x);
    find_needed(x, o->partial);
    TRY(check_operators(x, err));
    find_fixed(x);
    x->n_outputs = g->result->n_in;
    x->output = NEW_ARRAY(&x->arena, x->n_outputs, struct operand);
    for (int i = 0; i < x->n_outputs; i++) {
        x->output[i] = operand_of(x, &g->result->in[i]);
        if (!is_computed(x, g->result->in[i].value))
            x->output[i].value = -1;
        if (x->output[i].value >= 0)
            x->place[x->output[i].value].read[x->output[i].face] = true;
    }
    x->setup_step = list_steps(x, true, &x->n_setup);
    x->step = list_steps(x, false, &x->n_steps);
    return 0;
}

/* last[v] = the last step that reads or makes value v. */
static void note_last(const struct step *s, int at, int *last)
{
    for (int i = 0; i < s->n_in; i++)
        if (s->in[i].value >= 0)
            last[s->in[i].value] = at;
    for (int i = 0; i < s->n_out; i++)
        if (s->out[i] >= 0)
            last[s->out[i]] = at;
    for (int i = 0; i < s->n_parts; i++)
        note_last(&s->part[i], at, last);
}

static void find_dead(struct exec *x)
{
    int *last = NEW_ARRAY(&x->arena, x->n_values, int);
    for (int v = 0; v < x->n_values; v++)
        last[v] = -1;
    for (int i = 0; i < x->n_steps; i++)
        note_last(&x->step[i], i, last);
    for (int i = 0; i < x->n_outputs; i++)
        if (x->output[i].value >= 0)
            last[x->output[i].value] = -1;
    for (int v = 0; v < x->n_values; v++)
        if (last[v] >= 0 && !x->place[v].fixed)
            x->step[last[v]].n_dead++;
    for (int i = 0; i < x->n_steps; i++) {
        x->step[i].dead = NEW_ARRAY(&x->arena, x->step[i].n_dead, int);
        x->step[i].n_dead = 0;
    }
    for (int v = 0; v < x->n_values; v++)
        if (last[v] >= 0 && !x->place[v].fixed)
            x->step[last[v]].dead[x->step[last[v]].n_dead++] = v;
}

void plan_steps(struct exec *x)
{
    x->n_steps = plan_fuse(x, x->step, x->n_steps);
    x->n_steps = plan_rounding(x, x->step, x->n_steps);
    find_dead(x);
}
