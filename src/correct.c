/* SPDX-License-Identifier: Apache-2.0
 *
 * correct: many samples advance together, one layer at a time, so that each layer is measured with
 * all earlier ones corrected in one walk over the network. Its sum waits until the correction is
 * known, which is then added to it. The number of samples follows from the memory that their live
 * activations need. In a sequence of samples each starts from the state that the simulated model,
 * not yet corrected, has brought there.
 */
#include "correct.h"

#include "activation.h"
#include "effort.h"
#include "exec.h"
#include "samples.h"
#include "threads.h"

#include <math.h>
#include <string.h>

/* At least MIN_SAMPLES, fewer where a run costs much. */
enum { MAX_SAMPLES = 32, MIN_SAMPLES = 8, DEAR_SAMPLES = 3, MEMORY = 16 << 20 };
/* Of a tensor about so many positions are looked at, in blocks of ROWS spread over it, the same in
 * both models. */
enum { POSITIONS = 16384, ROWS = 64 };
static const double lowest_slope = 0.1;

struct moment { /* of one channel in one sample */
    double f, slope;
};
struct targets {
    int samples;                /* at most */
    const struct qlayer *layer; /* by value id: what f(y) belongs to; node NULL: nothing */
    float **mean;               /* by id of the layer's node: [sample * channels + c] */
};
struct corrected { /* a layer that has its correction; layer NULL: none */
    const struct qlayer *layer;
    float *by; /* [c] */
    bool twice;
};
struct correct {
    const struct model *model;
    const struct placement *p;
    const struct targets *targets;
    int *index, n, jobs;
    struct exec *exec;
    struct arena *scratch;
    struct activation *activation; /* [layer] */
    int *layer_of;                 /* by value id: the layer whose sum it is, or -1 */
    struct moment *now;            /* [sample * channels + c] of the layer under way */
    int current;                   /* that layer */
    bool twice;                    /* its sums are too large to be kept: they are computed twice */
    int64_t kept;                  /* bytes of sums of one layer that may be kept */
    struct corrected before;       /* the layer before it */
    bool *seen;                    /* [sample] */
    struct run **run;              /* [sample] */
    struct err *error;             /* [job] */
};

/* Samples advance by steps of the main graph: a body runs within one. */
static bool is_corrected(const struct model *m, const struct qlayer *l)
{
    return qlayer_bias(l) && l->node->graph == m->graph;
}

/* Are its channels axis 1, and not the last? */
static bool is_conv(const struct qlayer *l)
{
    return l->node->op == OP_Conv || l->node->op == OP_ConvTranspose;
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

/* The same over n positions of one channel, at most ROWS. */
static void add_plane(const struct activation *f, const float *x, int64_t n, struct moment *out)
{
    float value[ROWS] = {0}, slope[ROWS] = {0};
    activation_add(f, x, n, value, slope);
    for (int64_t i = 0; i < n; i++) {
        out->f += (double)value[i];
        out->slope += (double)slope[i];
    }
}

/* A tensor's numbers as rows of channels, or as planes of `inner` positions for each channel. */
struct channel_map {
    const float *x;
    int64_t rows, channels, inner; /* inner 0: rows */
};

static void add_planes(const struct activation *f, const struct channel_map *m, int64_t first,
                       int64_t n, struct moment *out)
{
    for (int64_t r = first, part; r < first + n; r += part) {
        int64_t at = r % m->inner, left = first + n - r;
        part = m->inner - at < left ? m->inner - at : left;
        for (int64_t c = 0; c < m->channels; c++)
            add_plane(f, m->x + (r / m->inner * m->channels + c) * m->inner + at, part, &out[c]);
    }
}

/* Adds up some of the positions, the same in either order; returns how many. */
static int64_t add_some(const struct activation *f, const struct channel_map *m, struct moment *out)
{
    float *sum = mem_alloc((size_t)m->channels * 2 * sizeof *sum);
    int64_t step = (m->rows + POSITIONS - 1) / POSITIONS * ROWS, seen = 0;
    for (int64_t i = 0; i < m->rows; i += step) {
        int64_t n = m->rows - i < ROWS ? m->rows - i : ROWS;
        if (m->inner)
            add_planes(f, m, i, n, out);
        else
            add_rows(f, m->x + i * m->channels, n, m->channels, sum, out);
        seen += n;
    }
    mem_free(sum);
    return seen;
}

/* Means of f and f' per channel over the positions of one tensor, or over so many of them. */
static void channel_means(const struct qlayer *l, const struct activation *f,
                          const struct tensor *t, struct moment *out)
{
    int64_t channels = qlayer_channels(l);
    struct channel_map m = {tensor_f32(t), tensor_count(t) / channels, channels, 0};
    if (is_conv(l) && t->layout == LAYOUT_PLAIN)
        m.inner = shape_span(&t->shape, 2, t->shape.rank);
    for (int64_t c = 0; c < channels; c++)
        out[c] = (struct moment){0};
    int64_t n = add_some(f, &m, out);
    for (int64_t c = 0; c < channels && n; c++) {
        out[c].f /= (double)n;
        out[c].slope /= (double)n;
    }
}

static void on_float(void *data, int slot, int i, const struct value *v, const struct tensor *t)
{
    (void)slot;
    struct targets *s = data;
    const struct qlayer *l = &s->layer[v->id];
    const struct activation identity = {.lo = -INFINITY, .hi = INFINITY};
    int64_t channels = qlayer_channels(l);
    struct moment *m = mem_alloc((size_t)channels * sizeof *m);
    channel_means(l, &identity, t, m);
    for (int64_t o = 0; o < channels; o++)
        s->mean[l->node->id][i * channels + o] = (float)m[o].f;
    mem_free(m);
}

/* Bytes of a layer's sum in one sample; 0: not known. */
static int64_t sum_bytes(const struct qlayer *l)
{
    const struct shape *s = &l->sum->type.shape;
    int64_t n = (int64_t)sizeof(float);
    if (s->rank < 0)
        return 0;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0 && i > 0)
            return 0;
        n *= s->dim[i] < 0 ? 1 : s->dim[i];
    }
    return n;
}

