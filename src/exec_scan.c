/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_scan: Scan, which runs its body for each slice of some inputs, and SequenceMap, which does
 * so for each element of sequences.
 */
#include "exec_run.h"

#include "exec_list.h"

#include <inttypes.h>
#include <string.h>

/* An input that is scanned; the axis does not count that of the batch. */
struct scanned {
    struct operand from;
    int axis;
    bool reverse;
};

struct scan {
    struct frame f;
    struct scanned *in;
    int64_t n_batch, longest;
    int64_t *length; /* of each sequence of the batch */
};

/* x at one place along an axis, without that axis. */
static int make_slice(struct run *r, const struct tensor *x, int axis, int64_t at,
                      struct cell **forms, struct err *err)
{
    struct tensor slice = {.dtype = x->dtype, .shape.rank = x->shape.rank - 1};
    for (int d = 0; d < slice.shape.rank; d++)
        slice.shape.dim[d] = x->shape.dim[d + (d >= axis)];
    return slice_copy(x, axis, at, 1, cell_new(r->pool, forms, FACE_COMPUTED, &slice)->t.data,
                      err);
}

/* The part of x that belongs to sequence number b of the batch. */
static struct tensor in_batch(const struct tensor *x, int64_t b)
{
    struct tensor t = *x;
    t.shape = shape_of(x->shape.rank - 1, x->shape.dim + 1);
    t.data = (char *)x->data + (size_t)b * dtype_size(x->dtype, tensor_count(&t));
    return t;
}

static int take_lengths(struct scan *s, struct err *err)
{
    struct run *r = s->f.run;
    struct operand o = s->f.step->in[0];
    if (o.value < 0)
        return 0;
    const struct tensor *t = &run_form(r, o, LAYOUT_PLAIN)->t;
    if (t->dtype != DTYPE_I64 || tensor_count(t) != s->n_batch)
        return err_set(err, ERR_INPUT, "sequence_lens does not fit a batch of %" PRId64,
                       s->n_batch);
    for (int64_t b = 0; b < s->n_batch; b++) {
        s->length[b] = tensor_get_int(t, b);
        if (s->length[b] < 0 || s->length[b] > s->longest)
            return err_set(err, ERR_INPUT, "a sequence of %" PRId64 " has the length %" PRId64,
                           s->longest, s->length[b]);
    }
    return 0;
}

static int open_input(struct scan *s, int i, struct err *err)
{
    const struct control *k = &s->f.control;
    int slot = k->first + k->n_state + i, skip = k->batched;
    struct scan_axis a;
    struct operand from = s->f.step->in[slot];
    const struct tensor *t = &run_form(s->f.run, from, LAYOUT_PLAIN)->t;
    int rank = t->shape.rank - skip;
    TRY(control_scan_axis(s->f.step->node, false, i, &a, err));
    if (dtype_is_sequence(t->dtype) || a.axis < -rank || a.axis >= rank)
        return err_set(err, ERR_INPUT, "input %d has no axis %" PRId64 " to scan", slot, a.axis);
    s->in[i] = (struct scanned){from, (int)(a.axis < 0 ? a.axis + rank : a.axis), a.reverse};
    int64_t n = t->shape.dim[s->in[i].axis + skip], batch = skip ? t->shape.dim[0] : 1;
    if (i == 0) {
        s->longest = n;
        s->n_batch = batch;
    } else if (n != s->longest || batch != s->n_batch) {
        return err_set(err, ERR_INPUT, "input %d has %" PRId64 " slices, others have %" PRId64,
                       slot, n, s->longest);
    }
    return 0;
}

