/* SPDX-License-Identifier: Apache-2.0
 *
 * correct: many samples advance together, one layer at a time, so that each layer is measured with
 * all earlier ones corrected in one walk over the network. The number of samples follows from the
 * memory that their live activations need. In a sequence of samples each starts from the state that
 * the simulated model, not yet corrected, has brought there.
 */
#include "correct.h"

#include "activation.h"
#include "exec.h"
#include "samples.h"
#include "threads.h"

#include <math.h>
#include <string.h>

enum { MAX_SAMPLES = 32, MIN_SAMPLES = 8, MEMORY = 32 << 20 };
static const double lowest_slope = 0.1;

struct moment { /* of one channel in one sample */
    double f, slope;
};
struct correct {
    const struct model *model;
    const struct placement *p;
    const struct dataset *data;
    int *index, n, jobs;
    struct arena *scratch;
    struct activation *activation; /* [layer] */
    int *layer_of;                 /* by value id: the layer whose sum it is, or -1 */
    double **target;               /* [layer][sample * channels + c]: E f(y) of the float model */
    struct moment *now;            /* [sample * channels + c] of the layer under way */
    int current;                   /* that layer */
    bool *seen;                    /* [sample] */
    struct run **run;              /* [sample] */
    struct err *error;             /* [job] */
    int64_t largest;               /* bytes of the largest sum, from the first sample */
};

/* Samples advance by steps of the main graph: a body runs within one. */
static bool is_corrected(const struct correct *c, const struct qlayer *l)
{
    return qlayer_bias(l) && l->node->graph == c->model->graph;
}

/* Sums of f and f' over n rows of channels, in float: few enough that nothing is lost. */
static void add_rows(const struct activation *f, const float *x, int64_t n, int64_t channels,
                     float *sum, struct moment *out)
{
    float *value = sum, *slope = sum + channels;
    memset(sum, 0, (size_t)channels * 2 * sizeof *sum);
    for (int64_t i = 0; i < n; i++)
        activation_add(f, x + i * channels, channels, value, slope);
    for (int64_t c = 0; c < channels; c++) {
        out[c].f += (double)value[c];
        out[c].slope += (double)slope[c];
    }
}

static void add_plane(const struct activation *f, const float *x, int64_t n, struct moment *out)
{
    for (int64_t i = 0; i < n; i++) {
        double slope;
        out->f += activation_value(f, (double)x[i], &slope);
        out->slope += slope;
    }
}

/* Means of f and f' per channel over the positions of one tensor. */
static void channel_means(const struct qlayer *l, const struct activation *f,
                          const struct tensor *t, struct moment *out)
{
    enum { ROWS = 64 };
    int64_t channels = qlayer_channels(l), n = tensor_count(t) / channels;
    const float *x = tensor_f32(t);
    for (int64_t c = 0; c < channels; c++)
        out[c] = (struct moment){0};
    bool conv = l->node->op == OP_Conv || l->node->op == OP_ConvTranspose;
    if (conv && t->layout == LAYOUT_PLAIN) {
        int64_t inner = shape_span(&t->shape, 2, t->shape.rank);
        for (int64_t i = 0; i < n * channels; i += inner)
            add_plane(f, x + i, inner, &out[i / inner % channels]);
    } else {
        float *sum = mem_alloc((size_t)channels * 2 * sizeof *sum);
        for (int64_t i = 0; i < n; i += ROWS)
            add_rows(f, x + i * channels, n - i < ROWS ? n - i : ROWS, channels, sum, out);
        mem_free(sum);
    }
    for (int64_t c = 0; c < channels && n; c++) {
        out[c].f /= (double)n;
        out[c].slope /= (double)n;
    }
}

static void on_float(void *data, int worker, int i, const struct value *v, const struct tensor *t)
{
    (void)worker;
    struct correct *c = data;
    int k = c->layer_of[v->id];
    if (k < 0)
        return;
    const struct qlayer *l = &c->p->layer[k];
    int64_t channels = qlayer_channels(l);
    struct moment *m = mem_alloc((size_t)channels * sizeof *m);
    channel_means(l, &c->activation[k], t, m);
    for (int64_t o = 0; o < channels; o++)
        c->target[k][i * channels + o] = m[o].f;
    mem_free(m);
}