static int samples_that_fit(const struct model *m, const struct placement *p, double ops)
{
    int least = effort_samples(ops, MIN_SAMPLES, DEAR_SAMPLES);
    int64_t largest = 1;
    for (int i = 0; i < p->n_layer; i++) {
        if (!is_corrected(m, &p->layer[i]))
            continue;
        int64_t bytes = sum_bytes(&p->layer[i]);
        if (!bytes)
            return least;
        largest = bytes > largest ? bytes : largest;
    }
    int64_t fit = MEMORY / largest;
    return (int)(fit < least ? least : fit > MAX_SAMPLES ? MAX_SAMPLES : fit);
}

struct targets *targets_watch(const struct model *m, const struct placement *p, double ops,
                              struct arena *a, struct tap *tap)
{
    struct targets *s = NEW(a, struct targets);
    struct qlayer *layer = NEW_ARRAY(a, m->n_values, struct qlayer);
    bool *want = NEW_ARRAY(a, m->n_values, bool);
    *s = (struct targets){samples_that_fit(m, p, ops), layer, NEW_ARRAY(a, m->n_nodes, float *)};
    for (int i = 0; i < p->n_layer; i++) {
        const struct qlayer *l = &p->layer[i];
        if (!is_corrected(m, l))
            continue;
        const struct value *v = activation_behind(l->sum).out;
        s->mean[l->node->id] = NEW_ARRAY(a, s->samples * qlayer_channels(l), float);
        layer[v->id] = *l;
        want[v->id] = true;
    }
    *tap = (struct tap){.want = want, .samples = s->samples, .watch = on_float, .data = s};
    return s;
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

/* What the layer before gives becomes what it gives with its correction. */
static int shift_before(const struct correct *c, struct run *r, struct err *err)
{
    const struct corrected *k = &c->before;
    if (!k->layer)
        return 0;
    if (k->twice) {
        run_hold(r, k->layer->sum);
        TRY(run_step(r, err));
    }
    return run_shift(r, is_conv(k->layer) ? 1 : -1, k->by, err);
}

/* Brings one sample to the point where the current layer's sum is computed, and looks at it. The
 * sum may be computed together with the layer's node, or by the Add behind it. */
static int advance(struct correct *c, int sample, struct err *err)
{
    const struct qlayer *l = &c->p->layer[c->current];
    struct run *r = c->run[sample];
    const struct node *next;
    TRY(shift_before(c, r, err));
    if (!c->twice)
        run_hold(r, l->sum);
    while ((next = run_next(r))) {
        if (c->twice && (next == l->node || next == l->sum->def))
            TRY(run_peek(r, err));
        if (!c->seen[sample])
            TRY(run_step(r, err));
        if (c->seen[sample])
            return 0;
    }
    return err_set(err, ERR_INPUT, "%s was not executed", node_title(l->node));
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
    const float *target = c->targets->mean[c->p->layer[c->current].node->id];
    double sum = 0, sum2 = 0, slope = 0;
    for (int i = 0; i < c->n; i++) {
        double d = (double)target[i * channels + o] - c->now[i * channels + o].f;
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

static const struct tensor *corrected_bias(struct correct *c, const struct qlayer *l,
                                           struct arena *a)
{
    const struct tensor *bias = qlayer_bias(l)->constant;
    int64_t channels = tensor_count(bias);
    struct tensor *t = tensor_new(a, DTYPE_F32, &bias->shape);
    c->before = (struct corrected){l, NEW_BUFFER(c->scratch, channels, float), c->twice};
    for (int64_t o = 0; o < channels; o++) {
        double by = correction(c, channels, o);
        c->before.by[o] = (float)by;
        tensor_f32(t)[o] = (float)((double)tensor_f32(bias)[o] + by);
    }
    return t;
}

/* Little beside what the model takes anyway. */
static int64_t bytes_to_keep(const struct placement *p)
{
    enum { LEAST = 4 << 20, PART = 4 };
    int64_t weights = 0;
    for (int i = 0; i < p->n_layer; i++)
        weights += (int64_t)qlayer_weight(&p->layer[i])->constant->size;
    return weights / PART > LEAST ? weights / PART : LEAST;
}

static int correct_layers(struct correct *c, struct arena *a, const struct tensor **corrected,
                          struct err *err)
{
    int64_t most = 1;
    for (int i = 0; i < c->p->n_layer; i++)
        most = qlayer_channels(&c->p->layer[i]) > most ? qlayer_channels(&c->p->layer[i]) : most;
    c->now = NEW_ARRAY(c->scratch, c->n * most, struct moment);
    c->kept = bytes_to_keep(c->p);
    for (int i = 0; i < c->p->n_layer; i++) {
        if (!is_corrected(c->model, &c->p->layer[i]))
            continue;
        int64_t bytes = sum_bytes(&c->p->layer[i]);
        c->current = i;
        c->twice = !bytes || bytes * c->n > c->kept;
        for (int k = 0; k < c->n; k++)
            c->seen[k] = false;
        threads_for(c->jobs, c->jobs, advance_share, c);
        for (int k = 0; k < c->jobs; k++)
            if (c->error[k].code) {
                *err = c->error[k];
                return -1;
            }
        corrected[i] = corrected_bias(c, &c->p->layer[i], a);
    }
    return 0;
}

static bool *wanted_sums(struct correct *c)
{
    bool *want = NEW_ARRAY(c->scratch, c->model->n_values, bool);
    for (int i = 0; i < c->model->n_values; i++)
        want[i] = c->layer_of[i] >= 0;
    return want;
}

/* The runs keep copies of the inputs, which die with the first layers. */
static int start_run(void *data, int i, const struct tensor *const *input, struct err *err)
{
    struct correct *c = data;
    struct sample_watch *w = NEW(c->scratch, struct sample_watch);
    *w = (struct sample_watch){c, i};
    c->run[i] = i < c->jobs ? run_open(c->exec) : run_open_beside(c->run[i - c->jobs]);
    run_watch(c->run[i], on_simulated, w);
    return run_begin_copied(c->run[i], input, err);
}

static int simulated_pass(struct correct *c, const struct dataset *d, struct arena *a,
                          const struct tensor **corrected, struct err *err)
{
    struct exec_options o = {EXEC_SIMULATE, wanted_sums(c), true, NULL, false};
    struct exec *x = c->exec = exec_open(c->model->graph, &o, err);
    if (!x)
        return -1;
    if (c->jobs > c->n)
        c->jobs = c->n;
    c->run = NEW_ARRAY(c->scratch, c->n, struct run *);
    c->seen = NEW_ARRAY(c->scratch, c->n, bool);
    c->error = NEW_ARRAY(c->scratch, c->jobs, struct err);
    int r = samples_feed(x, d, c->index, c->n, start_run, c, err);
    if (r >= 0)
        r = correct_layers(c, a, corrected, err);
    for (int i = c->n - 1; i >= 0; i--)
        if (c->run[i])
            run_close(c->run[i]);
    exec_close(x);
    return r;
}

int correct_biases(const struct model *m, const struct placement *p, const struct targets *targets,
                   const struct dataset *d, int jobs, struct arena *a,
                   const struct tensor **corrected, struct err *err)
{
    struct arena scratch = {0};
    struct correct c = {.model = m, .p = p, .targets = targets, .jobs = jobs, .scratch = &scratch};
    c.n = samples_spread(&scratch, dataset_count(d), targets->samples, &c.index);
    c.layer_of = NEW_ARRAY(&scratch, m->n_values, int);
    c.activation = NEW_ARRAY(&scratch, p->n_layer, struct activation);
    for (int i = 0; i < m->n_values; i++)
        c.layer_of[i] = -1;
    for (int i = 0; i < p->n_layer; i++) {
        c.activation[i] = activation_behind(p->layer[i].sum);
        if (is_corrected(m, &p->layer[i]))
            c.layer_of[p->layer[i].sum->id] = i;
    }
    int r = simulated_pass(&c, d, a, corrected, err);
    arena_release(&scratch);
    return r;
}
