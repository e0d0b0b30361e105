/* SPDX-License-Identifier: Apache-2.0
 *
 * shift: sums of a sample are kept apart and added in the order of the samples.
 */
#include "shift.h"

#include "k_simd.h"
#include "quant.h"
#include "threads.h"

struct mean { /* of one value, by channel */
    int axis; /* of channels; -1: the last */
    int64_t n;
    double *sum;
    double count; /* elements of a channel */
};

struct means {
    int n_values, jobs;
    struct mean *total;   /* by id; n = 0: not wanted */
    struct mean **part;   /* [slot][id]: of the sample at hand */
};

static struct mean *means_new(struct arena *a, const struct model *m, const struct placement *p)
{
    struct mean *mean = NEW_ARRAY(a, m->n_values, struct mean);
    for (int i = 0; i < p->n_layer; i++) {
        const struct qlayer *l = &p->layer[i];
        struct mean *k = &mean[qlayer_source(l)->id];
        bool conv = l->node->op == OP_Conv;
        if (!conv && (l->node->op == OP_ConvTranspose || node_int(l->node, "transA", 0)))
            continue;
        k->axis = conv ? 1 : -1;
        k->n = conv ? qlayer_weight(l)->constant->shape.dim[1] * qlayer_groups(l)
                    : qlayer_row_length(l);
        k->sum = NEW_ARRAY(a, k->n, double);
    }
    return mean;
}

K_CLONES static void add_row(double *restrict sum, const float *restrict x, int64_t n)
{
    for (int64_t c = 0; c < n; c++)
        sum[c] += (double)x[c];
}

static double sum_of(const float *x, int64_t n)
{
    enum { LANES = 4 }; /* or each addition would wait for the one before */
    double sum[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] += (double)x[i + k];
    for (; i < n; i++)
        sum[0] += (double)x[i];
    return sum[0] + sum[1] + sum[2] + sum[3];
}

static void watch(void *data, int slot, int i, const struct value *v, const struct tensor *t)
{
    struct means *s = data;
    struct mean *k = &s->part[slot][v->id];
    int axis = k->axis < 0 ? t->shape.rank - 1 : k->axis;
    (void)i;
    if (t->dtype != DTYPE_F32 || axis < 0 || axis >= t->shape.rank || t->shape.dim[axis] != k->n)
        return;
    bool last = t->layout == LAYOUT_CHANNELS_LAST && axis == 1;
    int64_t inner = last ? 1 : shape_span(&t->shape, axis + 1, t->shape.rank);
    const float *x = tensor_f32(t);
    for (int64_t at = 0, n = tensor_count(t); at < n; at += k->n * inner)
        if (inner == 1)
            add_row(k->sum, x + at, k->n);
        else
            for (int64_t c = 0; c < k->n; c++)
                k->sum[c] += sum_of(x + at + c * inner, inner);
    k->count += (double)(tensor_count(t) / k->n);
}

static void merge(void *data, int slot, int i)
{
    struct means *s = data;
    (void)i;
    for (int v = 0; v < s->n_values; v++) {
        struct mean *from = &s->part[slot][v], *to = &s->total[v];
        for (int64_t c = 0; c < from->n; c++) {
            to->sum[c] += from->sum[c];
            from->sum[c] = 0;
        }
        to->count += from->count;
        from->count = 0;
    }
}