static int open_inputs(struct scan *s, struct err *err)
{
    const struct control *k = &s->f.control;
    s->in = NEW_ARRAY(&s->f.arena, k->n_scan_in, struct scanned);
    for (int i = 0; i < k->n_scan_in; i++)
        TRY(open_input(s, i, err));
    s->length = NEW_ARRAY(&s->f.arena, s->n_batch, int64_t);
    for (int64_t b = 0; b < s->n_batch; b++)
        s->length[b] = s->longest;
    for (int i = 0; k->batched && i < k->n_state; i++) {
        const struct tensor *t = &run_form(s->f.run, s->f.step->in[k->first + i],
                                           LAYOUT_PLAIN)->t;
        if (t->shape.rank < 1 || t->shape.dim[0] != s->n_batch)
            return err_set(err, ERR_INPUT, "input %d is not of a batch of %" PRId64, k->first + i,
                           s->n_batch);
    }
    return k->batched ? take_lengths(s, err) : 0;
}

static int start_sequence(struct scan *s, int64_t batch, struct err *err)
{
    struct frame *f = &s->f;
    for (int i = 0; i < f->control.n_state; i++) {
        struct operand o = f->step->in[f->control.first + i];
        if (!f->control.batched)
            run_hand_on(f->run, o, &f->state[i]);
        else
            TRY(make_slice(f->run, &run_form_in(f->run, o, LAYOUT_PLAIN)->t, 0, batch,
                           &f->state[i], err));
    }
    return 0;
}

static int scan_sequence(struct scan *s, int64_t batch, struct err *err)
{
    struct frame *f = &s->f;
    int64_t length = s->length[batch];
    TRY(start_sequence(s, batch, err));
    for (int64_t at = 0; at < length; at++) {
        for (int i = 0; i < f->control.n_scan_in; i++) {
            const struct scanned *in = &s->in[i];
            const struct value *to = f->body->graph->input[f->control.n_state + i];
            struct tensor x = run_form_in(f->run, in->from, LAYOUT_PLAIN)->t;
            if (f->control.batched)
                x = in_batch(&x, batch);
            cells_free(f->run->pool, &f->slice);
            TRY(make_slice(f->run, &x, in->axis, in->reverse ? length - 1 - at : at, &f->slice,
                           err));
            TRY(run_give(f->run, to, &f->slice, err));
        }
        TRY(frame_iterate(f, err));
        run_clear_block(f->run, f->body);
    }
    return 0;
}

/* Zeros follow a sequence that is shorter than others. */
static void pad_list(struct scan *s, struct cell *list)
{
    struct pool *p = s->f.run->pool;
    while (list_count(list) < s->longest) {
        struct cell *zero = NULL;
        cell_new(p, &zero, FACE_COMPUTED, list_at(list, 0));
        memset(zero->t.data, 0, zero->t.size);
        list_insert(p, list, list_count(list), &zero->t, zero->buffer);
        cells_free(p, &zero);
    }
}

/* Output i of the sequence that was scanned last. */
static int take_result(struct scan *s, int i, struct cell **forms, struct err *err)
{
    struct frame *f = &s->f;
    int k = i - f->control.n_state;
    struct scan_axis a;
    if (k < 0) {
        *forms = f->state[i];
        f->state[i] = NULL;
        return 0;
    }
    TRY(control_scan_axis(f->step->node, true, k, &a, err));
    if (!f->list[k])
        return frame_empty(f, k, a.axis, forms, err);
    pad_list(s, f->list[k]);
    return list_stack(f->run->pool, f->list[k], a.axis, a.reverse, forms, err);
}

static int scan_one(struct scan *s, struct err *err)
{
    const struct step *step = s->f.step;
    TRY(scan_sequence(s, 0, err));
    for (int i = 0; i < step->n_out; i++)
        if (step->out[i] >= 0)
            TRY(take_result(s, i, &s->f.run->forms[step->out[i]], err));
    return 0;
}

