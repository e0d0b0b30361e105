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
    const float **reference;    /* [sample][value], plain layout */
    int64_t *count;
};

struct sums { /* of one value in one sample */
    double signal, noise;
};
struct session {
    const struct measure *m;
    struct sums *sum; /* [sample][value] when comparing, NULL when recording */
    float **copy;     /* [sample][value] when recording */
};

/* The value in front of what only squashes or selects. */
static const struct value *measured_value(const struct value *v)
{
    while (v->def) {
        enum op op = v->def->op;
        bool squashes = op == OP_Softmax || op == OP_LogSoftmax || op == OP_Sigmoid
                     || op == OP_ArgMax || op == OP_ArgMin || op == OP_Cast || op == OP_Identity;
        const struct value *in = node_input(v->def, 0);
        if (!squashes || !in || in->constant)
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
    v = measured_value(v);
    bool is_float = v->type.dtype == DTYPE_F32 || v->type.dtype == DTYPE_NONE;
    if (is_float && !v->constant && v->graph == g && slot_of(s, v) < 0)
        s->value[s->n_value++] = v->id;
}

/* Outputs; and where a node cannot be executed, what it would have read. */
static void find_values(struct measure *s, const struct graph *g, struct arena *a)
{
    bool *runnable = NEW_ARRAY(a, g->model->n_nodes, bool);
    exec_find_runnable(g, runnable);
    s->value = NEW_ARRAY(a, g->model->n_values, int);
    for (const struct node *n = g->first; n; n = n->next)
        for (int i = 0; i < n->n_in && !runnable[n->id]; i++)
            if (node_input(n, i) && node_input(n, i)->def && runnable[node_input(n, i)->def->id])
                measure_value(s, g, node_input(n, i));
    for (int i = 0; i < g->result->n_in; i++)
        if (!node_input(g->result, i)->def || runnable[node_input(g->result, i)->def->id])
            measure_value(s, g, node_input(g->result, i));
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

static int session_run(struct session *s, const struct model *m, enum exec_mode mode, int jobs,
                       struct err *err)
{
    struct arena a = {0};
    bool *want = NEW_ARRAY(&a, m->n_values, bool);
    for (int i = 0; i < s->m->n_value; i++)
        want[s->m->value[i]] = true;
    struct exec *x = exec_open(m->graph, &(struct exec_options){mode, want, true}, err);
    int r = -1;
    if (x) {
        struct samples_hooks hooks = {.watch = on_value};
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

struct measure *measure_open_at(const struct model *m, const struct dataset *d, int *index, int n,
                                int jobs, struct arena *a, struct err *err)
{
    struct measure *s = NEW(a, struct measure);
    *s = (struct measure){.data = d, .index = index, .n = n};
    find_values(s, m->graph, a);
    size_t cells = (size_t)s->n * (size_t)s->n_value;
    s->reference = NEW_ARRAY(a, cells, const float *);
    s->count = NEW_ARRAY(a, cells, int64_t);
    struct arena scratch = {0};
    struct session session = {.m = s, .copy = NEW_ARRAY(&scratch, cells, float *)};
    int r = session_run(&session, m, EXEC_FLOAT, jobs, err);
    keep_references(s, &session, a);
    arena_release(&scratch);
    return r < 0 ? NULL : s;
}

struct measure *measure_open(const struct model *m, const struct dataset *d, int n, int jobs,
                             struct arena *a, struct err *err)
{
    int *index;
    n = samples_spread(a, dataset_count(d), n, &index);
    return measure_open_at(m, d, index, n, jobs, a, err);
}

int measure_outputs(const struct measure *s)
{
    return s->n_value;
}

static double decibels(const struct sums *s)
{
    if (!isfinite(s->noise))
        return -100;
    if (s->noise <= s->signal * 1e-10)
        return 100;
    return 10 * log10(fmax(s->signal, 1e-30) / s->noise);
}

int measure_each(const struct measure *s, const struct model *m, int jobs, double *db,
                 struct err *err)
{
    struct arena a = {0};
    struct session session = {.m = s};
    session.sum = NEW_ARRAY(&a, s->n * s->n_value, struct sums);
    int r = session_run(&session, m, EXEC_SIMULATE, jobs, err);
    for (int v = 0; v < s->n_value; v++) {
        struct sums pooled = {0};
        for (int i = 0; i < s->n; i++) {
            pooled.signal += session.sum[i * s->n_value + v].signal;
            pooled.noise += session.sum[i * s->n_value + v].noise;
        }
        db[v] = decibels(&pooled);
    }
    arena_release(&a);
    return r;
}

int measure_sqnr(const struct measure *s, const struct model *m, int jobs, double *db,
                 struct err *err)
{
    struct arena a = {0};
    double *each = NEW_ARRAY(&a, s->n_value, double), total = 0;
    int r = measure_each(s, m, jobs, each, err);
    for (int v = 0; v < s->n_value; v++)
        total += each[v];
    *db = s->n_value ? total / s->n_value : 100;
    arena_release(&a);
    return r;
}
