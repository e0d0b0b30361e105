/* SPDX-License-Identifier: Apache-2.0
 *
 * solve: scale = range / levels; the limits that runtimes put on scales are kept here.
 *
 * A bias is stored as round(b / (s_x s_w)) in int32, and the sum of products is added to it in
 * int32 as well: |b| / (s_x s_w) + 2^bits_x 2^bits_w K must stay below 2^31, or the sum wraps.
 */
#include "solve.h"

#include "op.h"
#include "pairs.h"
#include "quant.h"
#include "threads.h"

#include <float.h>
#include <math.h>

static void quant_prepare(struct arena *a, struct quant *q)
{
    if (!q->scale) {
        q->scale = NEW_ARRAY(a, q->n, float);
        q->zero = NEW_ARRAY(a, q->n, int32_t);
    }
}

/* What Clip(0, c) lets through must not be exceeded by the highest code, or the runtime keeps the
 * Clip and with it a float convolution. */
static void keep_within_clip(struct quant *q, const struct value *v)
{
    struct node *clip = value_def(v, OP_Clip);
    const struct tensor *hi = clip ? node_constant(clip, 2) : NULL;
    if (!hi)
        return;
    float limit = (float)tensor_get(hi, 0);
    int64_t levels = quant_max(&q->type) - q->zero[0];
    if (limit > 0 && (float)levels * q->scale[0] < limit * 1.01f)
        while ((float)levels * q->scale[0] > limit)
            q->scale[0] = nextafterf(q->scale[0], 0);
}

/* Runtimes that compute with 16 bits want these scales behind these operators (QNN). Values that
 * share the quant got another one before: they hold the same numbers. */
static void keep_fixed_scale(struct quant *q, const struct value *v)
{
    if (dtype_info(q->type.dtype)->bits != 16)
        return;
    bool u16 = q->type.dtype == DTYPE_U16;
    if (v->def->op == OP_Sigmoid) {
        q->scale[0] = u16 ? 1.0f / 65536 : 1.0f / 32768;
        q->zero[0] = 0;
    } else if (v->def->op == OP_Tanh) {
        q->scale[0] = 1.0f / 32768;
        q->zero[0] = u16 ? 32768 : 0;
    }
}

static void solve_activation(struct model *m, struct value *v)
{
    struct quant *q = v->quant;
    if (q->type.dynamic)
        return;
    quant_prepare(m->arena, q);
    for (int64_t i = 0; i < q->n; i++)
        quant_solve_range(&q->type, q->range[i], &q->scale[i], &q->zero[i]);
    keep_within_clip(q, v);
}

static void constant_ranges(struct model *m, const struct value *w)
{
    struct quant *q = w->quant;
    if (q->range)
        return; /* weights that were rounded keep the grid they were rounded to */
    q->range = NEW_ARRAY(m->arena, q->n, struct range);
    quant_ranges(q, w->constant, q->range);
}

/* The lowest weight scale with which the layer's bias and sums fit int32. */
static double lowest_scale(const struct quant *w, const struct quant *x, double bias, int64_t k)
{
    double codes_x = (double)(quant_max(&x->type) - quant_min(&x->type));
    double codes_w = (double)quant_max(&w->type);
    double room = 2147483647.0 - codes_x * codes_w * (double)k;
    if (room < 1073741824.0)
        room = 1073741824.0; /* such a sum may wrap whatever the bias is */
    return fabs(bias) / (room * (double)x->scale[0]) * 1.0001;
}

/* Which of the weight's scales is that of output channel o? */
static int64_t scale_index(const struct quant *w, int64_t o)
{
    return w->n == 1 ? 0 : o;
}

/* The lowest scales of each layer's rows with which sums of two products fit 16 bits; NULL: any. */
struct short_sums {
    const struct placement *p;
    float **low;
};

