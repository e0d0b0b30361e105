/* SPDX-License-Identifier: Apache-2.0
 *
 * rounding: layers are handled in batches whose moments fit the memory, and in each the dearest
 * first.
 */
#include "rounding.h"

#include "effort.h"
#include "gram.h"
#include "k_gram.h"
#include "k_rounding.h"
#include "k_simd.h"
#include "pairs.h"
#include "quant.h"
#include "threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows are rounded at once while they have so many elements, but not fewer than LEAST_ROWS, nor
 * than take about the memory of the layer's moments. */
enum { SAMPLES = 48, LEAST_SAMPLES = 24, MEMORY = 12 << 20, MAX_K = 8192, ELEMENTS = 1 << 16,
       LEAST_ROWS = 32 };

struct batch {
    const struct placement *placement;
    const struct grams *grams;
    struct rounded *result; /* by node id; where there is a Gram, copies that change here */
    struct task *task;      /* the dearest first, so that none is left for one thread in the end */
};
struct task {
    int layer;
    double cost;
};

/* Some rows of one group of a layer, from their first output channel on, and of them a part. */
struct rows {
    const struct qlayer *layer;
    const struct gram *gram;
    int64_t group, part, channel;
    float *to, *bias; /* the new constants; bias NULL: none */
};

/* Its number among those of all groups. */
static int64_t part_of(const struct rows *p)
{
    return p->group * p->gram->parts + p->part;
}

static void add_to_bias(const struct rows *p, const struct k_rounding *r)
{
    const struct gram *g = p->gram;
    for (int64_t o = 0; o < r->rows; o++) {
        double shift = 0;
        for (int64_t i = 0; i < r->k; i++) {
            int64_t at = o * r->k + i;
            double e = (double)r->w[at] - (double)r->q[at] * (double)r->scale[o];
            shift += e * g->x[part_of(p) * r->k + i] / (double)g->columns;
        }
        p->bias[p->channel + o] += (float)shift;
    }
}

/* Gathered, rounded, put back as values on the grid. What a row has is equally far apart, as it is
 * not in a ConvTranspose. */
static void round_rows(const struct rows *p, int64_t rows, const float *factor, struct arena *a)
{
    const struct qlayer *l = p->layer;
    const struct value *w = qlayer_weight(l);
    int64_t k = p->gram->k;
    float *row = NEW_BUFFER(a, rows * k, float), *q = NEW_BUFFER(a, rows * k, float);
    float *scale = NEW_ARRAY(a, rows, float);
    int64_t step = k > 1 ? qlayer_weight_at(l, 0, 1) - qlayer_weight_at(l, 0, 0) : 1;
    for (int64_t o = 0; o < rows; o++) {
        int64_t at = qlayer_weight_at(l, p->channel + o, p->part * k);
        const float *from = tensor_f32(w->constant) + at;
        scale[o] = w->quant->scale[w->quant->n == 1 ? 0 : p->channel + o];
        for (int64_t i = 0; i < k; i++)
            row[o * k + i] = from[i * step];
    }
    struct k_rounding r = {rows, k, row, scale, (float)quant_min(&w->quant->type),
                           (float)quant_max(&w->quant->type),
                           p->gram->xx + part_of(p) * k_gram_size(k), factor, q};
    k_rounding_solve(&r, NEW_BUFFER(a, k_rounding_scratch(rows, k), float));
    for (int64_t o = 0; o < rows; o++) {
        float *to = p->to + qlayer_weight_at(l, p->channel + o, p->part * k);
        for (int64_t i = 0; i < k; i++)
            to[i * step] = q[o * k + i] * scale[o];
    }
    if (p->bias)
        add_to_bias(p, &r);
}

/* One part of the rows of a group. Where inputs teach nothing weights stay. The sums of its Gram
 * end here. */
static void round_part(struct rows p, struct arena *scratch)
{
    int64_t k = p.gram->k, rows = qlayer_channels(p.layer) / p.gram->groups;
    int64_t most = ELEMENTS / k < LEAST_ROWS ? LEAST_ROWS : ELEMENTS / k;
    most = k / 8 > most ? k / 8 : most;
    float *c = p.gram->xx + part_of(&p) * k_gram_size(k);
    float *factor = mem_alloc((size_t)k_gram_size(k) * sizeof *factor);
    if (k_rounding_moments(k, p.gram->columns, p.gram->x + part_of(&p) * k, p.bias != NULL, c)
        && k_rounding_factor(k, c, factor))
        for (int64_t done = 0, n; done < rows; done += n) {
            n = rows - done < most ? rows - done : most;
            p.channel = p.group * rows + done;
            round_rows(&p, n, factor, scratch);
            arena_reset(scratch);
        }
    mem_free(factor);
}