/* The sum of (w[c] - rounded[c]) * x[c]. Lanes, since each addition would wait for the last. */
K_CLONES static double row_shift(const float *w, const float *rounded, const double *x, int64_t n)
{
    enum { LANES = 8 };
    double lane[LANES] = {0}, sum = 0;
    int64_t c = 0;
    for (; c + LANES <= n; c += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] += ((double)w[c + k] - (double)rounded[c + k]) * x[c + k];
    for (; c < n; c++)
        lane[0] += ((double)w[c] - (double)rounded[c]) * x[c];
    for (int k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}

/* As above, where `kernel` elements of the row, `step` apart, read the same channel. */
static double spread_shift(const float *w, const float *rounded, const double *x, int64_t n,
                           int64_t kernel, int64_t step)
{
    double sum = 0;
    for (int64_t c = 0; c < n; c++) {
        double e = 0;
        for (int64_t i = c * kernel; i < (c + 1) * kernel; i++)
            e += (double)w[i * step] - (double)rounded[i * step];
        sum += e * x[c];
    }
    return sum;
}

/* Whose bias takes up the mean: it has one for each row, and something was measured. */
static bool takes_shift(const struct qlayer *l, const struct mean *x)
{
    const struct value *w = qlayer_weight(l), *b = qlayer_bias(l);
    return l->node->op != OP_ConvTranspose && !l->node->in[l->weight_slot].plain && b
        && b->constant && tensor_count(b->constant) == qlayer_channels(l) && x->count > 0
        && w->constant->dtype == DTYPE_F32;
}

static void find_shift(const struct qlayer *l, const struct mean *x, double *shift)
{
    const struct value *w = qlayer_weight(l);
    int64_t rows = qlayer_channels(l), k = qlayer_row_length(l), groups = qlayer_groups(l);
    struct arena scratch = {0};
    struct tensor *rounded = tensor_buffer(&scratch, DTYPE_F32, &w->constant->shape);
    quant_round_tensor(w->quant, w->constant, rounded);
    int64_t kernel = k / (x->n / groups); /* elements of a row that read the same channel */
    int64_t step = k > 1 ? qlayer_weight_at(l, 0, 1) - qlayer_weight_at(l, 0, 0) : 1;
    for (int64_t o = 0; o < rows; o++) {
        const double *sum = x->sum + o / (rows / groups) * (x->n / groups);
        int64_t at = qlayer_weight_at(l, o, 0);
        const float *from = tensor_f32(w->constant) + at, *to = tensor_f32(rounded) + at;
        shift[o] = kernel == 1 && step == 1 ? row_shift(from, to, sum, k)
                                            : spread_shift(from, to, sum, k / kernel, kernel,
                                                           step);
    }
    arena_release(&scratch);
}

struct shifts { /* double[rows] by layer; NULL: its bias stays */
    const struct placement *p;
    const struct means *means;
    double **of_layer;
};

static void find_item(void *data, int i, int worker)
{
    (void)worker;
    const struct shifts *s = data;
    const struct qlayer *l = &s->p->layer[i];
    if (s->of_layer[i])
        find_shift(l, &s->means->total[qlayer_source(l)->id], s->of_layer[i]);
}

struct means *means_watch(const struct model *m, const struct placement *p, int samples, int jobs,
                          struct arena *a, struct tap *tap)
{
    struct means *s = NEW(a, struct means);
    *s = (struct means){m->n_values, jobs, means_new(a, m, p),
                         NEW_ARRAY(a, threads_slots(jobs), struct mean *)};
    bool *want = NEW_ARRAY(a, m->n_values, bool);
    for (int i = 0; i < m->n_values; i++)
        want[i] = s->total[i].n > 0;
    for (int k = 0; k < threads_slots(jobs); k++)
        s->part[k] = means_new(a, m, p);
    *tap = (struct tap){.want = want, .samples = samples, .watch = watch, .merge = merge,
                        .data = s};
    return s;
}

void shift_biases(struct model *m, const struct placement *p, const struct means *means)
{
    struct arena a = {0};
    struct shifts s = {p, means, NEW_ARRAY(&a, p->n_layer, double *)};
    for (int i = 0; i < p->n_layer; i++) {
        const struct qlayer *l = &p->layer[i];
        if (takes_shift(l, &means->total[qlayer_source(l)->id]))
            s.of_layer[i] = NEW_BUFFER(&a, qlayer_channels(l), double);
    }
    threads_for(means->jobs, p->n_layer, find_item, &s);
    for (int i = 0; i < p->n_layer; i++) {
        const struct qlayer *l = &p->layer[i];
        double count = means->total[qlayer_source(l)->id].count;
        struct value *b = qlayer_bias(l);
        if (!s.of_layer[i])
            continue;
        struct tensor *t = tensor_new(m->arena, b->constant->dtype, &b->constant->shape);
        for (int64_t o = 0; o < qlayer_channels(l); o++)
            dtype_store(t->dtype, t->data, o,
                        tensor_get(b->constant, o) + s.of_layer[i][o] / count);
        constant_replace(b, t);
    }
    arena_release(&a);
}
