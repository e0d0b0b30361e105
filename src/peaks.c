/* SPDX-License-Identifier: Apache-2.0
 *
 * peaks: each slot has peaks of its own; the largest of them does not depend on the order.
 */
#include "peaks.h"

#include "k_stats.h"
#include "threads.h"

#include <float.h>
#include <math.h>

struct session {
    const struct channels *channels;
    int n_values, slots;
    struct peaks *part; /* [slot] */
    struct peaks *all;
};

/* Channels that do not lie side by side: [..][channel][inner]. */
static void see_apart(struct peaks *to, int id, const float *x, int64_t n, int64_t channels,
                      int64_t inner, struct extremes *e)
{
    *e = (struct extremes){INFINITY, -INFINITY, 0};
    for (int64_t c = 0; c < channels; c++)
        to->sum[id][c] = INFINITY;
    for (int64_t at = 0; at < n; at += channels * inner)
        for (int64_t c = 0; c < channels; c++) {
            struct extremes one = extremes_of(x + at + c * inner, inner);
            to->lo[id][c] = fminf(to->lo[id][c], one.min);
            to->hi[id][c] = fmaxf(to->hi[id][c], one.max);
            e->min = fminf(e->min, one.min);
            e->max = fmaxf(e->max, one.max);
            e->bad += one.bad;
        }
}

static bool see(const struct session *s, int slot, const struct value *v, const struct tensor *t,
                struct extremes *e)
{
    struct channels c = s->channels[v->id];
    struct peaks *to = &s->part[slot];
    if (!c.n || t->dtype != DTYPE_F32 || t->shape.rank <= c.axis || t->shape.dim[c.axis] != c.n)
        return false;
    bool last = t->layout == LAYOUT_CHANNELS_LAST && c.axis == 1;
    int64_t inner = last ? 1 : shape_span(&t->shape, c.axis + 1, t->shape.rank);
    const float *x = tensor_f32(t);
    int64_t n = tensor_count(t);
    if (inner == 1) {
        struct k_channels k = {.lo = to->lo[v->id], .hi = to->hi[v->id], .sum = to->sum[v->id]};
        int64_t bad = k_channels(x, n / c.n, c.n, &k);
        *e = (struct extremes){k.min, k.max, bad};
    } else {
        see_apart(to, v->id, x, n, c.n, inner, e);
    }
    return true;
}

bool peaks_see(const struct tap *tap, int slot, const struct value *v, const struct tensor *t,
               struct extremes *e)
{
    return see(tap->data, slot, v, t, e);
}

static void watch(void *data, int slot, int i, const struct value *v, const struct tensor *t)
{
    struct extremes e;
    (void)i;
    see(data, slot, v, t, &e);
}

/* Nothing seen so far. */
static struct peaks peaks_new(struct arena *a, const struct channels *channels, int n_values)
{
    struct peaks p = {NEW_ARRAY(a, n_values, float *), NEW_ARRAY(a, n_values, float *),
                      NEW_ARRAY(a, n_values, float *)};
    for (int i = 0; i < n_values; i++) {
        if (!channels[i].n)
            continue;
        p.lo[i] = NEW_ARRAY(a, channels[i].n, float);
        p.hi[i] = NEW_ARRAY(a, channels[i].n, float);
        p.sum[i] = NEW_ARRAY(a, channels[i].n, float);
        for (int64_t c = 0; c < channels[i].n; c++) {
            p.lo[i][c] = FLT_MAX;
            p.hi[i][c] = p.sum[i][c] = -FLT_MAX;
        }
    }
    return p;
}

static void peaks_join(struct peaks *all, const struct peaks *part, int id, int64_t channel)
{
    float *lo = &all->lo[id][channel], *hi = &all->hi[id][channel], *sum = &all->sum[id][channel];
    *lo = fminf(*lo, part->lo[id][channel]);
    *hi = fmaxf(*hi, part->hi[id][channel]);
    *sum = fmaxf(*sum, part->sum[id][channel]);
}

static int finish(void *data, bool ran, struct err *err)
{
    struct session *s = data;
    (void)ran, (void)err;
    for (int i = 0; i < s->n_values; i++)
        for (int64_t c = 0; c < s->channels[i].n; c++) {
            for (int w = 0; w < s->slots; w++)
                peaks_join(s->all, &s->part[w], i, c);
            if (s->all->lo[i][c] > s->all->hi[i][c])
                s->all->lo[i][c] = s->all->hi[i][c] = 0;
        }
    return 0;
}

struct peaks *peaks_watch(const struct model *m, const struct channels *channels, int samples,
                          int jobs, struct arena *a, struct tap *tap)
{
    struct session *s = NEW(a, struct session);
    int slots = threads_slots(jobs);
    *s = (struct session){channels, m->n_values, slots, NEW_ARRAY(a, slots, struct peaks),
                          NEW(a, struct peaks)};
    bool *want = NEW_ARRAY(a, m->n_values, bool);
    for (int i = 0; i < m->n_values; i++)
        want[i] = channels[i].n > 0;
    for (int w = 0; w < slots; w++)
        s->part[w] = peaks_new(a, channels, m->n_values);
    *s->all = peaks_new(a, channels, m->n_values);
    *tap = (struct tap){.want = want, .samples = samples, .watch = watch, .finish = finish,
                        .data = s};
    return s->all;
}
