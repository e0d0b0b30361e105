/* SPDX-License-Identifier: Apache-2.0
 *
 * measure: float references are kept per sample and value; sums are kept per sample, so that no
 * result depends on the order in which samples end.
 */
#include "measure.h"

#include "choice.h"
#include "effort.h"
#include "exec.h"
#include "k_layout.h"
#include "k_simd.h"
#include "op.h"
#include "samples.h"

#include <math.h>
#include <string.h>

enum { FEW = 4, MANY = 8 }; /* samples: fewer are not divided, nor as many if there are no others;
                              more are divided into halves. A sequence must run as a whole */

struct measure {
    const struct dataset *data;
    int *index, n;
    int every;                  /* one of so many samples is in the first round */
    int *value, n_value;        /* ids of the measured values */
    int n_front;                /* the first of them serve measure_sqnr() */
    int *output, n_output;      /* slots of the graph's outputs; -1: a constant, or of other type */
    bool picks;                 /* an output holds what was chosen from a value in front */
    const float **reference;    /* [sample][value], plain layout */
    int64_t *count;
    int *pick, n_pick;          /* ids of values that say which elements are picked */
    struct tensor *picked;      /* [sample][pick]: as in the float run; no dtype: it gave none */
};

struct sums { /* of one value in one sample */
    double signal, noise;
    bool seen;
};
struct recording {
    struct measure *m;
    float **copy; /* [sample][value] */
    struct arena *arena;
};
struct tally {
    struct sums *sum; /* [sample][value] */
};
struct session {
    const struct measure *m;
    const int *sample; /* of the run: which of m's it is */
    struct tally *tally;
};

/* The value in front of what only squashes or selects, and of what is made of whole numbers. */
static const struct value *measured_value(const struct value *v)
{
    while (v->def) {
        enum op op = v->def->op;
        bool squashes = op == OP_Softmax || op == OP_LogSoftmax || op == OP_ArgMax
                     || op == OP_ArgMin || op == OP_Cast || op == OP_Identity;
        const struct value *in = node_input(v->def, 0);
        if (!(squashes || !choice_may_be_float(v)) || !in || in->constant)
            break;
        v = in;
    }
    return v;
}

static int slot_of(const struct measure *m, const struct value *v)
{
    for (int i = 0; i < m->n_value; i++)
        if (m->value[i] == v->id)
            return i;
    return -1;
}

/* The elements of t in plain order: its own, or a copy in *room, which must be freed. */
static const float *plain_order(const struct tensor *t, float **room)
{
    *room = NULL;
    if (t->layout == LAYOUT_PLAIN)
        return tensor_f32(t);
    int64_t c = t->shape.dim[1], inner = shape_span(&t->shape, 2, t->shape.rank);
    *room = mem_alloc(t->size);
    k_transpose(*room, t->data, sizeof **room, t->shape.dim[0], inner, c);
    return *room;
}

static void measure_value(struct measure *s, const struct graph *g, const struct value *v)
{
    if (choice_may_be_float(v) && !v->constant && v->graph == g && slot_of(s, v) < 0)
        s->value[s->n_value++] = v->id;
}

struct choices {
    const bool *chosen; /* by value id */
    bool *seen;
    const struct value **todo; /* room for all values */
    int n;
};

static void to_be_seen(void *data, const struct value *v)
{
    struct choices *c = data;
    if (v->constant || c->seen[v->id] || !(c->chosen[v->id] || choice_may_be_float(v)))
        return;
    c->todo[c->n++] = v;
    c->seen[v->id] = true;
}

/* What is chosen is measured by what it is chosen from, and by. */
static void measure_source(struct measure *s, const struct graph *g, const struct value *v,
                           struct choices *c)
{
    c->todo[c->n++] = v;
    c->seen[v->id] = true;
    while (c->n) {
        v = c->todo[--c->n];
        if (c->chosen[v->id])
            choice_each_read(v->def, g, to_be_seen, c);
        else
            measure_value(s, g, measured_value(v));
    }
}

