/* SPDX-License-Identifier: Apache-2.0
 *
 * merge-branches: convolutions of one value, of which only the sum is wanted, become one.
 *
 *     Conv(x, V, a) + Conv(x, W, b)    =>  Conv(x, V + W, a + b)
 *     Conv(x, V, a) + k x + t          =>  Conv(x, V + k, a + t)    k for each channel
 *
 * and differences likewise; the smaller window lies within the larger one, and k on the tap over
 * the place itself. Networks are trained with such branches (X. Ding et al., "RepVGG: Making
 * VGG-style ConvNets Great Again", CVPR 2021; MobileOne, RepGhost, FastViT, RepConv of detectors),
 * and often exported with them. What follows by channel, which a sum of two would not take, goes
 * into the one layer then.
 *
 * A branch of large numbers makes the scales of the other coarser, so it stays where rounding the
 * sum of weights is expected to be worse by more than `noise` times than rounding each branch, if
 * the elements of x are independent and of one size: a number on a grid of half width m with L
 * levels to a side has the error (m / L)^2 / 12, and outputs that are rounded apart reach four
 * times their deviation to each side. So does x itself where no convolution or activation gives
 * it, such as a sum of residuals, which a branch that is no layer reads as it is.
 */
#include "affine.h"
#include "channel.h"
#include "k_convert.h"
#include "linear.h"
#include "match.h"
#include "ops/window.h"
#include "pass.h"
#include "rule.h"
#include "target.h"

#include <math.h>
#include <string.h>

static const double REACH = 8; /* deviations from one end of a range to the other */

struct merge_options {
    double noise;
};
static const struct option option_rows[] = {
    OPTION(OPT_FLOAT, 0, "noise", struct merge_options, noise, "N",
           "merge where rounding makes at most so many times the noise then (default 2)",
           .max = 1e30),
    OPTION_END,
};

struct merging {
    struct merge_options options;
    const struct target *target;  /* NULL: nothing will be rounded */
    const struct node_rule *rule; /* by id */
};
struct branch {
    struct linear l; /* a Conv; node NULL: x by channel */
    struct conv_dims d;
    double *k;    /* what x is multiplied by */
    double *bias;
    bool rounded; /* its output, on codes */
    bool exact;   /* it reads what nobody else rounds */
};
/* f outer + g inner, row by row: weights may be large. */
struct sum {
    struct branch *outer;
    const struct branch *inner;
    double f, g;
    int64_t at[CONV_AXES], step[CONV_AXES]; /* of the inner window in the outer one */
    double *row, *part; /* of the sum, and of a branch */
};

/* Does the user want something particular of it? */
static bool has_rule(const struct merging *p, const struct node *n)
{
    const struct node_rule *r = p->rule ? &p->rule[n->id] : NULL;
    return r && (r->why_float || r->weights_only || r->all || r->dynamic || r->weight
                 || r->activation);
}

static bool find_conv(const struct merging *p, const struct value *v, struct branch *b)
{
    struct node *n = match_inner(v, OP_Conv);
    return n && !has_rule(p, n) && linear_find(n, &b->l) && conv_geometry_of(n, &b->d);
}

/* The numbers of a row of the weight: [c / groups][taps]. */
static int64_t row_length(const struct branch *b)
{
    return b->d.c / b->d.groups * conv_taps(&b->d);
}

static bool take_bias(struct branch *b, struct arena *a)
{
    b->bias = NEW_BUFFER(a, b->d.m, double);
    b->rounded = true;
    b->exact = false;
    return linear_bias(&b->l, b->bias);
}

/* Is x what a convolution or an activation gives, and so rounded for all? */
static bool comes_rounded(const struct value *x)
{
    const struct node *n = x->def;
    while (n && (n->op == OP_MaxPool || n->op == OP_AveragePool))
        n = node_input(n, 0)->def;
    if (!n)
        return false;
    switch (n->op) {
    case OP_Conv: case OP_Clip: case OP_Gelu: case OP_HardSwish: case OP_LeakyRelu: case OP_Relu:
        return true;
    default:
        return false;
    }
}

/* v as a function by channel of what the convolution reads, in the form of one. */
static bool find_own(struct value *v, const struct branch *conv, struct branch *b, struct arena *a)
{
    struct affine y = affine_new(a, conv->d.m);
    for (int64_t c = 0; c < y.n; c++)
        y.k[c] = 1;
    if (conv->d.c != conv->d.m
        || affine_gather(a, v, 1, &y) != node_input(conv->l.node, 0))
        return false;
    *b = (struct branch){.d = conv->d, .k = y.k, .bias = y.t,
                         .rounded = v != node_input(conv->l.node, 0),
                         .exact = !comes_rounded(node_input(conv->l.node, 0))};
    for (int i = 0; i < CONV_AXES; i++) {
        b->d.kernel[i] = b->d.dilation[i] = 1;
        b->d.pad[i] = b->d.pad_end[i] = 0;
        if (b->d.stride[i] != 1)
            return false;
    }
    return true;
}

