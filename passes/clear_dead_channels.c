/* SPDX-License-Identifier: Apache-2.0
 *
 * clear-dead-channels: channels that are always zero get weights of zero.
 *
 *     Conv(x, W, b) -> Relu, and channel o of the Conv is never above zero
 *         =>  W[o] = 0, b[o] = 0; where the Relu's channel is read: W[., o] = 0
 *
 * Folding a BatchNormalization of a channel that died in training leaves weights of 1e-18 in the
 * layer before it and, as nothing held them back, the largest weights of all in the layer behind
 * it. They decide the scale of the whole tensor although they are multiplied by zero. Never above
 * zero means that the bounds of bounds.h say so: b[o] + sum of max(W lo, W hi) <= 0 with the
 * bounds lo, hi of each input, as behind a Clip or Sigmoid. All readers of the layer must be Relu
 * or Clip from 0. A channel that is zero stays so through pools, Concat, Pad and so on; a depthwise
 * Conv makes it its bias, and when the activation makes that zero the channel dies there too.
 */
#include "bounds.h"
#include "linear.h"
#include "pass.h"

#include <math.h>

struct dead {
    const struct channels *channels;
    const struct bounds *bounds;
    struct arena *scratch;
};

/* Does every reader turn what is not above zero into zero? */
static bool readers_cut_negatives(const struct value *v)
{
    value_each_use(v, u) {
        double lo, hi;
        if (u != &u->user->in[0] || !bounds_of_clip(u->user, &lo, &hi) || lo != 0 || hi < 0)
            return false;
    }
    return v->uses != NULL;
}

/* keep[c] = 0 for the input channels that are always zero, else 1. */
static double *inputs_alive(const struct dead *d, const struct linear *l)
{
    struct value *x = node_input(l->node, 0);
    const struct bounds *b = &d->bounds[x->id];
    double *keep = NEW_ARRAY(d->scratch, l->n_in, double);
    bool known = b->n == 1 || (b->n == l->n_in && d->channels[x->id].axis == linear_axis(l, x));
    for (int64_t c = 0; c < l->n_in; c++)
        keep[c] = !(known && bounds_are_zero(b, c));
    return keep;
}

/* keep[o] = 0 for the output channels that may as well be zero, else 1. */
static double *outputs_alive(const struct dead *d, const struct linear *l)
{
    const struct bounds *b = &d->bounds[l->out->id];
    double *keep = NEW_ARRAY(d->scratch, l->n_out, double);
    bool known = b->n == l->n_out && readers_cut_negatives(l->out);
    for (int64_t o = 0; o < l->n_out; o++)
        keep[o] = !(known && b->hi[o] <= 0);
    return keep;
}

static bool is_clear(const double *keep, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!keep[i])
            return false;
    return true;
}

struct rest { /* channels that are dead and not zero yet */
    int rows, columns;
};

static struct rest count_rest(struct arena *scratch, const struct linear *l, const double *in,
                              const double *out, const double *bias)
{
    double *top = NEW_ARRAY(scratch, l->major * l->minor, double);
    bool *row = NEW_ARRAY(scratch, l->n_out, bool), *column = NEW_ARRAY(scratch, l->n_in, bool);
    struct rest rest = {0, 0};
    linear_tops(l, top);
    for (int64_t i = 0; i < l->major; i++)
        for (int64_t k = 0; k < l->minor; k++) {
            bool zero = top[i * l->minor + k] == 0;
            row[linear_out(l, i, k)] |= !zero;
            column[linear_in(l, i, k)] |= !zero;
        }
    for (int64_t o = 0; o < l->n_out; o++)
        rest.rows += !out[o] && (row[o] || bias[o] != 0);
    for (int64_t c = 0; c < l->n_in; c++)
        rest.columns += !in[c] && column[c];
    return rest;
}

static struct rest clear_layer(const struct dead *d, struct linear *l)
{
    double *in = inputs_alive(d, l), *out = outputs_alive(d, l);
    double *bias = NEW_ARRAY(d->scratch, l->n_out, double);
    struct rest none = {0, 0};
    if ((is_clear(in, l->n_in) && is_clear(out, l->n_out)) || !linear_bias(l, bias))
        return none;
    struct rest rest = count_rest(d->scratch, l, in, out, bias);
    if (!rest.rows && !rest.columns)
        return none;
    linear_set_weight(l, "cleared", linear_scaled(l, out, in));
    bool changed = false;
    for (int64_t o = 0; o < l->n_out; o++) {
        changed |= !out[o] && bias[o] != 0;
        bias[o] = out[o] ? bias[o] : 0;
    }
    if (changed)
        linear_set_bias(l, "cleared", bias);
    return rest;
}

static struct rest clear_graph(struct graph *g, const struct channels *channels,
                               struct arena *scratch)
{
    struct dead d = {.scratch = scratch, .channels = channels};
    d.bounds = bounds_find(g, channels, scratch);
    struct rest sum = {0, 0};
    graph_each(g, n) {
        struct linear l;
        if (!linear_find(n, &l))
            continue;
        struct rest rest = clear_layer(&d, &l);
        sum.rows += rest.rows;
        sum.columns += rest.columns;
    }
    return sum;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    struct rest sum = {0, 0};
    int n_graphs;
    struct graph **graph = model_graphs(m, ctx->scratch, &n_graphs);
    const struct channels *channels = channels_find(m, ctx->scratch);
    for (int i = 0; i < n_graphs; i++) {
        struct rest rest = clear_graph(graph[i], channels, ctx->scratch);
        sum.rows += rest.rows;
        sum.columns += rest.columns;
    }
    if (sum.rows)
        str_printf(&ctx->notes, "%d channels are zero whatever comes in\n", sum.rows);
    graph_sweep(m->graph);
    return sum.rows + sum.columns;
}

const struct pass pass_clear_dead_channels = {
    .name = "clear-dead-channels",
    .summary = "set the weights of channels to zero that are zero whatever comes in",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
