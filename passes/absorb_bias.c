/* SPDX-License-Identifier: Apache-2.0
 *
 * absorb-bias: what a channel never falls below moves into the bias of the layer that reads it.
 *
 *     h = W1 x + b1, y = W2 f(h) + b2   =>   h' = W1 x + b1 - c, y = W2 f(h') + b2 + W2 c
 *
 * with f = Relu, LeakyRelu, Clip from 0, or nothing in between. It holds where f(h - c) = f(h) - c:
 * for 0 <= c <= h, below the limit of a Clip; for any c without f. A range that starts at 0 and
 * must serve all channels gets smaller by what the channels with high values lose; equalizing
 * weights makes such channels. After M. Nagel et al., "Data-Free Quantization Through Weight
 * Equalization and Bias Correction" (2019), 4.1.3, where c is told by a BatchNormalization,
 * beta - 3 |gamma|; here it is the smallest value on calibration data (without f the middle
 * between smallest and largest), so it is known for networks without one, too.
 *
 * All readers must be layers that pad nothing: zeros of padding would be c too high. For a target
 * it is done where a whole weight has one scale, since only then weights are equalized, and kept if
 * the simulated outputs come nearer to the float model's by GAIN decibels.
 */
#include "bounds.h"
#include "effort.h"
#include "linear.h"
#include "pass.h"
#include "peaks.h"
#include "target.h"
#include "trial.h"

#include <math.h>

enum { SAMPLES = 64 };
static const double GAIN = 0.25;
static const double LEAST = 0.02; /* of the channel's largest value: what is worth moving */

struct pair { /* a layer, what is between, and the layers that read it */
    struct linear first;
    const struct node *between; /* NULL: nothing */
    struct value *read;
};

/* Do all uses belong to layers that see every element of x alike, on this axis of channels? */
static bool readers_fit(const struct value *x, const struct linear *first)
{
    value_each_use(x, u) {
        struct linear l;
        if (u != &u->user->in[0] || !linear_find(u->user, &l) || linear_is_padded(&l)
            || l.batch != 1 || l.n_in != first->n_out || linear_axis(&l, x) < 0
            || linear_axis(&l, x) != linear_axis(first, first->out))
            return false;
        struct arena a = {0};
        bool known = linear_bias(&l, NEW_ARRAY(&a, l.n_out, double));
        arena_release(&a);
        if (!known)
            return false;
    }
    return x->uses != NULL;
}

static bool pair_find(struct node *n, struct pair *p)
{
    double lo, hi;
    if (!linear_find(n, &p->first))
        return false;
    p->between = NULL;
    p->read = p->first.out;
    struct node *user = value_only_user(p->read);
    if (user && user->n_in && user->in[0].value == p->read
        && (user->op == OP_LeakyRelu || (bounds_of_clip(user, &lo, &hi) && lo == 0 && hi > 0))) {
        p->between = user;
        p->read = user->out[0];
    }
    return readers_fit(p->read, &p->first);
}

/* What channel `c` can do without. */
static double surplus(const struct pair *p, const struct peaks *peaks, int64_t c)
{
    double lo = (double)peaks->lo[p->first.out->id][c], hi = (double)peaks->hi[p->first.out->id][c];
    double limit = INFINITY, zero;
    if (!p->between)
        return (lo + hi) / 2;
    if (p->between->op != OP_LeakyRelu)
        bounds_of_clip(p->between, &zero, &limit);
    return hi < limit && lo > LEAST * hi ? lo : 0;
}

/* Moves c out of the first layer's bias into those of its readers; false: a number does not fit. */
static bool pair_move(struct pair *p, const double *c, struct arena *scratch)
{
    double *bias = NEW_ARRAY(scratch, p->first.n_out, double);
    if (!linear_bias(&p->first, bias))
        return false;
    for (int64_t o = 0; o < p->first.n_out; o++)
        bias[o] -= c[o];
    if (!linear_set_bias(&p->first, "absorbed", bias))
        return false;
    value_each_use(p->read, u) {
        struct linear l;
        linear_find(u->user, &l);
        double *more = NEW_ARRAY(scratch, l.n_out, double);
        linear_bias(&l, more);
        linear_add_product(&l, c, more);
        if (!linear_set_bias(&l, "absorbed", more))
            return false;
    }
    return true;
}

/* Returns how many channels were moved; 0 also where a number did not fit its dtype: then the model
 * is of no use any more. */
static int absorb(struct model *m, const struct channels *channels, const struct peaks *peaks,
                  struct arena *scratch)
{
    int moved = 0;
    graph_each(m->graph, n) {
        struct pair p;
        if (!pair_find(n, &p) || channels[p.first.out->id].n != p.first.n_out)
            continue;
        double *c = NEW_ARRAY(scratch, p.first.n_out, double);
        int count = 0;
        for (int64_t o = 0; o < p.first.n_out; o++) {
            c[o] = surplus(&p, peaks, o);
            count += c[o] != 0;
        }
        if (count && !pair_move(&p, c, scratch))
            return 0;
        moved += count;
    }
    return moved;
}

/* The channels of values that a pair computes; others need no watching. */
static struct channels *watched(const struct model *m, struct arena *a, int *count)
{
    struct channels *all = channels_find(m, a);
    struct channels *some = NEW_ARRAY(a, m->n_values, struct channels);
    *count = 0;
    graph_each(m->graph, n) {
        struct pair p;
        if (!pair_find(n, &p) || all[p.first.out->id].n != p.first.n_out)
            continue;
        some[p.first.out->id] = all[p.first.out->id];
        ++*count;
    }
    return some;
}

/* 0: the model as it was is better. */
static int keep_better(struct model *m, struct model *clone, int moved, struct pass_ctx *ctx,
                       struct err *err)
{
    double without, with;
    struct tap tap;
    TRY(effort_once(&ctx->run_ops, m, ctx->data, err));
    struct measure *reference = measure_watch(m, ctx->data, trial_samples(ctx), ctx->scratch,
                                              &tap);
    TRY(trial_sqnr(m, reference, &tap, 1, ctx, &without, err));
    TRY(trial_sqnr(clone, reference, NULL, 0, ctx, &with, err));
    bool kept = with >= without + GAIN;
    str_printf(&ctx->notes, "%d channels, %s: %.1f dB instead of %.1f dB\n", moved,
               kept ? "kept" : "taken back", with, without);
    return kept ? moved : 0;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    int count;
    if (ctx->target && ctx->target->weight.grain != GRAIN_TENSOR)
        return 0; /* weights were not equalized, so there are no biases of that making */
    if (!ctx->data) {
        str_add(&ctx->notes, "without data nothing is known of the values\n");
        return 0;
    }
    struct channels *channels = watched(m, ctx->scratch, &count);
    if (!count)
        return 0;
    struct tap tap;
    struct peaks *peaks = peaks_watch(m, channels, SAMPLES, ctx->jobs, ctx->scratch, &tap);
    TRY(taps_run(m, &tap, 1, ctx->data, ctx->jobs, NULL, err));
    struct model *clone = model_clone(m);
    int moved = absorb(clone, channels, peaks, ctx->scratch);
    if (moved && ctx->target)
        moved = keep_better(m, clone, moved, ctx, err);
    if (moved <= 0) {
        model_close(clone);
        return moved;
    }
    model_restore(m, clone);
    return moved;
}

const struct pass pass_absorb_bias = {
    .name = "absorb-bias",
    .summary = "move what channels never fall below into the biases behind them",
    .needs = FACT_TYPES,
    .run = run,
};