static void load_row(const struct branch *b, int64_t o, double *row)
{
    int64_t n = row_length(b);
    if (b->l.node) {
        k_load_f64(b->l.weight->dtype, b->l.weight->data, o * n, 1, n, row);
    } else {
        memset(row, 0, (size_t)n * sizeof *row);
        row[o % n] = b->k[o];
    }
}

/* Where the first tap of the inner window lies in the outer one, on each axis, and how many taps
 * its taps are apart there. False: not all of its taps are taps of the outer one. */
static bool find_place(struct sum *s)
{
    const struct conv_dims *outer = &s->outer->d, *inner = &s->inner->d;
    if (outer->groups != inner->groups || outer->m != inner->m || outer->c != inner->c)
        return false;
    for (int i = 0; i < CONV_AXES; i++) {
        int64_t apart = outer->dilation[i], first = outer->pad[i] - inner->pad[i];
        int64_t reach_in = (inner->kernel[i] - 1) * inner->dilation[i];
        int64_t reach_out = (outer->kernel[i] - 1) * apart;
        bool same_extent = outer->pad[i] + outer->pad_end[i] - reach_out
                        == inner->pad[i] + inner->pad_end[i] - reach_in;
        int64_t tap_step = inner->kernel[i] > 1 ? inner->dilation[i] : 0;
        if (outer->stride[i] != inner->stride[i] || !same_extent || first < 0
            || first + reach_in > reach_out || first % apart || tap_step % apart)
            return false;
        s->at[i] = first / apart;
        s->step[i] = tap_step / apart;
    }
    return true;
}

/* Tap `t` of the inner window as one of the outer one. */
static int64_t outer_tap(const struct sum *s, int64_t t)
{
    int64_t tap = 0, of_axis[CONV_AXES];
    for (int i = CONV_AXES - 1; i >= 0; i--) {
        of_axis[i] = t % s->inner->d.kernel[i];
        t /= s->inner->d.kernel[i];
    }
    for (int i = 0; i < CONV_AXES; i++)
        tap = tap * s->outer->d.kernel[i] + s->at[i] + of_axis[i] * s->step[i];
    return tap;
}

static void add_row(const struct sum *s, int64_t o)
{
    int64_t taps = conv_taps(&s->outer->d), few = conv_taps(&s->inner->d);
    load_row(s->outer, o, s->row);
    for (int64_t i = 0; i < row_length(s->outer); i++)
        s->row[i] *= s->f;
    load_row(s->inner, o, s->part);
    for (int64_t t = 0; t < few; t++)
        for (int64_t c = 0, to = outer_tap(s, t); c < s->outer->d.c / s->outer->d.groups; c++)
            s->row[c * taps + to] += s->g * s->part[c * few + t];
}

/* The squared error of an output by rounding a row of weights, for inputs of size 1. */
static double weight_noise(const double *row, int64_t n, double levels)
{
    double top = 0;
    for (int64_t i = 0; i < n; i++)
        top = fmax(top, fabs(row[i]));
    return (double)n * (top / levels) * (top / levels) / 12;
}

/* ... by rounding the output itself, or as much of what it is made of. */
static double activation_noise(const struct merging *p, const double *row, int64_t n)
{
    const struct qtype *t = &p->target->activation;
    double sum = 0, levels = (double)(quant_max(t) - quant_min(t));
    if (p->target->inputs != INPUTS_CALIBRATED || qtype_is_float(t))
        return 0;
    for (int64_t i = 0; i < n; i++)
        sum += row[i] * row[i];
    return sum * (REACH / levels) * (REACH / levels) / 12;
}

static bool bears_rounding(const struct merging *p, const struct sum *s)
{
    if (!p->target || qtype_is_float(&p->target->weight))
        return true;
    const struct branch *inner = s->inner;
    int64_t n = row_length(s->outer), few = row_length(inner);
    double levels = (double)quant_max(&p->target->weight), apart = 0, together = 0;
    for (int64_t o = 0; o < s->outer->d.m; o++) {
        load_row(s->outer, o, s->part);
        apart += weight_noise(s->part, n, levels) + activation_noise(p, s->part, n);
        load_row(inner, o, s->part);
        apart += inner->l.node ? weight_noise(s->part, few, levels) : 0;
        apart += inner->rounded ? activation_noise(p, s->part, few) : 0;
        together += inner->exact ? activation_noise(p, s->part, few) : 0;
        add_row(s, o);
        together += weight_noise(s->row, n, levels);
    }
    return together <= p->options.noise * apart;
}