static bool is_computed(const struct value *v, const bool *runnable)
{
    return !v->def || runnable[v->def->id];
}

/* Outputs; and where a node cannot be executed, what it would have read. */
static void find_values(struct measure *s, const struct graph *g, struct arena *a)
{
    const struct node *result = g->result;
    bool *runnable = NEW_ARRAY(a, g->model->n_nodes, bool);
    struct choices c = {choice_find(g, a), NEW_ARRAY(a, g->model->n_values, bool),
                        NEW_ARRAY(a, g->model->n_values, const struct value *), 0};
    exec_find_runnable(g, runnable);
    s->value = NEW_ARRAY(a, g->model->n_values, int);
    for (const struct node *n = g->first; n; n = n->next)
        for (int i = 0; i < n->n_in && !runnable[n->id]; i++) {
            const struct value *v = node_input(n, i);
            if (v && v->def && is_computed(v, runnable))
                measure_value(s, g, measured_value(v));
        }
    for (int i = 0; i < result->n_in; i++) {
        const struct value *v = node_input(result, i);
        s->picks |= v && c.chosen[v->id] && choice_may_be_float(v);
    }
    for (int i = 0; i < result->n_in; i++)
        if (is_computed(node_input(result, i), runnable))
            measure_source(s, g, node_input(result, i), &c);
    s->n_front = s->n_value;
    s->n_pick = choice_picks(g, c.chosen, a, &s->pick);

    s->n_output = result->n_in;
    s->output = NEW_ARRAY(a, result->n_in, int);
    for (int i = 0; i < result->n_in; i++) {
        if (is_computed(node_input(result, i), runnable))
            measure_value(s, g, node_input(result, i));
        s->output[i] = slot_of(s, node_input(result, i));
    }
}

/* Where what it says of a sample is kept; NULL: it says nothing of picks. */
static struct tensor *picked(const struct measure *m, int i, const struct value *v)
{
    for (int k = 0; k < m->n_pick; k++)
        if (m->pick[k] == v->id)
            return &m->picked[i * m->n_pick + k];
    return NULL;
}

static void record(void *data, int unused, int i, const struct value *v, const struct tensor *t)
{
    (void)unused;
    struct recording *r = data;
    struct tensor *pick = picked(r->m, i, v);
    if (pick) {
        *pick = *t;
        pick->size = dtype_size(t->dtype, tensor_count(t));
        pick->data = memcpy(mem_alloc(pick->size), t->data, pick->size);
    }
    int slot = slot_of(r->m, v);
    if (slot < 0 || t->dtype != DTYPE_F32)
        return;
    int64_t n = tensor_count(t);
    float *room, *copy = mem_alloc((size_t)n * sizeof *copy);
    memcpy(copy, plain_order(t, &room), (size_t)n * sizeof *copy);
    mem_free(room);
    r->copy[i * r->m->n_value + slot] = copy;
    r->m->count[i * r->m->n_value + slot] = n;
}

/* The copies move into the arena in the order of the samples. */
static int keep_references(void *data, bool ran, struct err *err)
{
    (void)err;
    struct recording *r = data;
    struct measure *m = r->m;
    for (int i = 0; i < m->n * m->n_value; i++) {
        if (r->copy[i] && ran)
            m->reference[i] = arena_copy(r->arena, r->copy[i], (size_t)m->count[i] * sizeof(float));
        mem_free(r->copy[i]);
    }
    for (int i = 0; i < m->n * m->n_pick; i++) {
        struct tensor *t = &m->picked[i];
        void *copy = t->data;
        if (copy && ran)
            t->data = arena_copy(r->arena, copy, t->size);
        mem_free(copy);
    }
    return 0;
}

/* Adds the squares of y, and of its differences from x. Lanes, or each addition would wait for the
 * one before. */
