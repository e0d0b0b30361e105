/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_run: a run from its inputs to its outputs, and the setup run that computes what is fixed.
 */
#include "exec_run.h"

#include "k_startup.h"

#include <string.h>

/* The largest number of inputs or outputs of one node. */
static int widest(const struct step *step, int n_steps)
{
    int n = 1;
    for (int i = 0; i < n_steps; i++) {
        int part = widest(step[i].part, step[i].n_parts);
        n = step[i].n_in > n ? step[i].n_in : n;
        n = step[i].n_out > n ? step[i].n_out : n;
        n = part > n ? part : n;
        for (int k = 0; k < step[i].n_bodies; k++) {
            int body = widest(step[i].body[k].step, step[i].body[k].n_steps);
            n = body > n ? body : n;
        }
    }
    return n;
}

struct run *run_new(struct exec *x, struct pool *pool)
{
    struct arena arena = {0};
    struct run *r = NEW(&arena, struct run);
    int n = widest(x->setup_step, x->n_setup), m = widest(x->main.step, x->main.n_steps);
    n = m > n ? m : n;
    r->exec = x;
    r->pool = pool;
    r->forms = NEW_ARRAY(&arena, x->n_values, struct cell *);
    r->memo = NEW_ARRAY(&arena, x->n_all, struct memo);
    r->output = NEW_ARRAY(&arena, x->main.n_outputs, const struct tensor *);
    r->held = -1;
    r->in = NEW_ARRAY(&arena, n, const struct tensor *);
    r->hidden_in = NEW_ARRAY(&arena, n, const struct tensor *);
    r->hidden = NEW_ARRAY(&arena, n, struct tensor);
    r->type = NEW_ARRAY(&arena, n, struct tensor);
    r->out = NEW_ARRAY(&arena, n, struct tensor *);
    r->cell = NEW_ARRAY(&arena, n, struct cell *);
    r->arena = arena;
    return r;
}

struct run *run_open(struct exec *x)
{
    return run_new(x, pool_open());
}

struct run *run_open_beside(struct run *other)
{
    other->pool->users++;
    return run_new(other->exec, other->pool);
}

void run_close(struct run *r)
{
    if (!r)
        return;
    for (int v = 0; v < r->exec->n_values; v++)
        cells_free(r->pool, &r->forms[v]);
    pool_leave(r->pool);
    struct arena arena = r->arena;
    arena_release(&arena);
}

void run_watch(struct run *r, watch_fn *fn, void *data)
{
    r->watch = fn;
    r->watch_data = data;
}

void run_replace(struct run *r, replace_fn *fn, void *data)
{
    r->replace = fn;
    r->replace_data = data;
}

/* The largest number of nodes in one step, bodies included. */
static int longest_step(const struct block *b)
{
    int most = 1;
    for (int i = 0; i < b->n_steps; i++) {
        const struct step *s = &b->step[i];
        most = s->n_parts > most ? s->n_parts : most;
        for (int k = 0; k < s->n_bodies; k++) {
            int inner = longest_step(&s->body[k]);
            most = inner > most ? inner : most;
        }
    }
    return most;
}

void run_measure(struct run *r, cost_fn *fn, void *data)
{
    if (!r->joined)
        r->joined = NEW_ARRAY(&r->arena, longest_step(&r->exec->main), const struct node *);
    r->cost = fn;
    r->cost_data = data;
}

/* A tensor of the caller that becomes the form of a value, or a copy of it. */
static int feed(struct run *r, int value, const struct tensor *t, bool copied, struct err *err)
{
    if (copied)
        memcpy(cell_new(r->pool, &r->forms[value], FACE_COMPUTED, t)->t.data, t->data, t->size);
    else
        cell_share(r->pool, &r->forms[value], FACE_COMPUTED, t, NULL);
    unsigned before = kernels_enter();
    int result = run_settle(r, value, err);
    kernels_leave(before);
    return result;
}