static void on_size(void *data, int worker, int i, const struct value *v, const struct tensor *t)
{
    (void)worker, (void)i, (void)v;
    struct correct *c = data;
    c->largest = (int64_t)t->size > c->largest ? (int64_t)t->size : c->largest;
}

static bool *wanted_sums(struct correct *c)
{
    bool *want = NEW_ARRAY(c->scratch, c->model->n_values, bool);
    for (int i = 0; i < c->model->n_values; i++)
        want[i] = c->layer_of[i] >= 0;
    return want;
}

/* How many samples fit the memory, and their float targets. */
static int float_pass(struct correct *c, struct err *err)
{
    struct exec_options o = {EXEC_FLOAT, wanted_sums(c), true};
    struct exec *x = exec_open(c->model->graph, &o, err);
    if (!x)
        return -1;
    struct samples_hooks size = {.watch = on_size}, means = {.watch = on_float};
    int r = samples_run(x, c->data, &(int){0}, 1, 1, &size, c, err);
    int64_t fit = c->largest ? MEMORY / c->largest : MAX_SAMPLES;
    fit = fit < MIN_SAMPLES ? MIN_SAMPLES : fit > MAX_SAMPLES ? MAX_SAMPLES : fit;
    c->n = samples_spread(c->scratch, dataset_count(c->data), (int)fit, &c->index);
    for (int i = 0; i < c->p->n_layer; i++)
        c->target[i] = NEW_ARRAY(c->scratch, c->n * qlayer_channels(&c->p->layer[i]), double);
    if (r >= 0)
        r = samples_run(x, c->data, c->index, c->n, c->jobs, &means, c, err);
    exec_close(x);
    return r;
}

struct sample_watch {
    struct correct *c;
    int sample;
};

static void on_simulated(void *data, const struct value *v, const struct tensor *t)
{
    struct sample_watch *w = data;
    struct correct *c = w->c;
    if (c->layer_of[v->id] != c->current)
        return;
    const struct qlayer *l = &c->p->layer[c->current];
    channel_means(l, &c->activation[c->current], t, c->now + w->sample * qlayer_channels(l));
    c->seen[w->sample] = true;
}

/* Brings one sample to the point where the current layer's sum is computed next, and looks at it.
 * The sum may be computed together with the layer's node, or by the Add behind it. */
static int advance(struct correct *c, int sample, struct err *err)
{
    const struct qlayer *l = &c->p->layer[c->current];
    struct run *r = c->run[sample];
    for (;;) {
        const struct node *next = run_next(r);
        if (!next)
            return err_set(err, ERR_INPUT, "%s was not executed", node_title(l->node));
        if (next == l->node || next == l->sum->def) {
            TRY(run_peek(r, err));
            if (c->seen[sample])
                return 0;
        }
        TRY(run_step(r, err));
    }
}

/* Samples sample, sample + jobs, ... share buffers, so one worker handles them. */
static void advance_share(void *data, int job, int worker)
{
    (void)worker;
    struct correct *c = data;
    for (int i = job; i < c->n; i += c->jobs)
        if (!c->error[job].code && advance(c, i, &c->error[job]) < 0)
            return;
}

/* The correction of channel o from all samples. */
static double correction(const struct correct *c, int64_t channels, int64_t o)
{
    const double *target = c->target[c->current];
    double sum = 0, sum2 = 0, slope = 0;
    for (int i = 0; i < c->n; i++) {
        double d = target[i * channels + o] - c->now[i * channels + o].f;
        sum += d;
        sum2 += d * d;
        slope += c->now[i * channels + o].slope;
    }
    double mean = sum / c->n, variance = fmax(sum2 / c->n - mean * mean, 0);
    slope /= c->n;
    if (slope < lowest_slope || mean == 0 || !isfinite(mean))
        return 0;
    double se2 = c->n > 1 ? variance / (c->n - 1) : 0;
    return mean / slope * fmax(0, 1 - se2 / (mean * mean));
}

