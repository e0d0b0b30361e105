/* SPDX-License-Identifier: Apache-2.0
 *
 * shift: sums of a sample are kept by the worker that runs it and added in the order of the
 * samples.
 */
#include "shift.h"

#include "exec.h"
#include "quant.h"
#include "samples.h"

struct mean { /* of one value, by channel */
    int axis; /* of channels; -1: the last */
    int64_t n;
    double *sum;
    double count; /* elements of a channel */
};

struct session {
    int n_values;
    struct mean *total;   /* by id; n = 0: not wanted */
    struct mean **worker; /* [worker][id]: of the sample at hand */
};

static struct mean *means_new(struct arena *a, const struct model *m, const struct placement *p)
{
    struct mean *mean = NEW_ARRAY(a, m->n_values, struct mean);
    for (int i = 0; i < p->n_layer; i++) {
        const struct qlayer *l = &p->layer[i];
        struct mean *k = &mean[l->input->id];
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

static void watch(void *data, int worker, int i, const struct value *v, const struct tensor *t)
{
    struct session *s = data;
    struct mean *k = &s->worker[worker][v->id];
    int axis = k->axis < 0 ? t->shape.rank - 1 : k->axis;
    (void)i;
    if (t->dtype != DTYPE_F32 || axis < 0 || axis >= t->shape.rank || t->shape.dim[axis] != k->n)
        return;
    bool last = t->layout == LAYOUT_CHANNELS_LAST && axis == 1;
    int64_t inner = last ? 1 : shape_span(&t->shape, axis + 1, t->shape.rank);
    const float *x = tensor_f32(t);
    for (int64_t at = 0, n = tensor_count(t); at < n; at += k->n * inner)
        for (int64_t c = 0; c < k->n; c++) {
            double sum = 0;
            for (int64_t e = 0; e < inner; e++)
                sum += (double)x[at + c * inner + e];
            k->sum[c] += sum;
        }
    k->count += (double)(tensor_count(t) / k->n);
}

static void merge(void *data, int worker, int i)
{
    struct session *s = data;
    (void)i;
    for (int v = 0; v < s->n_values; v++) {
        struct mean *from = &s->worker[worker][v], *to = &s->total[v];
        for (int64_t c = 0; c < from->n; c++) {
            to->sum[c] += from->sum[c];
            from->sum[c] = 0;
        }
        to->count += from->count;
        from->count = 0;
    }
}

/* The new bias; NULL: the layer has none, or nothing was measured. The scratch is emptied. */
static struct tensor *bias_shifted(const struct qlayer *l, const struct mean *x,
                                   struct arena *result, struct arena *scratch)
{
    const struct value *w = qlayer_weight(l), *b = qlayer_bias(l);
    int64_t rows = qlayer_channels(l), k = qlayer_row_length(l), groups = qlayer_groups(l);
    if (!b || !b->constant || tensor_count(b->constant) != rows || x->count <= 0
        || w->constant->dtype != DTYPE_F32)
        return NULL;
    struct tensor *rounded = tensor_buffer(scratch, DTYPE_F32, &w->constant->shape);
    struct tensor *t = tensor_new(result, b->constant->dtype, &b->constant->shape);
    quant_round_tensor(w->quant, w->constant, rounded);
    int64_t kernel = k / (x->n / groups); /* elements of a row that read the same channel */
    for (int64_t o = 0; o < rows; o++) {
        double shift = 0;
        const double *sum = x->sum + o / (rows / groups) * (x->n / groups);
        for (int64_t i = 0; i < k; i++) {
            int64_t at = qlayer_weight_at(l, o, i);
            double e = (double)tensor_f32(w->constant)[at] - (double)tensor_f32(rounded)[at];
            shift += e * sum[i / kernel] / x->count;
        }
        dtype_store(t->dtype, t->data, o, tensor_get(b->constant, o) + shift);
    }
    arena_reset(scratch);
    return t;
}

int shift_biases(struct model *m, const struct placement *p, const struct dataset *d, int samples,
                 int jobs, struct arena *a, struct err *err)
{
    struct session s = {m->n_values, means_new(a, m, p), NEW_ARRAY(a, jobs, struct mean *)};
    bool *want = NEW_ARRAY(a, m->n_values, bool);
    int *index;
    for (int i = 0; i < m->n_values; i++)
        want[i] = s.total[i].n > 0;
    for (int w = 0; w < jobs; w++)
        s.worker[w] = means_new(a, m, p);
    struct exec_options options = {.want = want, .partial = true};
    struct exec *x = exec_open(m->graph, &options, err);
    if (!x)
        return -1;
    samples = samples_spread(a, dataset_count(d), samples, &index);
    struct samples_hooks hooks = {.watch = watch, .merge = merge};
    int r = samples_run(x, d, index, samples, jobs, &hooks, &s, err);
    exec_close(x);
    struct arena scratch = {0};
    for (int i = 0; i < p->n_layer && r >= 0; i++) {
        const struct qlayer *l = &p->layer[i];
        struct tensor *t = bias_shifted(l, &s.total[l->input->id], m->arena, &scratch);
        if (t)
            constant_replace(qlayer_bias(l), t);
    }
    arena_release(&scratch);
    return r;
}