K_CLONES static void add_squares(const float *y, const float *x, int64_t n, struct sums *to)
{
    enum { LANES = 8 };
    double signal[LANES] = {0}, noise[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) {
            double real = (double)y[i + k], d = real - (double)x[i + k];
            signal[k] += real * real;
            noise[k] += d * d;
        }
    for (; i < n; i++) {
        double real = (double)y[i], d = real - (double)x[i];
        signal[0] += real * real;
        noise[0] += d * d;
    }
    for (int k = 0; k < LANES; k++) {
        to->signal += signal[k];
        to->noise += noise[k];
    }
}

static void compare(const struct measure *s, struct tally *tally, int i, int slot,
                    const struct tensor *t)
{
    int at = i * s->n_value + slot;
    const float *y = s->reference[at];
    int64_t n = tensor_count(t);
    struct sums *sum = &tally->sum[at];
    sum->seen = true;
    if (n != s->count[at]) { /* a shape that depends on data came out differently */
        sum->noise = INFINITY;
        return;
    }
    float *room;
    add_squares(y, plain_order(t, &room), n, sum);
    mem_free(room);
}

void measure_add(const struct measure *s, struct tally *tally, int i, const struct value *v,
                 const struct tensor *t)
{
    int slot = slot_of(s, v);
    if (slot >= 0 && t->dtype == DTYPE_F32)
        compare(s, tally, i, slot, t);
}

static void on_value(void *data, int unused, int i, const struct value *v, const struct tensor *t)
{
    (void)unused;
    struct session *s = data;
    measure_add(s->m, s->tally, s->sample[i], v, t);
}

const struct tensor *measure_pick(const struct measure *s, int i, const struct value *v)
{
    const struct tensor *t = picked(s, i, v);
    return t && t->dtype ? t : NULL;
}

static const struct tensor *as_in_float(void *data, int i, const struct value *v)
{
    struct session *s = data;
    return measure_pick(s->m, s->sample[i], v);
}

static void on_done(void *data, int unused, int i, const struct run *r)
{
    (void)unused;
    struct session *s = data;
    for (int k = 0; k < s->m->n_output; k++) {
        int slot = s->m->output[k];
        const struct tensor *t = slot < 0 ? NULL : run_output(r, k);
        if (t && t->dtype == DTYPE_F32 && s->m->reference[s->sample[i] * s->m->n_value + slot])
            compare(s->m, s->tally, s->sample[i], slot, t);
    }
}

/* The first n values, and picks. */
static bool *wanted(const struct measure *s, const struct model *m, int n, struct arena *a)
{
    bool *want = NEW_ARRAY(a, m->n_values, bool);
    for (int i = 0; i < n; i++)
        want[s->value[i]] = true;
    for (int i = 0; i < s->n_pick; i++)
        want[s->pick[i]] = true;
    return want;
}

int measure_enough(const struct model *m, double ops)
{
    enum { MOST = 16, LEAST = 4, ELEMENTS = 500 };
    int64_t elements = 0;
    for (int i = 0; i < m->graph->result->n_in; i++) {
        const struct value *v = measured_value(node_input(m->graph->result, i));
        int64_t n = 1;
        for (int k = 0; k < v->type.shape.rank; k++)
            n *= v->type.shape.dim[k] > 0 ? v->type.shape.dim[k] : 1;
        elements += n;
    }
    return effort_samples(elements >= ELEMENTS ? ops : sqrt(ops * EFFORT_DEAR), MOST, LEAST);
}

static struct measure *watch_at(const struct model *m, const struct dataset *d, int *index, int n,
                                struct arena *a, struct tap *tap)
{
    struct measure *s = NEW(a, struct measure);
    *s = (struct measure){.data = d, .index = index, .n = n};
    const struct dataset_carry *carries;
    bool whole = n < FEW || (n <= MANY && n == dataset_count(d)) || dataset_carries(d, &carries);
    s->every = whole ? 1 : n <= MANY ? FEW : 2;
    find_values(s, m->graph, a);
    size_t cells = (size_t)n * (size_t)s->n_value;
    s->reference = NEW_ARRAY(a, cells, const float *);
    s->count = NEW_ARRAY(a, cells, int64_t);
    s->picked = NEW_ARRAY(a, n * s->n_pick, struct tensor);
    struct recording *r = NEW(a, struct recording);
    *r = (struct recording){s, NEW_ARRAY(a, cells, float *), a};
    *tap = (struct tap){.want = wanted(s, m, s->n_value, a), .samples = n, .watch = record,
                        .finish = keep_references, .data = r};
    return s;
}

