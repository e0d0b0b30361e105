/* SPDX-License-Identifier: Apache-2.0
 *
 * calibrate: one run over the data gathers the statistics that every observer reads. Each slot has
 * sums of one sample; they are merged in the order of the samples, bins in the end. One thread
 * alone adds to the sum itself, which comes to the same (observe.h).
 */
#include "calibrate.h"

#include "bounds.h"
#include "op.h"
#include "pairs.h"
#include "peaks.h"
#include "quant.h"
#include "threads.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

struct calibration {
    struct model *model;
    struct placement *placement;
    int n;                  /* values that are watched */
    int64_t counted;        /* elements of a value in a sample; 0: none */
    int count;              /* samples of the data */
    double seen;            /* which part of them is run */
    double reach;           /* ranges are to hold for so many times as many samples */
    int n_values;           /* ids of the model were below it */
    int *slot;              /* by value id: index below n, or -1 */
    const struct value **value;
    struct stats **part;    /* [slot][value]: sums of the sample under way, bins of all; of one
                               thread, sum */
    struct arena *part_arena; /* [slot] */
    struct stats *sum;      /* [value] */
    bool *in_body;          /* by value id: of a body, and watched or a layer's node's output */
    bool **ran;             /* [slot][value id]: such a value was seen */
    struct channels *channels; /* by value id: of inputs of layers whose sums must be short */
    struct peaks *peaks;    /* theirs */
    struct tap peaks_tap;
    struct range *range[N_OBSERVERS]; /* [value], of those of the table that were asked */
    int jobs, slots;
    struct arena arena;
};

static void on_value(void *data, int slot, int i, const struct value *v, const struct tensor *t)
{
    struct calibration *g = data;
    struct extremes e;
    bool known = peaks_see(&g->peaks_tap, slot, v, t, &e);
    int at = g->slot[v->id];
    (void)i;
    if (g->in_body[v->id])
        g->ran[slot][v->id] = true;
    if (at < 0 || t->dtype != DTYPE_F32)
        return;
    const float *x = tensor_f32(t);
    int64_t n = tensor_count(t);
    if (!known)
        e = extremes_of(x, n);
    stats_add(&g->part[slot][at], g->jobs == 1 ? &g->arena : &g->part_arena[slot], x, n, &e,
              g->counted);
}

static void merge(void *data, int slot, int i)
{
    (void)i;
    struct calibration *g = data;
    for (int k = 0; k < g->n; k++)
        stats_move_sums(&g->sum[k], &g->part[slot][k]);
}

static bool is_joined(const struct value *v)
{
    return value_def(v, OP_Concat);
}

/* A value is watched if it is the first that carries its quant: what shares it follows. But where
 * values are joined the whole has the numbers of all parts. */
static void gather_value(struct calibration *g, const struct value *v)
{
    if (!v->quant || v->quant->type.dynamic || v->constant)
        return;
    for (int i = 0; i < g->n; i++) {
        if (g->value[i]->quant != v->quant)
            continue;
        if (!is_joined(v))
            return;
        if (!is_joined(g->value[i]))
            g->slot[g->value[i]->id] = -1;
        g->slot[v->id] = i;
        g->value[i] = v;
        return;
    }
    g->slot[v->id] = g->n;
    g->value[g->n++] = v;
}

static void gather_graph(struct calibration *g, const struct graph *graph)
{
    for (int i = 0; i < graph->n_input; i++)
        gather_value(g, graph->input[i]);
    for (const struct node *n = graph->first; n; n = n->next)
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                gather_value(g, n->out[i]);
}

/* About a million elements of a value are counted, whatever the number of samples. */
static int64_t counted_of(int samples)
{
    enum { ALL = 1 << 20, LEAST = 1 << 11 };
    int64_t n = ALL / (samples > 0 ? samples : 1) / STATS_BLOCK * STATS_BLOCK;
    return n < LEAST ? LEAST : n > STATS_COUNTED ? STATS_COUNTED : n;
}