/* The last layers are the largest mostly, and a large one at the end would be waited for. */
static void find_lowest(void *data, int item, int worker)
{
    (void)worker;
    struct short_sums *s = data;
    int i = s->p->n_layer - 1 - item;
    if (!pairs_lowest_scales(&s->p->layer[i], s->low[i]))
        s->low[i] = NULL;
}

static float **lowest_of_layers(const struct placement *p, int jobs, struct arena *a)
{
    struct short_sums s = {p, NEW_ARRAY(a, p->n_layer, float *)};
    for (int i = 0; i < p->n_layer; i++)
        s.low[i] = NEW_BUFFER(a, qlayer_channels(&p->layer[i]), float);
    threads_for(jobs, p->n_layer, find_lowest, &s);
    return s.low;
}

/* How many rows get a higher scale than their range has. */
static int64_t keep_sums_short(const struct qlayer *l, struct quant *q, const float *low)
{
    int64_t channels = qlayer_channels(l), raised = 0;
    for (int64_t o = 0; o < channels && low; o++) {
        float *scale = &q->scale[scale_index(q, o)];
        raised += low[o] > *scale;
        *scale = fmaxf(*scale, low[o]);
    }
    return raised;
}

static void solve_weight(struct model *m, const struct qlayer *l, const float *short_sums,
                         struct raised *raised)
{
    struct value *w = qlayer_weight(l), *bias = qlayer_bias(l);
    struct quant *q = w->quant;
    const struct quant *x = l->input->quant;
    if (!q->scale) { /* not yet solved for another layer with this weight */
        quant_prepare(m->arena, q);
        constant_ranges(m, w);
        for (int64_t i = 0; i < q->n; i++)
            quant_solve_range(&q->type, q->range[i], &q->scale[i], &q->zero[i]);
    }
    raised->rows += keep_sums_short(l, q, short_sums);
    raised->of += qlayer_channels(l);
    if (!bias || !bias->quant)
        return;
    int64_t channels = tensor_count(bias->constant), k = tensor_count(w->constant) / channels;
    for (int64_t i = 0; i < channels; i++) {
        int64_t j = scale_index(q, i);
        double low = lowest_scale(q, x, (double)tensor_f32(bias->constant)[i], k);
        bool empty = q->range[j].lo == 0 && q->range[j].hi == 0;
        if (empty && q->n > 1) /* no weight to represent: 2^16 finer than what fits */
            q->scale[j] = low > 0 ? fmaxf((float)(low * 65536), FLT_MIN) : 1;
        if ((double)q->scale[j] < low)
            q->scale[j] = fmaxf((float)low, FLT_MIN);
    }
}

static void solve_bias(struct model *m, struct quant *q)
{
    quant_prepare(m->arena, q);
    for (int64_t i = 0; i < q->n; i++)
        q->scale[i] = fmaxf(q->product[0]->scale[0] * q->product[1]->scale[i], FLT_MIN);
}

static void solve_constant(struct model *m, const struct value *v)
{
    struct quant *q = v->quant;
    quant_prepare(m->arena, q);
    constant_ranges(m, v);
    for (int64_t i = 0; i < q->n; i++)
        quant_solve_range(&q->type, q->range[i], &q->scale[i], &q->zero[i]);
}

/* False for biases of layers that have been dropped: their inputs may have no scale. */
static bool is_read_rounded(const struct value *v)
{
    value_each_use(v, u)
        if (!u->plain)
            return true;
    return false;
}

static void solve_biases(struct model *m, struct graph *const *graph, int n)
{
    for (int k = 0; k < n; k++)
        for (int i = 0; i < graph[k]->n_constant; i++) {
            const struct value *v = graph[k]->constant[i];
            if (v->quant && v->quant->product[0] && is_read_rounded(v))
                solve_bias(m, v->quant);
        }
}

/* Constants: weights of layers first, which may depend on one another; then what other operators
 * read; then what has the scale of a product. */