static int execute(struct run *r, struct step *s, struct err *err)
{
    unsigned before = kernels_enter();
    int result = run_execute(r, s, err);
    kernels_leave(before);
    return result;
}

static int check_input(const struct value *v, const struct tensor *t, struct err *err)
{
    if (!t)
        return err_set(err, ERR_INPUT, "input '%s' is missing", v->name);
    if (v->type.dtype && v->type.dtype != t->dtype)
        return err_set(err, ERR_INPUT, "input '%s' has type %s instead of %s", v->name,
                       dtype_info(t->dtype)->name, dtype_info(v->type.dtype)->name);
    const struct shape *want = &v->type.shape, *have = &t->shape;
    bool fits = want->rank < 0 || want->rank == have->rank;
    for (int i = 0; fits && i < want->rank; i++)
        fits = want->dim[i] < 0 || want->dim[i] == have->dim[i];
    if (fits)
        return 0;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    return err_set(err, ERR_INPUT, "input '%s' has shape %s instead of %s", v->name,
                   shape_text(have, a), shape_text(want, b));
}

static void clear(struct run *r)
{
    const struct exec *x = r->exec;
    for (int v = 0; v < x->n_values; v++)
        if (!x->place[v].fixed)
            cells_free(r->pool, &r->forms[v]);
    memset(r->output, 0, (size_t)x->main.n_outputs * sizeof *r->output);
    r->held = -1;
    r->waits = false;
}

static int begin(struct run *r, const struct tensor *const *input, bool copied, struct err *err)
{
    const struct graph *g = r->exec->graph;
    clear(r);
    r->at = 0;
    for (int i = 0; i < g->n_input; i++) {
        const struct value *v = g->input[i];
        if (v->constant || (!v->uses && !input[i]))
            continue;
        TRY(check_input(v, input[i], err));
        TRY(feed(r, v->id, input[i], copied && !dtype_is_sequence(input[i]->dtype), err));
    }
    return 0;
}

int run_begin(struct run *r, const struct tensor *const *input, struct err *err)
{
    return begin(r, input, false, err);
}

int run_begin_at(struct run *r, const struct run *other, struct err *err)
{
    const struct exec *x = r->exec;
    clear(r);
    r->at = 0;
    for (int i = 0; i < x->n_fed; i++) {
        struct operand o = {x->fed[i], FACE_COMPUTED};
        TRY(feed(r, o.value, &run_form(other, o, LAYOUT_PLAIN)->t, false, err));
    }
    return 0;
}

int run_begin_copied(struct run *r, const struct tensor *const *input, struct err *err)
{
    return begin(r, input, true, err);
}

static void finish(struct run *r)
{
    const struct exec *x = r->exec;
    for (int i = 0; i < x->main.n_outputs; i++)
        if (x->main.output[i].value >= 0)
            r->output[i] = &run_form_in(r, x->main.output[i], LAYOUT_PLAIN)->t;
}

static void drop_outputs(struct run *r, const struct step *s)
{
    for (int i = 0; i < s->n_out; i++)
        if (s->out[i] >= 0)
            cells_free(r->pool, &r->forms[s->out[i]]);
    for (int i = 0; i < s->n_parts; i++)
        drop_outputs(r, &s->part[i]);
}

int run_peek(struct run *r, struct err *err)
{
    if (r->at == r->exec->main.n_steps)
        return 0;
    struct step *s = &r->exec->main.step[r->at];
    r->peeking = true;
    int result = execute(r, s, err);
    r->peeking = false;
    drop_outputs(r, s);
    return result;
}

void run_free_dead(struct run *r, const struct step *s)
{
    for (int i = 0; i < s->n_dead; i++)
        cells_free(r->pool, &r->forms[s->dead[i]]);
}