struct measure *measure_watch(const struct model *m, const struct dataset *d, int n,
                              struct arena *a, struct tap *tap)
{
    int *index;
    n = samples_spread(a, dataset_count(d), n, &index);
    return watch_at(m, d, index, n, a, tap);
}

struct measure *measure_open(const struct model *m, const struct dataset *d, int n, int jobs,
                             struct arena *a, struct err *err)
{
    struct tap tap;
    struct measure *s = measure_watch(m, d, n, a, &tap);
    return taps_run(m, &tap, 1, d, jobs, NULL, err) < 0 ? NULL : s;
}

struct measure *measure_open_at(const struct model *m, const struct dataset *d, int *index, int n,
                                int jobs, struct arena *a, struct err *err)
{
    struct tap tap;
    struct measure *s = watch_at(m, d, index, n, a, &tap);
    struct exec_options options = {EXEC_FLOAT, tap.want, true, NULL, false};
    struct exec *x = exec_open(m->graph, &options, err);
    struct samples_hooks hooks = {.watch = record, .ahead = true};
    int r = x ? samples_run(x, d, index, n, jobs, &hooks, tap.data, err) : -1;
    exec_close(x);
    keep_references(tap.data, r >= 0, err);
    return r < 0 ? NULL : s;
}

int measure_samples(const struct measure *s)
{
    return s->n;
}

int measure_index(const struct measure *s, int i)
{
    return s->index[i];
}

const bool *measure_wanted(const struct measure *s, const struct model *m, struct arena *a)
{
    return wanted(s, m, s->n_front, a);
}

struct measure *measure_part(const struct measure *s, int n, struct arena *a)
{
    int *which;
    struct measure *part = arena_copy(a, s, sizeof *s);
    part->n = samples_spread(a, s->n, n, &which);
    size_t cells = (size_t)part->n * (size_t)s->n_value;
    part->index = NEW_ARRAY(a, part->n, int);
    part->reference = NEW_ARRAY(a, cells, const float *);
    part->count = NEW_ARRAY(a, cells, int64_t);
    part->picked = NEW_ARRAY(a, part->n * s->n_pick, struct tensor);
    for (int i = 0; i < part->n; i++) {
        part->index[i] = s->index[which[i]];
        for (int k = 0; k < s->n_value; k++) {
            part->reference[i * s->n_value + k] = s->reference[which[i] * s->n_value + k];
            part->count[i * s->n_value + k] = s->count[which[i] * s->n_value + k];
        }
        for (int k = 0; k < s->n_pick; k++)
            part->picked[i * s->n_pick + k] = s->picked[which[i] * s->n_pick + k];
    }
    return part;
}

struct tally *tally_new(const struct measure *s, struct arena *a)
{
    struct tally *t = NEW(a, struct tally);
    t->sum = NEW_ARRAY(a, s->n * s->n_value, struct sums);
    return t;
}

/* Runs samples sample[0..n-1] of s->m. */
static int session_run(struct session *s, const struct model *m, enum exec_mode mode, int n,
                       int jobs, struct err *err)
{
    struct arena a = {0};
    bool simulates = mode == EXEC_SIMULATE;
    int *index = NEW_ARRAY(&a, n, int);
    for (int i = 0; i < n; i++)
        index[i] = s->m->index[s->sample[i]];
    struct exec_options options = {
        mode, simulates ? wanted(s->m, m, s->m->n_front, &a) : NULL, true, NULL, false};
    struct exec *x = exec_open(m->graph, &options, err);
    struct samples_hooks hooks = {.watch = simulates ? on_value : NULL,
                                  .replace = simulates && s->m->n_pick ? as_in_float : NULL,
                                  .done = simulates ? NULL : on_done, .ahead = true};
    int r = x ? samples_run(x, s->m->data, index, n, jobs, &hooks, s, err) : -1;
    exec_close(x);
    arena_release(&a);
    return r;
}