static const struct tensor *corrected_bias(struct correct *c, struct arena *a,
                                           const struct tensor *bias)
{
    int64_t channels = tensor_count(bias);
    struct tensor *t = tensor_new(a, DTYPE_F32, &bias->shape);
    for (int64_t o = 0; o < channels; o++)
        tensor_f32(t)[o] = (float)((double)tensor_f32(bias)[o] + correction(c, channels, o));
    return t;
}

static int correct_layers(struct correct *c, struct exec *x, struct arena *a,
                          const struct tensor **corrected, struct err *err)
{
    int64_t most = 1;
    for (int i = 0; i < c->p->n_layer; i++)
        most = qlayer_channels(&c->p->layer[i]) > most ? qlayer_channels(&c->p->layer[i]) : most;
    c->now = NEW_ARRAY(c->scratch, c->n * most, struct moment);
    for (int i = 0; i < c->p->n_layer; i++) {
        const struct value *bias = qlayer_bias(&c->p->layer[i]);
        if (!is_corrected(c, &c->p->layer[i]))
            continue;
        c->current = i;
        for (int k = 0; k < c->n; k++)
            c->seen[k] = false;
        threads_for(c->jobs, c->jobs, advance_share, c);
        for (int k = 0; k < c->jobs; k++)
            if (c->error[k].code) {
                *err = c->error[k];
                return -1;
            }
        corrected[i] = corrected_bias(c, a, bias->constant);
        exec_override(x, bias, corrected[i]);
    }
    return 0;
}

static int start_runs(struct correct *c, struct exec *x, struct err *err)
{
    const struct tensor ***input = NEW_ARRAY(c->scratch, c->n, const struct tensor **);
    TRY(samples_inputs(x, c->data, c->index, c->n, c->scratch, input, err));
    for (int i = 0; i < c->n; i++) {
        c->run[i] = i < c->jobs ? run_open(x) : run_open_beside(c->run[i - c->jobs]);
        struct sample_watch *w = NEW(c->scratch, struct sample_watch);
        *w = (struct sample_watch){c, i};
        run_watch(c->run[i], on_simulated, w);
        TRY(run_begin(c->run[i], input[i], err));
    }
    return 0;
}

static int simulated_pass(struct correct *c, struct arena *a, const struct tensor **corrected,
                          struct err *err)
{
    struct exec_options o = {EXEC_SIMULATE, wanted_sums(c), true};
    struct exec *x = exec_open(c->model->graph, &o, err);
    if (!x)
        return -1;
    if (c->jobs > c->n)
        c->jobs = c->n;
    c->run = NEW_ARRAY(c->scratch, c->n, struct run *);
    c->seen = NEW_ARRAY(c->scratch, c->n, bool);
    c->error = NEW_ARRAY(c->scratch, c->jobs, struct err);
    int r = start_runs(c, x, err);
    if (r >= 0)
        r = correct_layers(c, x, a, corrected, err);
    for (int i = c->n - 1; i >= 0; i--)
        if (c->run[i])
            run_close(c->run[i]);
    exec_close(x);
    return r;
}

int correct_biases(const struct model *m, const struct placement *p, const struct dataset *d,
                   int jobs, struct arena *a, const struct tensor **corrected, struct err *err)
{
    struct arena scratch = {0};
    struct correct c = {.model = m, .p = p, .data = d, .jobs = jobs, .scratch = &scratch};
    c.layer_of = NEW_ARRAY(&scratch, m->n_values, int);
    c.activation = NEW_ARRAY(&scratch, p->n_layer, struct activation);
    c.target = NEW_ARRAY(&scratch, p->n_layer, double *);
    for (int i = 0; i < m->n_values; i++)
        c.layer_of[i] = -1;
    for (int i = 0; i < p->n_layer; i++) {
        c.activation[i] = activation_behind(p->layer[i].sum);
        if (is_corrected(&c, &p->layer[i]))
            c.layer_of[p->layer[i].sum->id] = i;
    }
    int r = float_pass(&c, err);
    if (r >= 0)
        r = simulated_pass(&c, a, corrected, err);
    arena_release(&scratch);
    return r;
}
