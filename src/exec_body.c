/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_body: running bodies: If, Loop, and what Loop and Scan share. While a body runs, the arrays
 * of the run for the step under way are those of the body's steps, so a step that runs bodies
 * keeps what it needs in a frame of its own.
 */
#include "exec_run.h"

#include "exec_list.h"

#include <string.h>

int run_block(struct run *r, struct block *b, struct err *err)
{
    for (int i = 0; i < b->n_steps; i++) {
        TRY(run_execute(r, &b->step[i], err));
        run_free_dead(r, &b->step[i]);
    }
    return 0;
}

void run_clear_block(struct run *r, const struct block *b)
{
    for (int i = 0; i < b->graph->n_input; i++)
        cells_free(r->pool, &r->forms[b->graph->input[i]->id]);
    for (int i = 0; i < b->n_outputs; i++) {
        int v = b->output[i].value;
        if (r->exec->place[v].value->graph == b->graph && !r->exec->place[v].fixed)
            cells_free(r->pool, &r->forms[v]);
    }
}

/* What is fixed is copied: it may be exchanged while the copy is in use, and its buffer belongs to
 * all threads. (Strings are the model's or the caller's.) */
struct cell *run_hand_on(struct run *r, struct operand o, struct cell **forms)
{
    struct cell *from = run_form(r, o, LAYOUT_PLAIN);
    bool fixed = r->exec->place[o.value].fixed;
    if (fixed && from->t.dtype == DTYPE_STRING)
        return cell_in(r->pool, forms, FACE_COMPUTED, &from->t, NULL);
    if (!fixed)
        return cell_share(r->pool, forms, FACE_COMPUTED, &from->t, from);
    struct cell *copy = cell_new(r->pool, forms, FACE_COMPUTED, &from->t);
    memcpy(copy->t.data, from->t.data, copy->t.size);
    return copy;
}

int run_give(struct run *r, const struct value *v, struct cell **forms, struct err *err)
{
    cells_free(r->pool, &r->forms[v->id]);
    r->forms[v->id] = *forms;
    *forms = NULL;
    return run_settle(r, v->id, err);
}

/* A number of one element. */
static int read_number(struct run *r, struct operand o, const char *what, int64_t *v,
                       struct err *err)
{
    const struct tensor *t = &run_form(r, o, LAYOUT_PLAIN)->t;
    bool number = t->dtype == DTYPE_BOOL || t->dtype == DTYPE_I64 || t->dtype == DTYPE_I32;
    if (!number || tensor_count(t) != 1)
        return err_set(err, ERR_INPUT, "the %s must be one number", what);
    *v = tensor_get_int(t, 0);
    return 0;
}

int run_if(struct run *r, struct step *s, struct err *err)
{
    int64_t condition = 0;
    TRY(read_number(r, s->in[0], "condition", &condition, err));
    struct block *b = &s->body[condition ? 0 : 1];
    TRY(run_block(r, b, err));
    for (int i = 0; i < s->n_out; i++)
        if (s->out[i] >= 0)
            run_hand_on(r, b->output[i], &r->forms[s->out[i]]);
    run_clear_block(r, b);
    for (int i = 0; i < s->n_out; i++)
        if (s->out[i] >= 0)
            TRY(run_settle(r, s->out[i], err));
    return 0;
}

int frame_open(struct frame *f, struct run *r, const struct step *s, struct err *err)
{
    *f = (struct frame){.run = r, .step = s, .body = &s->body[0]};
    TRY(control_parse(s->node, &f->control, err));
    f->state = NEW_ARRAY(&f->arena, f->control.n_state, struct cell *);
    f->list = NEW_ARRAY(&f->arena, f->control.n_scan_out, struct cell *);
    return 0;
}

void frame_close(struct frame *f)
{
    for (int i = 0; i < f->control.n_state; i++)
        cells_free(f->run->pool, &f->state[i]);
    for (int i = 0; i < f->control.n_scan_out; i++)
        cells_free(f->run->pool, &f->list[i]);
    cells_free(f->run->pool, &f->slice);
    arena_release(&f->arena);
}

static void take_element(struct frame *f, int i)
{
    struct run *r = f->run;
    int k = f->control.lead_out + f->control.n_state + i;
    struct cell *element = NULL;
    struct operand o = f->body->output[k];
    const struct cell *from = run_form_in(r, o, LAYOUT_PLAIN);
    if (!f->list[i])
        list_new(r->pool, &f->list[i], from->t.dtype);
    run_hand_on(r, o, &element);
    list_insert(r->pool, f->list[i], list_count(f->list[i]), &element->t, element->buffer);
    cells_free(r->pool, &element);
}

