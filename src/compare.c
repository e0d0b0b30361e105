/* SPDX-License-Identifier: Apache-2.0
 *
 * compare: a worker runs model a on its sample, keeps what is to be compared, then runs model b on
 * the same sample and compares as values appear. So memory is that of one sample a worker.
 */
#include "compare.h"

#include "carry.h"
#include "exec.h"
#include "k_layout.h"
#include "samples.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct compare_worker {
    struct compare *all;
    struct run *b;
    struct carry carry;         /* of model b */
    struct arena arena;         /* of its sample */
    const struct tensor **kept; /* by row: the value in model a, as plain floats */
    const struct tensor **input;
    struct difference *output, *value; /* of its sample, by row */
    struct err err;
};
struct compare {
    const struct model *a, *b;
    struct comparison *result;
    struct exec *exec_a, *exec_b;
    const struct dataset *data_a, *data_b;
    int *row_a, *row_b;    /* by value id: row + 1; 0: not compared */
    int *output_b;         /* by output of a: the output of b */
    struct compare_worker *worker;
    atomic_bool failed;
    struct err err;        /* the first in the order of the samples */
};

double difference_sqnr(const struct difference *d)
{
    return d->noise == 0 ? INFINITY : 10 * log10(d->signal / d->noise);
}

double difference_relative(const struct difference *d)
{
    return d->noise == 0 ? 0 : sqrt(d->noise / d->signal);
}

static void difference_take(struct difference *d, const struct tensor *a, const struct tensor *b)
{
    *d = (struct difference){.shapes_differ = !shape_equal(&a->shape, &b->shape)};
    if (d->shapes_differ)
        return;
    const float *x = tensor_f32(a), *y = tensor_f32(b);
    for (int64_t i = 0, n = tensor_count(a); i < n; i++) {
        double e = fabs((double)x[i] - (double)y[i]);
        d->signal += (double)x[i] * (double)x[i];
        d->noise += e * e;
        d->max = e > d->max || isnan(e) ? e : d->max;
    }
}

static void difference_add(struct difference *all, const struct difference *one)
{
    all->signal += one->signal;
    all->noise += one->noise;
    all->max = one->max > all->max || isnan(one->max) ? one->max : all->max;
    all->shapes_differ |= one->shapes_differ;
}

/* A copy in plain layout: what a watcher sees is gone afterwards. */
static const struct tensor *plain_copy(struct arena *arena, const struct tensor *t)
{
    struct tensor *plain = tensor_new(arena, t->dtype, &t->shape);
    const struct shape *s = &t->shape;
    if (t->layout == LAYOUT_CHANNELS_LAST)
        k_transpose(plain->data, t->data, dtype_info(t->dtype)->bits / 8, s->dim[0],
                    shape_span(s, 2, s->rank), s->dim[1]);
    else
        memcpy(plain->data, t->data, t->size);
    return tensor_to_f32(arena, plain);
}

static bool is_comparable(const struct tensor *t)
{
    return dtype_info(t->dtype)->bits >= 8 && t->dtype != DTYPE_C64 && t->dtype != DTYPE_C128;
}

static void on_value_a(void *data, int worker, int sample, const struct value *v,
                       const struct tensor *t)
{
    struct compare *all = data;
    struct compare_worker *w = &all->worker[worker];
    int row = all->row_a[v->id] - 1;
    (void)sample;
    if (row >= 0 && is_comparable(t))
        w->kept[row] = plain_copy(&w->arena, t);
}

static void on_value_b(void *data, const struct value *v, const struct tensor *t)
{
    struct compare_worker *w = data;
    int row = w->all->row_b[v->id] - 1;
    if (row >= 0 && w->kept[row] && is_comparable(t))
        difference_take(&w->value[row], w->kept[row], plain_copy(&w->arena, t));
}

static void take_outputs(struct compare *all, struct compare_worker *w, const struct run *a)
{
    for (int i = 0; i < all->result->n_outputs; i++) {
        const struct tensor *x = run_output(a, i), *y = run_output(w->b, all->output_b[i]);
        w->output[i] = (struct difference){.shapes_differ = true};
        if (is_comparable(x) && is_comparable(y))
            difference_take(&w->output[i], tensor_to_f32(&w->arena, x),
                            tensor_to_f32(&w->arena, y));
    }
}