static struct tensor *copy_of(struct arena *a, const struct tensor *t)
{
    struct tensor *copy = tensor_new(a, DTYPE_F32, &t->shape);
    memcpy(copy->data, t->data, t->size);
    return copy;
}

static void round_layer(void *data, int item, int worker)
{
    (void)worker;
    struct batch *b = data;
    int layer = b->task[item].layer;
    const struct qlayer *l = &b->placement->layer[layer];
    const struct gram *gram = grams_find(b->grams, l->node);
    struct arena scratch = {0};
    struct rounded *r = &b->result[l->node->id];
    struct rows rows = {l, gram, 0, 0, 0, r->weight->data, r->bias ? r->bias->data : NULL};
    for (; rows.group < gram->groups; rows.group++)
        for (rows.part = 0; rows.part < gram->parts; rows.part++)
            round_part(rows, &scratch);
    pairs_mend(l, rows.to);
    arena_release(&scratch);
}

K_CLONES static bool any_off_grid(const float *x, int64_t n, float scale)
{
    bool off = false;
    for (int64_t i = 0; i < n; i++) {
        float code = x[i] / scale;
        off |= fabsf(code - rintf(code)) > 1e-3f;
    }
    return off;
}

/* Is there something to choose: zero points of 0, and weights off the grid of their range? */
static bool is_off_grid(const struct value *w)
{
    const struct quant *q = w->quant;
    const struct tensor *t = w->constant;
    struct arena a = {0};
    struct range *range = NEW_ARRAY(&a, q->n, struct range);
    float *scale = NEW_ARRAY(&a, q->n, float);
    int32_t zero = 0;
    bool off = false;
    int64_t n = tensor_count(t), run = n; /* elements that share a scale */
    if (q->type.grain == GRAIN_CHANNEL)
        run = shape_span(&t->shape, q->type.axis + 1, t->shape.rank);
    quant_ranges(q, t, range);
    for (int64_t i = 0; i < q->n && !zero; i++)
        quant_solve_range(&q->type, range[i], &scale[i], &zero);
    for (int64_t i = 0; i < n && !off && !zero; i += run)
        off = any_off_grid(tensor_f32(t) + i, run, scale[quant_index(&q->type, &t->shape, i)]);
    arena_release(&a);
    return off;
}

static bool layer_is_fit(const struct qlayer *l)
{
    const struct value *w = qlayer_weight(l);
    const struct qtype *t = &w->quant->type;
    return l->node->op != OP_ConvTranspose /* what its rows multiply is not gathered */
        && t->symmetric && !qtype_is_float(t) && t->grain != GRAIN_BLOCK && value_used_once(w)
        && w->constant->dtype == DTYPE_F32 && gram_length(l) <= MAX_K && is_off_grid(w);
}

/* Bytes of Grams at a time: as much as the weights take, since each batch is a run of its own. */
static int64_t memory_for(const struct placement *p)
{
    int64_t bytes = 0;
    for (int i = 0; i < p->n_layer; i++)
        bytes += (int64_t)qlayer_weight(&p->layer[i])->constant->size;
    return bytes > MEMORY ? bytes : MEMORY;
}

struct fit {
    const struct qlayer *layer;
    bool *is;
};

static void find_fit(void *data, int i, int worker)
{
    (void)worker;
    const struct fit *f = data;
    f->is[i] = layer_is_fit(&f->layer[i]);
}

/* The layers from `first` on whose Grams fit the memory; returns where it ended. */
static int choose_layers(const struct pass_ctx *ctx, int first, const struct qlayer **layer, int *n)
{
    const struct placement *p = ctx->placement;
    struct fit fit = {p->layer + first, NEW_ARRAY(ctx->scratch, p->n_layer, bool)};
    int64_t bytes = 0, most = memory_for(p);
    int i = first;
    threads_for(ctx->jobs, p->n_layer - first, find_fit, &fit);
    for (*n = 0; i < p->n_layer; i++) {
        if (!fit.is[i - first])
            continue;
        bytes += gram_bytes(&p->layer[i]);
        if (*n && bytes > most)
            break;
        layer[(*n)++] = &p->layer[i];
    }
    return i;
}

