/* SPDX-License-Identifier: Apache-2.0
 *
 * peaks: each worker keeps peaks of its own; the largest of them does not depend on the order.
 */
#include "peaks.h"

#include "exec.h"
#include "k_simd.h"
#include "samples.h"

#include <math.h>

struct session {
    const struct channels *channels;
    int n_values;
    float ***peak; /* [worker][id][channel] */
};

K_CLONES static void raise_each(float *restrict peak, const float *restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float a = fabsf(x[i]);
        peak[i] = a > peak[i] ? a : peak[i];
    }
}

static float raised(float peak, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        peak = fabsf(x[i]) > peak ? fabsf(x[i]) : peak;
    return peak;
}

static void watch(void *data, int worker, int i, const struct value *v, const struct tensor *t)
{
    struct session *s = data;
    struct channels c = s->channels[v->id];
    float *peak = s->peak[worker][v->id];
    (void)i;
    if (t->dtype != DTYPE_F32 || t->shape.rank <= c.axis || t->shape.dim[c.axis] != c.n)
        return;
    bool last = t->layout == LAYOUT_CHANNELS_LAST && c.axis == 1;
    int64_t inner = last ? 1 : shape_span(&t->shape, c.axis + 1, t->shape.rank);
    const float *x = tensor_f32(t);
    for (int64_t at = 0, n = tensor_count(t); at < n; at += c.n * inner)
        if (inner == 1)
            raise_each(peak, x + at, c.n);
        else
            for (int64_t channel = 0; channel < c.n; channel++)
                peak[channel] = raised(peak[channel], x + at + channel * inner, inner);
}

static float **peaks_new(struct arena *a, const struct channels *channels, int n_values)
{
    float **peak = NEW_ARRAY(a, n_values, float *);
    for (int i = 0; i < n_values; i++)
        if (channels[i].n)
            peak[i] = NEW_ARRAY(a, channels[i].n, float);
    return peak;
}

float **peaks_measure(const struct model *m, const struct channels *channels,
                      const struct dataset *d, int n, int jobs, struct arena *a,
                      struct err *err)
{
    struct session s = {channels, m->n_values, NEW_ARRAY(a, jobs, float **)};
    bool *want = NEW_ARRAY(a, m->n_values, bool);
    for (int i = 0; i < m->n_values; i++)
        want[i] = channels[i].n > 0;
    for (int w = 0; w < jobs; w++)
        s.peak[w] = peaks_new(a, channels, m->n_values);
    int *index;
    n = samples_spread(a, dataset_count(d), n, &index);
    struct exec_options options = {.want = want, .partial = true};
    struct exec *x = exec_open(m->graph, &options, err);
    if (!x)
        return NULL;
    int r = samples_run(x, d, index, n, jobs, &(struct samples_hooks){.watch = watch}, &s, err);
    exec_close(x);
    for (int w = 1; w < jobs; w++)
        for (int i = 0; i < m->n_values; i++)
            for (int64_t c = 0; c < channels[i].n; c++)
                s.peak[0][i][c] = fmaxf(s.peak[0][i][c], s.peak[w][i][c]);
    return r < 0 ? NULL : s.peak[0];
}