static int run_b(struct compare *all, struct compare_worker *w, int sample, const struct run *a)
{
    TRY(carry_read(&w->carry, sample, &w->arena, w->input, &w->err));
    if (run_sample(w->b, w->input, &w->err) < 0 || carry_keep(&w->carry, w->b, &w->err) < 0)
        return err_at(&w->err, "%s: %s", all->b->path, dataset_name(all->data_b, sample));
    take_outputs(all, w, a);
    return 0;
}

static void on_done(void *data, int worker, int sample, const struct run *a)
{
    struct compare *all = data;
    struct compare_worker *w = &all->worker[worker];
    w->err.code = ERR_NONE;
    memset(w->value, 0, (size_t)all->result->n_values * sizeof *w->value);
    if (!atomic_load(&all->failed) && run_b(all, w, sample, a))
        atomic_store(&all->failed, true);
    memset(w->kept, 0, (size_t)all->result->n_values * sizeof *w->kept);
    arena_reset(&w->arena);
}

static void on_merge(void *data, int worker, int sample)
{
    struct compare *all = data;
    struct compare_worker *w = &all->worker[worker];
    struct comparison *c = all->result;
    (void)sample;
    if (!all->err.code)
        all->err = w->err;
    for (int i = 0; i < c->n_outputs; i++)
        difference_add(&c->output[i].sum, &w->output[i]);
    for (int i = 0; i < c->n_values; i++)
        difference_add(&c->value[i].sum, &w->value[i]);
    c->n_samples++;
}

static int find_output(const struct graph *g, const char *name)
{
    for (int i = 0; i < g->result->n_in; i++)
        if (!strcmp(g->output_name[i], name))
            return i;
    return -1;
}

static int match_outputs(struct compare *all, struct arena *arena, struct err *err)
{
    const struct graph *a = all->a->graph, *b = all->b->graph;
    int n = a->result->n_in, n_found = 0;
    all->output_b = NEW_ARRAY(arena, n, int);
    all->result->output = NEW_ARRAY(arena, n, struct compare_row);
    all->result->n_outputs = n;
    for (int i = 0; i < n; i++) {
        struct value *v = a->result->in[i].value;
        all->result->output[i] =
            (struct compare_row){.name = a->output_name[i], .node = v->def, .a = v, .place = i};
        all->output_b[i] = find_output(b, a->output_name[i]);
        n_found += all->output_b[i] >= 0;
    }
    if (!n_found && n == b->result->n_in)
        for (int i = 0; i < n; i++)
            all->output_b[n_found++] = i;
    for (int i = 0; i < n; i++)
        if (all->output_b[i] < 0)
            return err_set(err, ERR_INPUT, "%s has no output '%s', which %s has", all->b->path,
                           a->output_name[i], all->a->path);
    return 0;
}

/* Values that both models compute under the same name. */
static void match_values(struct compare *all, struct arena *arena)
{
    struct map by_name = {.arena = arena};
    struct comparison *c = all->result;
    all->row_a = NEW_ARRAY(arena, all->a->n_values, int);
    all->row_b = NEW_ARRAY(arena, all->b->n_values, int);
    c->value = NEW_ARRAY(arena, all->a->n_values, struct compare_row);
    for (const struct node *n = all->b->graph->first; n; n = n->next)
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                map_set(&by_name, n->out[i]->name, n->out[i]);
    for (const struct node *n = all->a->graph->first; n; n = n->next) {
        for (int i = 0; i < n->n_out; i++) {
            const struct value *a = n->out[i], *b = a ? map_find(&by_name, a->name) : NULL;
            if (!b)
                continue;
            c->value[c->n_values] = (struct compare_row){.name = *n->name ? n->name : a->name,
                                                         .node = n,
                                                         .a = a,
                                                         .b = b,
                                                         .place = c->n_values};
            c->n_values++;
            all->row_a[a->id] = all->row_b[b->id] = c->n_values;
        }
    }
}

static const bool *wanted(struct arena *arena, const int *row, int n_values)
{
    bool *want = NEW_ARRAY(arena, n_values, bool);
    for (int i = 0; i < n_values; i++)
        want[i] = row[i] > 0;
    return want;
}