static int compare_costs(const void *a, const void *b)
{
    const struct task *p = a, *q = b;
    return (p->cost < q->cost) - (p->cost > q->cost);
}

/* Rounds the layers whose Grams are there. */
static void round_layers(const struct pass_ctx *ctx, const struct grams *grams)
{
    const struct placement *p = ctx->placement;
    struct rounding *r = ctx->rounding;
    struct batch b = {p, grams, r->of_node, NEW_ARRAY(ctx->scratch, p->n_layer, struct task)};
    int n = 0;
    for (int i = 0; i < p->n_layer; i++) {
        const struct value *bias = qlayer_bias(&p->layer[i]);
        const struct gram *g = grams_find(grams, p->layer[i].node);
        struct rounded *to = &r->of_node[p->layer[i].node->id];
        if (!g)
            continue;
        double k = (double)g->k, rows = (double)qlayer_channels(&p->layer[i]);
        double square = k * k * (double)g->parts;
        b.task[n++] = (struct task){i, square * (rows + k * (double)g->groups)};
        to->weight = copy_of(&r->arena, qlayer_weight(&p->layer[i])->constant);
        to->bias = bias ? copy_of(&r->arena, bias->constant) : NULL;
        const struct quant *q = qlayer_weight(&p->layer[i])->quant;
        to->scale = arena_copy(&r->arena, q->scale, (size_t)q->n * sizeof *q->scale);
    }
    qsort(b.task, (size_t)n, sizeof *b.task, compare_costs);
    threads_for(ctx->jobs, n, round_layer, &b);
}

/* Fewer where a run costs much: it may take several, for a batch of layers each. */
static int samples_for(const struct pass_ctx *ctx)
{
    int n = effort_samples(ctx->run_ops, SAMPLES, LEAST_SAMPLES), all = dataset_count(ctx->data);
    return n < all ? n : all;
}

/* Behind the last layer whose Gram is there. */
static int behind_gathered(const struct placement *p, const struct grams *g)
{
    int i = p->n_layer;
    while (i && !grams_find(g, p->layer[i - 1].node))
        i--;
    return i;
}

/* The Grams that were not gathered by calibrate need runs of their own. */
static int round_others(const struct model *m, struct pass_ctx *ctx, struct err *err)
{
    const struct placement *p = ctx->placement;
    const struct qlayer **layer = NEW_ARRAY(ctx->scratch, p->n_layer, const struct qlayer *);
    for (int at = behind_gathered(p, ctx->grams), n; at < p->n_layer;) {
        struct tap tap;
        at = choose_layers(ctx, at, layer, &n);
        if (!n)
            break;
        struct grams *grams = grams_watch(m, layer, n, samples_for(ctx), ctx->jobs, &tap);
        int r = taps_run(m, &tap, 1, ctx->data, ctx->jobs, "gathering second moments", err);
        if (r >= 0)
            round_layers(ctx, grams);
        grams_close(grams);
        TRY(r);
    }
    return 0;
}

bool rounding_watch(const struct model *m, struct pass_ctx *ctx, struct tap *tap)
{
    const struct qlayer **layer =
        NEW_ARRAY(ctx->scratch, ctx->placement->n_layer, const struct qlayer *);
    int n;
    choose_layers(ctx, 0, layer, &n);
    if (n)
        ctx->grams = grams_watch(m, layer, n, samples_for(ctx), ctx->jobs, tap);
    return n > 0;
}

int rounding_find(const struct model *m, struct pass_ctx *ctx, struct err *err)
{
    if (ctx->rounding)
        return 0;
    ctx->rounding = mem_alloc(sizeof *ctx->rounding);
    *ctx->rounding = (struct rounding){0};
    ctx->rounding->of_node = NEW_ARRAY(&ctx->rounding->arena, m->n_nodes, struct rounded);
    if (ctx->grams)
        round_layers(ctx, ctx->grams);
    int r = round_others(m, ctx, err);
    grams_close(ctx->grams);
    ctx->grams = NULL;
    return r;
}

bool rounding_serves(double before, double after)
{
    static const double chance = 0.5;
    return after >= before - chance;
}

void rounding_close(struct rounding *r)
{
    if (!r)
        return;
    arena_release(&r->arena);
    mem_free(r);
}