static struct raised solve_constants(struct model *m, const struct placement *p, int jobs,
                                     struct graph *const *graph, int n, struct arena *scratch)
{
    struct raised raised = {0, 0};
    float **low = lowest_of_layers(p, jobs, scratch);
    for (int k = 0; k < n; k++)
        for (int i = 0; i < graph[k]->n_constant; i++)
            if (graph[k]->constant[i]->quant)
                graph[k]->constant[i]->quant->scale = NULL;
    for (int i = 0; i < p->n_layer; i++)
        solve_weight(m, &p->layer[i], low[i], &raised);
    for (int k = 0; k < n; k++)
        for (int i = 0; i < graph[k]->n_constant; i++) {
            const struct quant *q = graph[k]->constant[i]->quant;
            if (q && !q->scale && !q->product[0])
                solve_constant(m, graph[k]->constant[i]);
        }
    solve_biases(m, graph, n);
    return raised;
}

static void solve_graph(struct model *m, const struct graph *g)
{
    for (const struct node *n = g->first; n; n = n->next)
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i] && n->out[i]->quant)
                solve_activation(m, n->out[i]);
    for (int i = 0; i < g->n_input; i++)
        if (g->input[i]->quant && value_is_fed(g->input[i]))
            solve_activation(m, g->input[i]);
    for (const struct node *n = g->first; n; n = n->next)
        if (n->n_out && n->out[0] && n->out[0]->quant)
            keep_fixed_scale(n->out[0]->quant, n->out[0]);
}

struct raised solve_model(struct model *m, const struct placement *p, int jobs)
{
    struct arena scratch = {0};
    int n_graphs;
    struct graph **graph = model_graphs(m, &scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        solve_graph(m, graph[i]);
    struct raised raised = solve_constants(m, p, jobs, graph, n_graphs, &scratch);
    arena_release(&scratch);
    return raised;
}

static float scale_of_range(const struct quant *q, int64_t i)
{
    float scale;
    int32_t zero;
    quant_solve_range(&q->type, q->range[i], &scale, &zero);
    return scale;
}

void solve_keep_grid(const struct placement *p)
{
    for (int i = 0; i < p->n_layer; i++) {
        struct quant *q = qlayer_weight(&p->layer[i])->quant;
        float limit = (float)quant_max(&q->type);
        for (int64_t k = 0; k < q->n && q->type.symmetric; k++) {
            struct range *r = &q->range[k];
            if ((r->lo != 0 || r->hi != 0) && q->scale[k] > scale_of_range(q, k))
                *r = (struct range){-q->scale[k] * limit, q->scale[k] * limit};
        }
    }
}

void solve_ranges(struct model *m)
{
    struct arena scratch = {0};
    int n_graphs;
    struct graph **graph = model_graphs(m, &scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        solve_graph(m, graph[i]);
    solve_biases(m, graph, n_graphs);
    arena_release(&scratch);
}

void solve_finer(const struct placement *p)
{
    for (int i = 0; i < p->n_layer; i++) {
        struct quant *q = qlayer_weight(&p->layer[i])->quant;
        if (q->type.grain == GRAIN_TENSOR || qtype_is_float(&q->type)
            || q->type.dtype == DTYPE_I16) /* a shared weight */
            continue;
        for (int64_t k = 0; k < q->n; k++) {
            q->scale[k] /= 2;
            q->zero[k] *= 2;
        }
        q->type.dtype = DTYPE_I16;
    }
}

static void clear_value(struct value *v)
{
    if (v && v->quant)
        v->quant->scale = NULL;
}

void solve_clear(struct model *m)
{
    struct arena scratch = {0};
    int n_graphs;
    struct graph **graph = model_graphs(m, &scratch, &n_graphs);
    for (int k = 0; k < n_graphs; k++) {
        for (int i = 0; i < graph[k]->n_input; i++)
            clear_value(graph[k]->input[i]);
        graph_each(graph[k], n) {
            for (int i = 0; i < n->n_out; i++)
                clear_value(n->out[i]);
            for (int i = 0; i < n->n_in; i++)
                clear_value(n->in[i].value);
        }
    }
    arena_release(&scratch);
}