/* NULL: a number does not fit the dtype. */
static const struct tensor *sum_weights(const struct sum *s)
{
    const struct tensor *w = s->outer->l.weight;
    struct tensor *t = tensor_new(s->outer->l.node->graph->model->arena, w->dtype, &w->shape);
    int64_t n = row_length(s->outer);
    for (int64_t o = 0; o < s->outer->d.m; o++) {
        add_row(s, o);
        for (int64_t i = 0; i < n; i++)
            if (!channel_fits(t->dtype, s->row[i]))
                return NULL;
        k_store_f64(t->dtype, t->data, o * n, n, s->row);
    }
    return t;
}

/* The outer layer takes the inner branch. */
static bool take(const struct merging *p, struct sum *s, struct arena *a)
{
    struct linear *l = &s->outer->l;
    if (!find_place(s))
        return false;
    s->row = NEW_BUFFER(a, row_length(s->outer), double);
    s->part = NEW_BUFFER(a, row_length(s->outer), double);
    if (!bears_rounding(p, s))
        return false;
    double *bias = NEW_BUFFER(a, s->outer->d.m, double);
    for (int64_t o = 0; o < s->outer->d.m; o++)
        bias[o] = s->f * s->outer->bias[o] + s->g * s->inner->bias[o];
    const struct tensor *w = sum_weights(s);
    bool plain = !node_input(l->node, 2) && affine_all(bias, s->outer->d.m, 0);
    if (!w || (!plain && !linear_set_bias(l, "merged", bias)))
        return false;
    linear_set_weight(l, "merged", w);
    return true;
}

/* sign[0] v[0] + sign[1] v[1] as one value; NULL: it stays two. */
static struct value *merge_values(const struct merging *p, struct value *const *v,
                                  const double *sign)
{
    struct arena a = {0};
    struct branch b[2];
    bool conv[2] = {find_conv(p, v[0], &b[0]), find_conv(p, v[1], &b[1])};
    bool both = conv[0] && conv[1]
             && node_input(b[0].l.node, 0) == node_input(b[1].l.node, 0)
             && take_bias(&b[0], &a) && take_bias(&b[1], &a);
    struct value *made = NULL;
    for (int i = 0; i < 2 && !made; i++) {
        bool one = conv[i] && !conv[!i] && find_own(v[!i], &b[i], &b[!i], &a)
                && take_bias(&b[i], &a);
        struct sum s = {.outer = &b[i], .inner = &b[!i], .f = sign[i], .g = sign[!i]};
        if ((one || both) && take(p, &s, &a))
            made = v[i];
    }
    arena_release(&a);
    return made;
}

/* n is the sum of its inputs. */
static bool merge_inputs(const struct merging *p, struct node *n)
{
    struct value *v[] = {n->in[0].value, n->in[1].value};
    struct value *made = merge_values(p, v, (double[]){1, n->op == OP_Sub ? -1 : 1});
    if (!made)
        return false;
    value_swap_names(n->out[0], made);
    value_replace(n->out[0], made);
    node_remove(n);
    return true;
}

/* (u + w) + v  =>  w + (u and v as one) */
static bool merge_across(const struct merging *p, struct node *n)
{
    for (int i = 0; i < 2; i++) {
        struct node *inner = match_inner(n->in[i].value, OP_Add);
        for (int k = 0; inner && k < 2; k++) {
            struct value *v[] = {inner->in[k].value, n->in[!i].value};
            struct value *made = merge_values(p, v, (double[]){1, 1});
            if (!made)
                continue;
            node_set_input(n, i, inner->in[!k].value);
            node_set_input(n, !i, made);
            node_remove(inner);
            return true;
        }
    }
    return false;
}

static int merge(struct node *n, void *data)
{
    const struct merging *p = data;
    if ((n->op != OP_Add && n->op != OP_Sub) || !node_input(n, 0) || !node_input(n, 1))
        return 0;
    int changes = 0;
    while (n->op == OP_Add && merge_across(p, n))
        changes++;
    return changes + merge_inputs(p, n);
}

/* What is behind a sum of branches, by channel. */
static int fold(struct node *n, void *scratch)
{
    int slot = affine_slot(n);
    return slot >= 0 && affine_fold(scratch, n, n->in[!slot].value);
}

extern const struct pass pass_merge_branches;

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    struct merging p = {.options = {2}, .target = ctx->target};
    pass_take_settings(&pass_merge_branches, ctx, &p.options);
    if (ctx->target)
        p.rule = rules_resolve(ctx->target->rules, ctx->skip_nodes, m, ctx->scratch);
    int all = 0;
    for (int changes; (changes = match_each(m->graph, merge, &p)); all += changes)
        match_each(m->graph, fold, ctx->scratch);
    graph_sweep(m->graph);
    if (all)
        str_printf(&ctx->notes, "%d branch%s of the same input in the layer beside it\n", all,
                   all == 1 ? "" : "es");
    return all;
}

const struct pass pass_merge_branches = {
    .name = "merge-branches",
    .summary = "add convolutions of the same input up to one",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .options = option_rows,
    .run = run,
};