int frame_iterate(struct frame *f, struct err *err)
{
    const struct control *k = &f->control;
    const struct graph *g = f->body->graph;
    for (int i = 0; i < k->n_state; i++)
        TRY(run_give(f->run, g->input[k->lead_in + i], &f->state[i], err));
    TRY(run_block(f->run, f->body, err));
    for (int i = 0; i < k->n_state; i++)
        run_hand_on(f->run, f->body->output[k->lead_out + i], &f->state[i]);
    for (int i = 0; i < k->n_scan_out; i++)
        take_element(f, i);
    return 0;
}

int frame_settle(struct frame *f, struct err *err)
{
    const struct step *s = f->step;
    for (int i = 0; i < s->n_out; i++)
        if (s->out[i] >= 0)
            TRY(run_settle(f->run, s->out[i], err));
    return 0;
}

int frame_empty(struct frame *f, int i, int64_t axis, struct cell **forms, struct err *err)
{
    const struct control *k = &f->control;
    const struct operand o = f->body->output[k->lead_out + k->n_state + i];
    const struct tensor *type = &f->run->exec->place[o.value].value->type;
    struct tensor t = {.dtype = type->dtype, .shape = {.rank = 1}};
    if (!type->dtype || dtype_is_sequence(type->dtype))
        return err_set(err, ERR_INPUT, "there is no iteration, and nothing tells the type of "
                                       "output %d", k->n_state + i);
    int rank = type->shape.rank + 1;
    if (rank > 0 && rank <= MAX_RANK && axis >= -rank && axis < rank) {
        int at = (int)(axis < 0 ? axis + rank : axis);
        t.shape.rank = rank;
        for (int d = 0; d < rank; d++) {
            int64_t dim = d == at ? 0 : type->shape.dim[d - (d > at)];
            t.shape.dim[d] = dim < 0 ? 0 : dim;
        }
    }
    cell_new(f->run->pool, forms, FACE_COMPUTED, &t);
    return 0;
}

/* The number of the iteration, or the condition, for the body: as a scalar, or as a vector where
 * the body says so. */
static int give_number(struct frame *f, int i, enum dtype dtype, int64_t number, struct err *err)
{
    const struct value *v = f->body->graph->input[i];
    struct tensor t = {.dtype = dtype, .shape = {.rank = v->type.shape.rank == 1, .dim = {1}}};
    struct cell *form = NULL;
    dtype_store_int(dtype, cell_new(f->run->pool, &form, FACE_COMPUTED, &t)->t.data, 0, number);
    return run_give(f->run, v, &form, err);
}

static int iterate_loop(struct frame *f, struct err *err)
{
    const struct step *s = f->step;
    bool counted = s->n_in > 0 && s->in[0].value >= 0;
    bool asked = s->n_in > 1 && s->in[1].value >= 0;
    int64_t count = INT64_MAX, go_on = 1;
    if (counted)
        TRY(read_number(f->run, s->in[0], "trip count", &count, err));
    if (asked)
        TRY(read_number(f->run, s->in[1], "condition", &go_on, err));
    for (int i = 0; i < f->control.n_state; i++)
        run_hand_on(f->run, s->in[f->control.first + i], &f->state[i]);
    for (int64_t i = 0; i < count && go_on; i++) {
        TRY(give_number(f, 0, DTYPE_I64, i, err));
        TRY(give_number(f, 1, DTYPE_BOOL, 1, err));
        TRY(frame_iterate(f, err));
        TRY(read_number(f->run, f->body->output[0], "condition that the body gives", &go_on, err));
        run_clear_block(f->run, f->body);
    }
    return 0;
}

static int loop_outputs(struct frame *f, struct err *err)
{
    const struct step *s = f->step;
    struct run *r = f->run;
    for (int i = 0; i < s->n_out; i++) {
        if (s->out[i] < 0)
            continue;
        struct cell **forms = &r->forms[s->out[i]];
        int k = i - f->control.n_state;
        if (k < 0) {
            *forms = f->state[i];
            f->state[i] = NULL;
        } else if (f->list[k]) {
            TRY(list_stack(r->pool, f->list[k], 0, false, forms, err));
        } else {
            TRY(frame_empty(f, k, 0, forms, err));
        }
    }
    return frame_settle(f, err);
}

int run_loop(struct run *r, struct step *s, struct err *err)
{
    struct frame f;
    TRY(frame_open(&f, r, s, err));
    int result = iterate_loop(&f, err);
    if (result == 0)
        result = loop_outputs(&f, err);
    frame_close(&f);
    return result;
}