static struct exec *open_exec(const struct model *m, const bool *want, struct err *err)
{
    struct exec *x =
        exec_open(m->graph, &(struct exec_options){.mode = EXEC_FLOAT, .want = want}, err);
    if (!x)
        err_at(err, "%s", m->path);
    return x;
}

static struct dataset *open_data(const struct model *m, const struct dataset_options *o,
                                 struct err *err)
{
    struct dataset *d = dataset_open(m->graph, o, err);
    if (!d)
        err_at(err, "%s", m->path);
    return d;
}

static int open_workers(struct compare *all, int jobs, struct arena *arena)
{
    int n_samples = dataset_count(all->data_a);
    jobs = jobs < n_samples ? jobs : n_samples;
    all->worker = NEW_ARRAY(arena, jobs, struct compare_worker);
    for (int i = 0; i < jobs; i++) {
        struct compare_worker *w = &all->worker[i];
        w->all = all;
        w->b = run_open(all->exec_b);
        carry_open(&w->carry, all->data_b, all->b->graph);
        run_watch(w->b, on_value_b, w);
        w->kept = NEW_ARRAY(arena, all->result->n_values, const struct tensor *);
        w->input = NEW_ARRAY(arena, all->b->graph->n_input, const struct tensor *);
        w->output = NEW_ARRAY(arena, all->result->n_outputs, struct difference);
        w->value = NEW_ARRAY(arena, all->result->n_values, struct difference);
    }
    return jobs;
}

/* The worst first; those that cannot be compared before all others; equal ones as they run. */
static int compare_rows(const void *p, const void *q)
{
    const struct compare_row *a = p, *b = q;
    double x = a->sum.shapes_differ ? NAN : difference_sqnr(&a->sum);
    double y = b->sum.shapes_differ ? NAN : difference_sqnr(&b->sum);
    if (isnan(x) != isnan(y))
        return isnan(y) - isnan(x);
    if (!isnan(x) && x != y)
        return x < y ? -1 : 1;
    return a->place - b->place;
}

static int run_both(struct compare *all, int jobs, struct arena *arena, struct err *err)
{
    static const struct samples_hooks hooks = {
        .watch = on_value_a, .done = on_done, .merge = on_merge, .progress = "samples"};
    struct comparison *c = all->result;
    int *index;
    int n = samples_spread(arena, dataset_count(all->data_a), dataset_count(all->data_a), &index);
    int workers = open_workers(all, jobs, arena);
    int r = samples_run(all->exec_a, all->data_a, index, n, workers, &hooks, all, err);
    for (int i = 0; i < workers; i++) {
        run_close(all->worker[i].b);
        carry_close(&all->worker[i].carry);
        arena_release(&all->worker[i].arena);
    }
    if (!r && all->err.code) {
        *err = all->err;
        r = -1;
    }
    qsort(c->output, (size_t)c->n_outputs, sizeof *c->output, compare_rows);
    qsort(c->value, (size_t)c->n_values, sizeof *c->value, compare_rows);
    return r;
}

int compare_models(const struct model *a, const struct model *b, const struct dataset_options *o,
                   int jobs, struct arena *arena, struct comparison *c, struct err *err)
{
    struct compare all = {.a = a, .b = b, .result = c};
    struct dataset *data_a = NULL, *data_b = NULL;
    *c = (struct comparison){0};
    TRY(match_outputs(&all, arena, err));
    match_values(&all, arena);
    int r = -1;
    if ((data_a = open_data(a, o, err)) && (data_b = open_data(b, o, err))
        && (all.exec_a = open_exec(a, wanted(arena, all.row_a, a->n_values), err))
        && (all.exec_b = open_exec(b, wanted(arena, all.row_b, b->n_values), err))) {
        all.data_a = data_a;
        all.data_b = data_b;
        r = run_both(&all, jobs, arena, err);
    }
    if (all.exec_b)
        exec_close(all.exec_b);
    if (all.exec_a)
        exec_close(all.exec_a);
    if (data_b)
        dataset_close(data_b);
    if (data_a)
        dataset_close(data_a);
    return r;
}