static void gather_prepare(struct calibration *g, const struct model *m, const struct placement *p,
                           int jobs)
{
    g->n_values = m->n_values;
    g->slot = NEW_ARRAY(&g->arena, m->n_values, int);
    memset(g->slot, -1, (size_t)m->n_values * sizeof *g->slot);
    g->value = NEW_ARRAY(&g->arena, m->n_values, const struct value *);
    int n_graphs;
    struct graph **graph = model_graphs(m, &g->arena, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        gather_graph(g, graph[i]);
    g->in_body = NEW_ARRAY(&g->arena, m->n_values, bool);
    for (int i = 0; i < p->n_layer; i++)
        if (p->layer[i].node->graph != m->graph)
            g->in_body[p->layer[i].node->out[0]->id] = true;
    for (int i = 0; i < g->n; i++)
        g->in_body[g->value[i]->id] |= g->value[i]->graph != m->graph;
    g->channels = NEW_ARRAY(&g->arena, m->n_values, struct channels);
    for (int i = 0; i < p->n_layer; i++) {
        struct channels c = pairs_channels(&p->layer[i]);
        if (c.n && c.axis >= 0)
            g->channels[p->layer[i].input->id] = c;
    }
    g->jobs = jobs;
    g->slots = threads_slots(jobs);
    g->sum = NEW_ARRAY(&g->arena, g->n, struct stats);
    g->part = NEW_ARRAY(&g->arena, g->slots, struct stats *);
    g->part_arena = NEW_ARRAY(&g->arena, g->slots, struct arena);
    g->ran = NEW_ARRAY(&g->arena, g->slots, bool *);
    for (int i = 0; i < g->slots; i++) {
        g->part[i] = jobs == 1 ? g->sum : NEW_ARRAY(&g->arena, g->n, struct stats);
        g->ran[i] = NEW_ARRAY(&g->arena, m->n_values, bool);
    }
}

/* Has no sample run the body that v is in? */
static bool is_idle(const struct calibration *g, const struct value *v)
{
    if (!g->in_body[v->id])
        return false;
    for (int k = 0; k < g->slots; k++)
        if (g->ran[k][v->id])
            return false;
    return true;
}

/* The quants of values in bodies that no sample ran. */
struct idle {
    const struct quant **quant;
    int n;
};

static void forget(const struct idle *idle, struct value *v)
{
    for (int i = 0; i < idle->n && v && v->quant; i++) {
        if (v->quant != idle->quant[i])
            continue;
        v->quant = NULL;
        value_each_use(v, u)
            u->plain = false;
    }
}

/* The constants of a node that computes no codes any more are not rounded. */
static void keep_constants(struct node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (node_constant(n, i))
            n->in[i].plain = node_input(n, i)->quant != NULL;
}

/* Values in bodies that were never computed carry no quant any more. */
static void forget_idle(struct calibration *g, struct model *m)
{
    struct idle idle = {NEW_ARRAY(&g->arena, g->n, const struct quant *), 0};
    for (int i = 0; i < g->n; i++)
        if (g->value[i]->quant && is_idle(g, g->value[i]))
            idle.quant[idle.n++] = g->value[i]->quant;
    int n_graphs;
    struct graph **graph = model_graphs(m, &g->arena, &n_graphs);
    for (int k = 1; k < n_graphs; k++) {
        for (int i = 0; i < graph[k]->n_input; i++)
            forget(&idle, graph[k]->input[i]);
        graph_each(graph[k], n) {
            bool had = n->n_out && n->out[0] && n->out[0]->quant;
            for (int i = 0; i < n->n_out; i++)
                forget(&idle, n->out[i]);
            if (had && !n->out[0]->quant)
                keep_constants(n);
        }
    }
    int kept = 0;
    for (int i = 0; i < g->n; i++)
        if (g->value[i]->quant) {
            g->sum[kept] = g->sum[i];
            g->value[kept++] = g->value[i];
        }
    g->n = kept;
}

/* Layers in bodies that no sample ran become float again, and whatever else is there. */
static int drop_idle(struct calibration *g, struct model *m, struct placement *p, struct err *err)
{
    bool *drop = NEW_ARRAY(&g->arena, p->n_layer, bool), any = false;
    for (int i = 0; i < p->n_layer; i++) {
        drop[i] = is_idle(g, p->layer[i].node->out[0]);
        any = any || drop[i];
    }
    const struct node *first = any ? p->layer[0].node : NULL;
    if (any)
        place_drop(m, p, drop, "no sample of the data runs the body that it is in");
    forget_idle(g, m);
    if (!any || p->n_layer)
        return 0;
    return err_set(err, ERR_INPUT, "no sample of the data runs the body that %s is in, and no "
                   "other layer can be quantized", node_title(first));
}

/* A vector of channels, such as the means of a whole picture, of which the data have few? Its
 * extremes are hardly known then, and clipping it harms the whole sample. */
static bool is_rare_vector(const struct calibration *g, int i)
{
    enum { FEW = 100 };
    const struct shape *s = &g->value[i]->type.shape;
    for (int k = 2; k < s->rank; k++)
        if (s->dim[k] != 1)
            return false;
    return s->rank >= 2 && (double)g->sum[i].n < FEW * g->seen * (double)s->dim[1];
}

/* How many times as far as on the data a value may reach, downwards and upwards. */
static struct range times_further(const struct calibration *g, int i)
{
    const struct stats *s = &g->sum[i];
    struct range seen = {fminf(s->min, 0), fmaxf(s->max, 0)}, reach = seen;
    if (is_rare_vector(g, i))
        reach = stats_range_beyond(s);
    else if (g->reach > 1)
        reach = stats_range_reach(s, g->reach);
    return (struct range){seen.lo < 0 ? reach.lo / seen.lo : 1,
                          seen.hi > 0 ? reach.hi / seen.hi : 1};
}

/* What each channel of the layer's input was on the data, or may be, for its weight. */
static void keep_seen(const struct calibration *g, const struct qlayer *l)
{
    struct channels known = g->channels[l->input->id], wanted = pairs_channels(l);
    struct quant *w = qlayer_weight(l)->quant;
    int64_t n = wanted.n;
    if (!n || known.n != n || known.axis != wanted.axis)
        return;
    const float *lo = g->peaks->lo[l->input->id], *hi = g->peaks->hi[l->input->id];
    const float *sum = g->peaks->sum[l->input->id];
    struct seen_channel *seen = NEW_ARRAY(g->model->arena, n, struct seen_channel);
    struct range times = {1, 1};
    for (int i = 0; i < g->n; i++)
        if (g->value[i]->quant == l->input->quant)
            times = times_further(g, i);
    for (int64_t c = 0; c < n; c++) {
        struct range r = {fminf(lo[c] * times.lo, 0), fmaxf(hi[c] * times.hi, 0)};
        seen[c] = (struct seen_channel){r, fmaxf(sum[c] * times.hi, 0)};
        if (w->seen) { /* of another layer with this weight */
            seen[c].range.lo = fminf(r.lo, w->seen[c].range.lo);
            seen[c].range.hi = fmaxf(r.hi, w->seen[c].range.hi);
            seen[c].sum = fmaxf(seen[c].sum, w->seen[c].sum);
        }
    }
    w->seen = seen;
}

/* The end of the run: what was of single slots goes. */
static int settle_gathered(void *data, bool ran, struct err *err)
{
    struct calibration *g = data;
    for (int i = 0; i < g->slots; i++) {
        for (int k = 0; k < g->n && g->jobs > 1; k++)
            stats_merge(&g->sum[k], &g->arena, &g->part[i][k]);
        arena_release(&g->part_arena[i]);
    }
    for (int i = 0; i < g->n && ran; i++)
        if (g->sum[i].bad)
            return err_set(err, ERR_INPUT, "value '%s' has %lld NaN or infinite elements on the "
                           "calibration data; is the data preprocessed as the model expects?",
                           g->value[i]->name, (long long)g->sum[i].bad);
    TRY(g->peaks_tap.finish(g->peaks_tap.data, ran, err));
    if (!ran || !g->n)
        return 0;
    TRY(drop_idle(g, g->model, g->placement, err));
    for (int i = 0; i < g->placement->n_layer; i++)
        keep_seen(g, &g->placement->layer[i]);
    return 0;
}

struct calibration *calibration_watch(struct model *m, struct placement *p, const struct dataset *d,
                                      int samples, int jobs, struct tap *tap)
{
    struct arena arena = {0};
    struct calibration *g = NEW(&arena, struct calibration);
    g->arena = arena;
    g->model = m;
    g->placement = p;
    int count = dataset_count(d), n = samples && samples < count ? samples : count;
    g->counted = counted_of(n);
    g->count = count;
    g->seen = (double)n / count;
    g->reach = 1;
    gather_prepare(g, m, p, jobs);
    g->peaks = peaks_watch(m, g->channels, samples, jobs, &g->arena, &g->peaks_tap);
    bool *want = NEW_ARRAY(&g->arena, m->n_values, bool);
    for (int i = 0; i < m->n_values; i++)
        want[i] = g->slot[i] >= 0 || g->in_body[i] || g->channels[i].n;
    *tap = (struct tap){.want = want, .samples = samples, .watch = on_value,
                        .merge = jobs == 1 ? NULL : merge, .finish = settle_gathered, .data = g};
    return g;
}

void calibration_only_extremes(struct calibration *g)
{
    g->counted = 0;
}

void calibration_reach(struct calibration *g, int samples)
{
    g->reach = samples > g->count ? (double)samples / g->count : 1;
}

void calibration_close(struct calibration *g)
{
    if (!g)
        return;
    for (int i = 0; i < g->slots; i++)
        arena_release(&g->part_arena[i]);
    struct arena arena = g->arena;
    arena_release(&arena);
}

/* A range beyond what was seen ends where what the operator can give does. */
static struct range limited(const struct value *v, struct range r)
{
    double lo = -INFINITY, hi = INFINITY;
    if (v->def && op_table[v->def->op].role == ROLE_FIXED) { /* Sigmoid, Tanh and their kind */
        lo = -1;
        hi = 1;
    } else if (v->def && !bounds_of_clip(v->def, &lo, &hi)) {
        return r;
    }
    return (struct range){(float)fmax((double)r.lo, lo), (float)fmin((double)r.hi, hi)};
}

/* The ends in proportion: an observer that cut some elements off would cut so many of more. */
static struct range further(struct range r, const struct stats *s, double times)
{
    struct range seen = stats_range_reach(s, 1), reach = stats_range_reach(s, times);
    if (seen.lo < 0)
        r.lo = fmaxf(r.lo * (reach.lo / seen.lo), -FLT_MAX);
    if (seen.hi > 0)
        r.hi = fminf(r.hi * (reach.hi / seen.hi), FLT_MAX);
    return r;
}

struct ranging {
    const struct calibration *g;
    const struct observer *o;
    struct range *to;
};

static void find_range(void *data, int i, int worker)
{
    (void)worker;
    struct ranging *r = data;
    const struct stats *s = &r->g->sum[i];
    const struct value *v = r->g->value[i];
    bool rare = is_rare_vector(r->g, i);
    struct range range = rare ? stats_range_beyond(s)
                              : r->o->range(s, &v->quant->type, r->o->parameter);
    if (r->g->reach > 1)
        range = further(range, s, r->g->reach);
    r->to[i] = rare || r->g->reach > 1 ? limited(v, range) : range;
}

/* Ranges of an observer of the table are kept, since it may be asked for again. */
static struct range *kept_ranges(struct calibration *g, const struct observer *o)
{
    for (int i = 0; i < N_OBSERVERS; i++)
        if (o == &observer_table[i])
            return g->range[i];
    return NULL;
}

static struct range *find_ranges(struct calibration *g, const struct observer *o)
{
    assert(g->counted || (o->extremes && g->reach <= 1));
    struct ranging r = {g, o, NEW_ARRAY(&g->arena, g->n, struct range)};
    threads_for(g->jobs, g->n, find_range, &r);
    for (int i = 0; i < N_OBSERVERS; i++)
        if (o == &observer_table[i])
            g->range[i] = r.to;
    return r.to;
}

const struct range *calibration_ranges(struct calibration *g, const struct observer *o)
{
    const struct range *range = kept_ranges(g, o);
    return range ? range : find_ranges(g, o);
}

int calibration_slot(const struct calibration *g, const struct value *v)
{
    return v->id < g->n_values ? g->slot[v->id] : -1;
}

void calibration_set(struct calibration *g, int slot, struct range r)
{
    struct quant *q = g->value[slot]->quant;
    if (!q->range)
        q->range = NEW_ARRAY(g->model->arena, 1, struct range);
    q->range[0] = r;
}

int calibration_read(struct calibration *g, const struct observer *o)
{
    const struct range *range = calibration_ranges(g, o);
    for (int i = 0; i < g->n; i++)
        calibration_set(g, i, range[i]);
    return g->n;
}