int run_step(struct run *r, struct err *err)
{
    const struct exec *x = r->exec;
    if (r->at < x->main.n_steps) {
        struct step *s = &x->main.step[r->at++];
        TRY(execute(r, s, err));
        run_free_dead(r, s);
    }
    if (r->at < x->main.n_steps || r->waits)
        return 1;
    finish(r);
    return 0;
}

void run_hold(struct run *r, const struct value *v)
{
    r->held = v->id;
}

/* t[..][i][..] += by[i]; only axis 1 is ever stored last. */
static void add_along(struct tensor *t, int axis, const float *by)
{
    int64_t n = t->shape.dim[axis], count = tensor_count(t);
    int64_t inner = shape_span(&t->shape, axis + 1, t->shape.rank);
    if (t->layout == LAYOUT_CHANNELS_LAST)
        inner = 1;
    float *x = tensor_f32(t);
    for (int64_t at = 0; at < count && inner == 1; at += n)
        for (int64_t i = 0; i < n; i++)
            x[at + i] += by[i];
    for (int64_t at = 0; at < count && inner > 1; at += inner)
        for (int64_t k = 0; k < inner; k++)
            x[at + k] += by[at / inner % n];
}

int run_shift(struct run *r, int axis, const float *by, struct err *err)
{
    struct cell *c = r->forms[r->held];
    int value = r->held;
    r->held = -1;
    r->waits = false;
    if (!c)
        return 0; /* nothing reads it */
    unsigned before = kernels_enter();
    add_along(&c->t, axis < 0 ? c->t.shape.rank + axis : axis, by);
    int result = run_round(r, value, err);
    kernels_leave(before);
    return result;
}

const struct node *run_next(const struct run *r)
{
    return r->at < r->exec->main.n_steps ? r->exec->main.step[r->at].node : NULL;
}

int run_sample(struct run *r, const struct tensor *const *input, struct err *err)
{
    int more;
    TRY(run_begin(r, input, err));
    while ((more = run_step(r, err)) > 0)
        ;
    return more;
}

const struct tensor *run_output(const struct run *r, int i)
{
    return r->output[i];
}

/* A step of the setup that did not work out, or needs what did not. */
static void unfix(struct exec *x, const struct step *s)
{
    for (int i = 0; i < s->n_out; i++) {
        if (s->out[i] < 0)
            continue;
        x->place[s->out[i]].fixed = false;
        cells_free(x->setup->pool, &x->setup->forms[s->out[i]]);
    }
}

static bool inputs_fixed(const struct exec *x, const struct step *s)
{
    for (int i = 0; i < s->n_in; i++)
        if (s->in[i].value >= 0 && !x->place[s->in[i].value].fixed)
            return false;
    return true;
}

int setup_run(struct exec *x, struct err *err)
{
    int kept = 0;
    for (int v = 0; v < x->n_values; v++)
        if (x->place[v].constant)
            TRY(feed(x->setup, v, x->place[v].constant, false, err));
    for (int i = 0; i < x->n_setup; i++) {
        struct step *s = &x->setup_step[i];
        bool in_body = s->node->graph->outer, works = inputs_fixed(x, s);
        struct err ignored;
        if (works)
            works = execute(x->setup, s, in_body ? &ignored : err) == 0;
        if (works)
            x->setup_step[kept++] = *s;
        else if (in_body)
            unfix(x, s);
        else
            return -1;
    }
    x->n_setup = kept;
    return 0;
}

void step_forget(struct step *s)
{
    if (s->state)
        s->state->release(s->state);
    s->state = NULL;
    for (int i = 0; i < s->n_parts; i++)
        step_forget(&s->part[i]);
    for (int k = 0; k < s->n_bodies; k++)
        for (int i = 0; i < s->body[k].n_steps; i++)
            step_forget(&s->body[k].step[i]);
}

const struct tensor *fixed_tensor(const struct exec *x, struct operand o)
{
    return &run_form(x->setup, o, LAYOUT_PLAIN)->t;
}