/* The results of each sequence go into a list for each output; these lists are stacked. */
static int scan_batch(struct scan *s, struct cell **all, struct err *err)
{
    struct frame *f = &s->f;
    struct pool *p = f->run->pool;
    for (int64_t b = 0; b < s->n_batch; b++) {
        TRY(scan_sequence(s, b, err));
        for (int i = 0; i < f->step->n_out; i++) {
            TRY(take_result(s, i, &f->slice, err));
            if (f->slice->t.layout != LAYOUT_PLAIN)
                cell_layout(p, &f->slice, f->slice, LAYOUT_PLAIN);
            const struct cell *c = cell_find(f->slice, FACE_COMPUTED, LAYOUT_PLAIN);
            if (!all[i])
                list_new(p, &all[i], c->t.dtype);
            list_insert(p, all[i], b, &c->t, c->buffer);
            cells_free(p, &f->slice);
        }
        for (int i = 0; i < f->control.n_scan_out; i++)
            cells_free(p, &f->list[i]);
    }
    for (int i = 0; i < f->step->n_out; i++)
        if (f->step->out[i] >= 0 && all[i])
            TRY(list_stack(p, all[i], 0, false, &f->run->forms[f->step->out[i]], err));
    return s->n_batch ? 0 : err_set(err, ERR_INPUT, "a batch of none is not supported");
}

int run_scan(struct run *r, struct step *step, struct err *err)
{
    struct scan s;
    TRY(frame_open(&s.f, r, step, err));
    struct cell **all = NEW_ARRAY(&s.f.arena, step->n_out, struct cell *);
    int result = open_inputs(&s, err);
    if (result == 0)
        result = s.f.control.batched ? scan_batch(&s, all, err) : scan_one(&s, err);
    if (result == 0)
        result = frame_settle(&s.f, err);
    for (int i = 0; i < step->n_out; i++)
        cells_free(r->pool, &all[i]);
    frame_close(&s.f);
    return result;
}

/* The sequences must be equally long; what is not a sequence goes into each iteration. */
static int map_length(struct run *r, const struct step *s, int64_t *n, struct err *err)
{
    for (int i = 0; i < s->n_in; i++) {
        const struct cell *c = run_form(r, s->in[i], LAYOUT_PLAIN);
        bool list = dtype_is_sequence(c->t.dtype);
        if (i == 0 && !list)
            return err_set(err, ERR_INPUT, "input 0 must be a sequence");
        if (i > 0 && list && list_count(c) != *n)
            return err_set(err, ERR_INPUT, "input %d has %" PRId64 " elements, input 0 %" PRId64,
                           i, list_count(c), *n);
        if (i == 0)
            *n = list_count(c);
    }
    return 0;
}

static int map_sequence(struct frame *f, struct err *err)
{
    struct run *r = f->run;
    int64_t n = 0;
    TRY(map_length(r, f->step, &n, err));
    for (int64_t at = 0; at < n; at++) {
        for (int i = 0; i < f->step->n_in; i++) {
            const struct cell *c = run_form(r, f->step->in[i], LAYOUT_PLAIN);
            if (dtype_is_sequence(c->t.dtype))
                list_share(r->pool, &f->slice, c, at);
            else
                run_hand_on(r, f->step->in[i], &f->slice);
            TRY(run_give(r, f->body->graph->input[i], &f->slice, err));
        }
        TRY(frame_iterate(f, err));
        run_clear_block(r, f->body);
    }
    for (int i = 0; i < f->step->n_out; i++) {
        if (f->step->out[i] < 0)
            continue;
        const struct value *v = r->exec->place[f->body->output[i].value].value;
        struct cell **forms = &r->forms[f->step->out[i]];
        *forms = f->list[i];
        f->list[i] = NULL;
        if (!*forms)
            list_new(r->pool, forms, v->type.dtype);
    }
    return frame_settle(f, err);
}

int run_sequence_map(struct run *r, struct step *s, struct err *err)
{
    struct frame f;
    TRY(frame_open(&f, r, s, err));
    int result = map_sequence(&f, err);
    frame_close(&f);
    return result;
}
