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

static void record(void *data, int worker, int i, const struct value *v, const struct tensor *t)
{
    (void)worker;
    struct recording *r = data;
    int slot = slot_of(r->m, v);
    if (slot < 0 || t->dtype != DTYPE_F32)
        return;
    int64_t n = tensor_count(t);
    float *copy = mem_alloc((size_t)n * sizeof *copy);
    for (int64_t k = 0; k < n; k++)
        copy[k] = tensor_f32(t)[stored_at(t, k)];
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
    return 0;
}

static void compare(struct session *s, int i, int slot, const struct tensor *t)
{
    int at = s->sample[i] * s->m->n_value + slot;
    const float *y = s->m->reference[at];
    int64_t n = tensor_count(t);
    struct sums *sum = &s->tally->sum[at];
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
    if (slot >= 0 && t->dtype == DTYPE_F32)
        compare(s, i, slot, t);
}

static bool *wanted(const struct measure *s, const struct model *m, struct arena *a)
{
    bool *want = NEW_ARRAY(a, m->n_values, bool);
    for (int i = 0; i < s->n_value; i++)
        want[s->value[i]] = true;
    return want;
}

/* Elements of the measured values in a sample; what is not known counts as 1. */
static int64_t count_elements(const struct measure *s, const struct graph *g)
{
    int64_t all = 0;
    for (int i = 0; i < g->result->n_in; i++) {
        const struct value *v = measured_value(node_input(g->result, i));
        int64_t n = 1;
        for (int k = 0; k < v->type.shape.rank; k++)
            n *= v->type.shape.dim[k] > 0 ? v->type.shape.dim[k] : 1;
        all += slot_of(s, v) >= 0 ? n : 0;
    }
    return all;
}

struct measure *measure_watch(const struct model *m, const struct dataset *d, int most,
                              struct arena *a, struct tap *tap)
{
    struct measure *s = NEW(a, struct measure);
    s->data = d;
    find_values(s, m->graph, a);
    if (count_elements(s, m->graph) >= MEASURE_MANY)
        most /= 2;
    s->n = samples_spread(a, dataset_count(d), most, &s->index);
    size_t cells = (size_t)s->n * (size_t)s->n_value;
    s->reference = NEW_ARRAY(a, cells, const float *);
    s->count = NEW_ARRAY(a, cells, int64_t);
    struct recording *r = NEW(a, struct recording);
    *r = (struct recording){s, NEW_ARRAY(a, cells, float *), a};
    *tap = (struct tap){.want = wanted(s, m, a), .samples = most, .watch = record,
                        .finish = keep_references, .data = r};
    return s;
}

struct measure *measure_open(const struct model *m, const struct dataset *d, int most, int jobs,
                             struct arena *a, struct err *err)
{
    struct tap tap;
    struct measure *s = measure_watch(m, d, most, a, &tap);
    return taps_run(m, &tap, 1, d, jobs, NULL, err) < 0 ? NULL : s;
}

int measure_samples(const struct measure *s)
{
    return s->n;
}

struct tally *tally_new(const struct measure *s, struct arena *a)
{
    struct tally *t = NEW(a, struct tally);
    t->sum = NEW_ARRAY(a, s->n * s->n_value, struct sums);
    return t;
}

static int session_run(struct session *s, const struct model *m, const int *index, int n, int jobs,
                       struct err *err)
{
    struct arena a = {0};
    struct exec_options options = {EXEC_SIMULATE, wanted(s->m, m, &a), true};
    struct exec *x = exec_open(m->graph, &options, err);
    struct samples_hooks hooks = {.watch = on_value};
    int r = x ? samples_run(x, s->m->data, index, n, jobs, &hooks, s, err) : -1;
    exec_close(x);
    arena_release(&a);
    return r;
}

/* A round takes the samples from..to of each group of so many. */
enum { GROUP = 4 };
static const struct {
    int from, to;
} round_part[MEASURE_ROUNDS] = {{0, 1}, {1, GROUP}};

int measure_round(const struct measure *s, const struct model *m, int round, int jobs,
                  struct tally *tally, struct err *err)
{
    struct arena a = {0};
    int *sample = NEW_ARRAY(&a, s->n, int), *index = NEW_ARRAY(&a, s->n, int), n = 0;
    for (int i = 0; i < s->n; i++)
        if (i % GROUP >= round_part[round].from && i % GROUP < round_part[round].to) {
            sample[n] = i;
            index[n++] = s->index[i];
        }
    struct session session = {s, sample, tally};
    int r = n ? session_run(&session, m, index, n, jobs, err) : 0;
    arena_release(&a);
    return r;
}

double tally_sqnr(const struct measure *s, const struct tally *tally)
{
    double total = 0;
    for (int v = 0; v < s->n_value; v++) {
        struct sums pooled = {0};
        for (int i = 0; i < s->n; i++) {
            pooled.signal += tally->sum[i * s->n_value + v].signal;
            pooled.noise += tally->sum[i * s->n_value + v].noise;
        }
        if (!isfinite(pooled.noise))
            total += -100;
        else if (pooled.noise <= pooled.signal * 1e-10)
            total += 100;
        else
            total += 10 * log10(fmax(pooled.signal, 1e-30) / pooled.noise);
    }
    return s->n_value ? total / s->n_value : 100;
}

int measure_sqnr(const struct measure *s, const struct model *m, int jobs, double *db,
                 struct err *err)
{
    struct arena a = {0};
    struct tally *tally = tally_new(s, &a);
    int *all = NEW_ARRAY(&a, s->n, int);
    for (int i = 0; i < s->n; i++)
        all[i] = i;
    int r = session_run(&(struct session){s, all, tally}, m, s->index, s->n, jobs, err);
    *db = tally_sqnr(s, tally);
    arena_release(&a);
    return r;
}