int measure_round(const struct measure *s, const struct model *m, int round, int jobs,
                  struct tally *tally, struct err *err)
{
    struct arena a = {0};
    int *sample = NEW_ARRAY(&a, s->n, int), n = 0;
    for (int i = 0; i < s->n; i++)
        if (round == (i % s->every > 0))
            sample[n++] = i;
    struct session session = {s, sample, tally};
    int r = n && s->n_front ? session_run(&session, m, EXEC_SIMULATE, n, jobs, err) : 0;
    arena_release(&a);
    return r;
}

/* Of one value, over the samples that a tally has. NAN: it was seen in none. */
static double pooled_db(const struct measure *s, const struct tally *tally, int slot)
{
    struct sums all = {.seen = false};
    for (int i = 0; i < s->n; i++) {
        const struct sums *one = &tally->sum[i * s->n_value + slot];
        all.signal += one->signal;
        all.noise += one->noise;
        all.seen = all.seen || one->seen;
    }
    return !all.seen            ? NAN
         : !isfinite(all.noise) ? MEASURE_APART
         : all.noise == 0       ? INFINITY
                                : fmin(10 * log10(fmax(all.signal, 1e-30) / all.noise), 100);
}

/* As a figure that can be averaged. */
static double bounded_db(const struct measure *s, const struct tally *tally, int slot)
{
    double db = pooled_db(s, tally, slot);
    return isnan(db) ? 100 : fmin(db, 100);
}

struct figures tally_figures(const struct measure *s, const struct tally *tally)
{
    static const double worst_noise = 100; /* -20 dB: it cannot get worse */
    struct figures sum = {0, 0};
    int n = s->n_front;
    for (int v = 0; v < n; v++) {
        double db = bounded_db(s, tally, v);
        sum.sqnr += db;
        sum.noise += fmin(pow(10, -db / 10), worst_noise);
    }
    return n ? (struct figures){sum.sqnr / n, sum.noise / n} : (struct figures){100, 0};
}

/* All samples. */
static int measure_all(const struct measure *s, const struct model *m, enum exec_mode mode,
                       int jobs, struct tally *tally, struct err *err)
{
    struct arena a = {0};
    int *all = NEW_ARRAY(&a, s->n, int);
    for (int i = 0; i < s->n; i++)
        all[i] = i;
    int r = session_run(&(struct session){s, all, tally}, m, mode, s->n, jobs, err);
    arena_release(&a);
    return r;
}

int measure_figures(const struct measure *s, const struct model *m, int jobs,
                    struct figures *figures, struct err *err)
{
    struct arena a = {0};
    struct tally *tally = tally_new(s, &a);
    int r = s->n_front ? measure_all(s, m, EXEC_SIMULATE, jobs, tally, err) : 0;
    *figures = tally_figures(s, tally);
    arena_release(&a);
    return r;
}

int measure_sqnr(const struct measure *s, const struct model *m, int jobs, double *db,
                 struct err *err)
{
    struct figures figures;
    TRY(measure_figures(s, m, jobs, &figures, err));
    *db = figures.sqnr;
    return 0;
}

bool measure_picks(const struct measure *s)
{
    return s->picks;
}

bool measure_sees_outputs(const struct measure *s)
{
    for (int i = 0; i < s->n_output; i++)
        if (s->output[i] >= 0 && s->reference[s->output[i]])
            return true;
    return false;
}

int measure_outputs(const struct measure *s, const struct model *lowered, int jobs, double *db,
                    struct err *err)
{
    struct arena a = {0};
    struct tally *tally = tally_new(s, &a);
    int r = measure_all(s, lowered, EXEC_FLOAT, jobs, tally, err);
    for (int i = 0; i < s->n_output; i++)
        db[i] = s->output[i] < 0 ? NAN : pooled_db(s, tally, s->output[i]);
    arena_release(&a);
    return r;
}
