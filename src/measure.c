/* SPDX-License-Identifier: Apache-2.0
 *
 * measure: float references are kept per sample and value; sums are kept per sample, so that no
 * result depends on the order in which samples end.
 */
#include "measure.h"

#include "exec.h"
#include "op.h"
#include "samples.h"

#include <math.h>

struct measure {
    const struct dataset *data;
    int *index, n;
    int *value, n_value;        /* ids of the measured values */
    int n_front;                /* the first of them serve measure_sqnr() */
    int *output, n_output;      /* slots of the graph's outputs; -1: a constant, or of other type */
    const float **reference;    /* [sample][value], plain layout */
    int64_t *count;
};

struct sums { /* of one value in one sample */
    double signal, noise;
    bool seen;
};
struct session {
    const struct measure *m;
    struct sums *sum; /* [sample][value] when comparing, NULL when recording */
    float **copy;     /* [sample][value] when recording */
};

static bool may_be_float(const struct value *v)
{
    return v->type.dtype == DTYPE_F32 || v->type.dtype == DTYPE_NONE;
}

/* The value in front of what only squashes or selects, and of what is made of whole numbers. */
static const struct value *measured_value(const struct value *v)
{
    while (v->def) {
        enum op op = v->def->op;
        bool squashes = op == OP_Softmax || op == OP_LogSoftmax || op == OP_Sigmoid
                     || op == OP_ArgMax || op == OP_ArgMin || op == OP_Cast || op == OP_Identity;
        const struct value *in = node_input(v->def, 0);
        if (!(squashes || !may_be_float(v)) || !in || in->constant)
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

/* Element k of the plain order of a channels-last tensor. */
static int64_t stored_at(const struct tensor *t, int64_t k)
{
    if (t->layout == LAYOUT_PLAIN)
        return k;
    int64_t c = t->shape.dim[1], inner = shape_span(&t->shape, 2, t->shape.rank);
    int64_t n = k / (c * inner), channel = k / inner % c;
    return (n * inner + k % inner) * c + channel;
}

static void measure_value(struct measure *s, const struct graph *g, const struct value *v)
{
    if (may_be_float(v) && !v->constant && v->graph == g && slot_of(s, v) < 0)
        s->value[s->n_value++] = v->id;
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
    exec_find_runnable(g, runnable);
    s->value = NEW_ARRAY(a, g->model->n_values, int);
    for (const struct node *n = g->first; n; n = n->next)
        for (int i = 0; i < n->n_in && !runnable[n->id]; i++) {
            const struct value *v = node_input(n, i);
            if (v && v->def && is_computed(v, runnable))
                measure_value(s, g, measured_value(v));
        }
    for (int i = 0; i < result->n_in; i++)
        if (is_computed(node_input(result, i), runnable))
            measure_value(s, g, measured_value(node_input(result, i)));
    s->n_front = s->n_value;

    s->n_output = result->n_in;
    s->output = NEW_ARRAY(a, result->n_in, int);
    for (int i = 0; i < result->n_in; i++) {
        if (is_computed(node_input(result, i), runnable))
            measure_value(s, g, node_input(result, i));
        s->output[i] = slot_of(s, node_input(result, i));
    }
}

static void record(struct session *s, int i, int slot, const struct tensor *t)
{
    int64_t n = tensor_count(t);
    float *copy = mem_alloc((size_t)n * sizeof *copy);
    for (int64_t k = 0; k < n; k++)
        copy[k] = tensor_f32(t)[stored_at(t, k)];
    s->copy[i * s->m->n_value + slot] = copy;
    s->m->count[i * s->m->n_value + slot] = n;
}

static void compare(struct session *s, int i, int slot, const struct tensor *t)
{
    int at = i * s->m->n_value + slot;
    const float *y = s->m->reference[at];
    int64_t n = tensor_count(t);
    struct sums *sum = &s->sum[at];
    sum->seen = true;
    if (n != s->m->count[at]) { /* a shape that depends on data came out differently */
        sum->noise = INFINITY;
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        double d = (double)y[k] - (double)tensor_f32(t)[stored_at(t, k)];
        sum->signal += (double)y[k] * (double)y[k];
        sum->noise += d * d;
    }
}

static void on_value(void *data, int worker, int i, const struct value *v, const struct tensor *t)
{
    (void)worker;
    struct session *s = data;
    int slot = slot_of(s->m, v);
    if (slot < 0 || t->dtype != DTYPE_F32)
        return;
    if (s->sum)
        compare(s, i, slot, t);
    else
        record(s, i, slot, t);
}

static void on_done(void *data, int worker, int i, const struct run *r)
{
    (void)worker;
    struct session *s = data;
    for (int k = 0; k < s->m->n_output; k++) {
        int slot = s->m->output[k];
        const struct tensor *t = slot < 0 ? NULL : run_output(r, k);
        if (t && t->dtype == DTYPE_F32 && s->m->reference[i * s->m->n_value + slot])
            compare(s, i, slot, t);
    }
}

/* The first n values are watched; with n 0 the outputs are compared instead. */
static int session_run(struct session *s, const struct model *m, enum exec_mode mode, int n,
                       int jobs, struct err *err)
{
    struct arena a = {0};
    bool *want = NEW_ARRAY(&a, m->n_values, bool);
    for (int i = 0; i < n; i++)
        want[s->m->value[i]] = true;
    struct exec *x = exec_open(m->graph, &(struct exec_options){mode, n ? want : NULL, true}, err);
    int r = -1;
    if (x) {
        struct samples_hooks hooks = {.watch = n ? on_value : NULL, .done = n ? NULL : on_done};
        r = samples_run(x, s->m->data, s->m->index, s->m->n, jobs, &hooks, s, err);
        exec_close(x);
    }
    arena_release(&a);
    return r;
}

/* The copies move into the arena in the order of the samples. */
static void keep_references(struct measure *m, struct session *s, struct arena *a)
{
    for (int i = 0; i < m->n * m->n_value; i++) {
        if (s->copy[i])
            m->reference[i] = arena_copy(a, s->copy[i], (size_t)m->count[i] * sizeof(float));
        mem_free(s->copy[i]);
    }
}

struct measure *measure_open(const struct model *m, const struct dataset *d, int n, int jobs,
                             struct arena *a, struct err *err)
{
    struct measure *s = NEW(a, struct measure);
    s->data = d;
    s->n = samples_spread(a, dataset_count(d), n, &s->index);
    find_values(s, m->graph, a);
    size_t cells = (size_t)s->n * (size_t)s->n_value;
    s->reference = NEW_ARRAY(a, cells, const float *);
    s->count = NEW_ARRAY(a, cells, int64_t);
    struct arena scratch = {0};
    struct session session = {.m = s, .copy = NEW_ARRAY(&scratch, cells, float *)};
    int r = session_run(&session, m, EXEC_FLOAT, s->n_value, jobs, err);
    keep_references(s, &session, a);
    arena_release(&scratch);
    return r < 0 ? NULL : s;
}

/* Over all samples. NAN: it was not seen in each. */
static double pooled_db(const struct session *s, int slot)
{
    const struct measure *m = s->m;
    struct sums all = {.seen = true};
    for (int i = 0; i < m->n; i++) {
        const struct sums *one = &s->sum[i * m->n_value + slot];
        all.signal += one->signal;
        all.noise += one->noise;
        all.seen = all.seen && one->seen;
    }
    return !all.seen            ? NAN
         : !isfinite(all.noise) ? -100
         : all.noise == 0       ? INFINITY
                                : fmin(10 * log10(fmax(all.signal, 1e-30) / all.noise), 100);
}

int measure_sqnr(const struct measure *s, const struct model *m, int jobs, double *db,
                 struct err *err)
{
    struct arena a = {0};
    struct session session = {.m = s, .sum = NEW_ARRAY(&a, s->n * s->n_value, struct sums)};
    int r = s->n_front ? session_run(&session, m, EXEC_SIMULATE, s->n_front, jobs, err) : 0;
    double total = 0;
    for (int v = 0; v < s->n_front; v++) {
        double one = pooled_db(&session, v);
        total += isnan(one) ? 100 : fmin(one, 100);
    }
    *db = s->n_front ? total / s->n_front : 100;
    arena_release(&a);
    return r;
}

int measure_outputs(const struct measure *s, const struct model *lowered, int jobs, double *db,
                    struct err *err)
{
    struct arena a = {0};
    struct session session = {.m = s, .sum = NEW_ARRAY(&a, s->n * s->n_value, struct sums)};
    int r = session_run(&session, lowered, EXEC_FLOAT, 0, jobs, err);
    for (int i = 0; i < s->n_output; i++)
        db[i] = s->output[i] < 0 ? NAN : pooled_db(&session, s->output[i]);
    arena_release(&a);
    return r;
}
