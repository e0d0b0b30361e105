/* SPDX-License-Identifier: Apache-2.0
 *
 * split-transposed: a ConvTranspose becomes a Conv, for which runtimes have integer kernels.
 *
 *     stride 1    ConvTranspose(x, w)  =>  Conv(x, w turned around)
 *     stride s    ConvTranspose(x, w)  =>  Slice(DepthToSpace(Conv(x, s^2 filters for each)))
 *
 * k_transposed.h says why there is a filter for each remainder by s. DepthToSpace (of one axis:
 * Reshape, Transpose, Reshape) puts their outputs in turns; the Slice takes away what the pads cut
 * off. An activation behind the ConvTranspose comes right behind the Conv: it is done on codes
 * there.
 *
 * It is done for targets with `splits-transposed`, where they have no kernel for it as it is, and
 * where there is enough to multiply: others are faster in float.
 */
#include "dtype.h"
#include "k_transposed.h"
#include "match.h"
#include "op.h"
#include "ops/window.h"
#include "pass.h"
#include "place_transposed.h"
#include "rule.h"
#include "target.h"

#include <limits.h>
#include <string.h>

/* By measurement (docs/targets.md), as is the default below: filters, and how many times as many
 * numbers they may have as the weight has. */
enum { LEAST_FILTERS = 12, MOST_ZEROS = 3 };

struct split_options {
    int products;
};
static const struct option option_rows[] = {
    OPTION(OPT_INT, 0, "products", struct split_options, products, "N",
           "only where each output is a sum of so many (default 64)", .min = 1, .max = 1e9),
    OPTION_END,
};

struct split {
    struct node *node;
    struct conv_dims d;
    struct k_transposed plain;
    const struct tensor *weight;
};
struct splitting {
    struct split_options options;
    const bool *may; /* nodes, by id: in integers they run in no other way */
};

/* False: it is none of the two forms, or the Conv would have pads that no Conv may have. */
static bool find_split(struct node *n, struct split *s)
{
    enum { MOST_PADDED = 1 << 16 };
    const struct tensor *w = n->op == OP_ConvTranspose ? node_constant(n, 1) : NULL;
    *s = (struct split){.node = n, .weight = w};
    if (!w || !dtype_info(w->dtype)->is_float || !node_input(n, 0) || tensor_count(w) == 0
        || !conv_geometry_of(n, &s->d) || !k_transposed_init(&s->plain, &s->d))
        return false;
    for (int a = CONV_AXES - s->d.axes; a < CONV_AXES; a++)
        if (s->d.stride[a] != s->d.stride[CONV_AXES - 1] || s->plain.conv.pad[a] > MOST_PADDED
            || s->plain.conv.pad_end[a] > MOST_PADDED)
            return false;
    return true;
}

static int64_t stride_of(const struct split *s)
{
    return s->d.stride[CONV_AXES - 1];
}

static bool pays(const struct split *s, int products)
{
    int64_t taps = conv_taps(&s->plain.conv);
    return s->d.groups == 1 && s->d.c * taps >= products && s->plain.conv.m >= LEAST_FILTERS
        && taps * s->plain.filters <= MOST_ZEROS * conv_taps(&s->d);
}

static bool may_split(const struct splitting *p, const struct split *s)
{
    const struct value *bias = node_input(s->node, 2);
    bool shuffles = s->d.axes <= 2 && (!bias || bias->constant);
    return p->may[s->node->id] && pays(s, p->options.products) && (stride_of(s) == 1 || shuffles);
}

static const struct tensor *split_weight(const struct split *s, struct arena *a)
{
    const struct conv_dims *d = &s->plain.conv;
    struct shape shape = s->weight->shape;
    shape.dim[0] = d->m;
    shape.dim[1] = d->c / d->groups;
    for (int i = 0; i < d->axes; i++)
        shape.dim[2 + i] = d->kernel[CONV_AXES - d->axes + i];
    struct tensor *t = tensor_new(a, s->weight->dtype, &shape);
    k_transposed_split(&s->plain, &s->d, K_CHANNEL_FIRST, t->size / (size_t)tensor_count(t),
                       s->weight->data, t->data);
    return t;
}

static const struct tensor *split_bias(const struct split *s, const struct tensor *bias,
                                       struct arena *a)
{
    int64_t n = tensor_count(bias) * s->plain.filters;
    struct tensor *t = tensor_new(a, bias->dtype, &(struct shape){1, {n}});
    size_t size = t->size / (size_t)n;
    for (int64_t i = 0; i < n; i++)
        memcpy((char *)t->data + (size_t)i * size,
               (const char *)bias->data + (size_t)(i / s->plain.filters) * size, size);
    return t;
}

static void infer_again(struct node *n)
{
    struct err ignored;
    n->out[0]->type.shape.rank = -1;
    op_infer_node(n, &ignored);
}

/* The Conv in the place of the ConvTranspose, with its name. */
static struct node *put_conv(const struct split *s)
{
    struct node *n = s->node;
    struct build at = build_before(n);
    struct arena *a = n->graph->model->arena;
    struct value *bias = node_input(n, 2);
    int64_t pads[2 * CONV_AXES], dilations[CONV_AXES];
    int axes = s->d.axes, first = CONV_AXES - axes;
    for (int i = 0; i < axes; i++) {
        pads[i] = s->plain.conv.pad[first + i];
        pads[axes + i] = s->plain.conv.pad_end[first + i];
        dilations[i] = s->plain.conv.dilation[first + i];
    }
    if (bias && s->plain.filters > 1)
        bias = build_constant(&at, "bias", split_bias(s, bias->constant, a));
    struct value *in[] = {node_input(n, 0), build_constant(&at, "split", split_weight(s, a)), bias};
    struct node *conv = build_node(&at, OP_Conv, bias ? 3 : 2, in, 1);
    node_set_int(conv, "group", s->d.groups);
    node_set_ints(conv, "pads", pads, (size_t)(2 * axes));
    node_set_ints(conv, "dilations", dilations, (size_t)axes);
    conv->name = n->name;
    match_put(n, conv->out[0]);
    return conv;
}

/* The last of the activations behind n, or n. */
static struct node *last_activation(struct node *n)
{
    for (;;) {
        struct node *next = value_user_behind(n->out[0]);
        if (!next)
            return n;
        switch (next->op) {
        case OP_Clip: case OP_Elu: case OP_Gelu: case OP_HardSigmoid: case OP_HardSwish:
        case OP_LeakyRelu: case OP_Mish: case OP_Relu: case OP_Sigmoid: case OP_Softplus:
        case OP_Tanh:
            n = next;
            continue;
        default:
            return n;
        }
    }
}

static struct value *numbers(struct node *n, const char *suffix, const int64_t *v, int64_t count)
{
    struct build at = build_before(n);
    struct tensor *t = tensor_new(n->graph->model->arena, DTYPE_I64, &(struct shape){1, {count}});
    memcpy(t->data, v, t->size);
    return build_constant(&at, suffix, t);
}

/* Types of what has more channels now, from one node to a later one of a chain. */
static void infer_chain(struct node *from, const struct node *to)
{
    infer_again(from);
    while (from != to) {
        from = value_only_user(from->out[0]);
        infer_again(from);
    }
}

/* The outputs of filters in turns, in the order that they have in split_weight(). */
static struct node *put_shuffle(const struct split *s, struct node *n)
{
    int64_t m = s->d.m;
    if (s->d.axes == 2) {
        struct node *depth = match_put_behind(n, OP_DepthToSpace);
        node_set_int(depth, "blocksize", stride_of(s));
        node_set_string(depth, "mode", "CRD");
        return depth;
    }
    const int64_t apart[] = {0, m, stride_of(s), -1}, perm[] = {0, 1, 3, 2}, joined[] = {0, m, -1};
    struct node *first = match_put_behind(n, OP_Reshape);
    node_set_input(first, 1, numbers(first, "apart", apart, 4));
    struct node *turn = match_put_behind(first, OP_Transpose);
    node_set_ints(turn, "perm", perm, 4);
    struct node *last = match_put_behind(turn, OP_Reshape);
    node_set_input(last, 1, numbers(last, "joined", joined, 3));
    infer_again(first);
    infer_again(turn);
    return last;
}

static struct node *put_slice(const struct split *s, struct node *n)
{
    int64_t start[CONV_AXES], end[CONV_AXES], axis[CONV_AXES];
    bool any = false;
    int axes = s->d.axes;
    for (int i = 0; i < axes; i++) {
        int a = CONV_AXES - axes + i;
        int64_t cut_end =
            s->plain.conv.out[a] * s->d.stride[a] - s->plain.cut[a] - s->d.out[a];
        start[i] = s->plain.cut[a];
        end[i] = cut_end ? -cut_end : INT_MAX;
        axis[i] = 2 + i;
        any |= start[i] || cut_end;
    }
    if (!any)
        return n;
    struct node *slice = match_put_behind(n, OP_Slice);
    infer_again(n);
    node_set_input(slice, 1, numbers(slice, "starts", start, axes));
    node_set_input(slice, 2, numbers(slice, "ends", end, axes));
    node_set_input(slice, 3, numbers(slice, "axes", axis, axes));
    return slice;
}

static int split(struct node *n, void *data)
{
    const struct splitting *p = data;
    struct split s;
    if (!find_split(n, &s) || !may_split(p, &s))
        return 0;
    struct node *last = last_activation(n);
    struct tensor type = last->out[0]->type;
    struct node *conv = put_conv(&s);
    if (stride_of(&s) == 1)
        return 1;
    last = last == n ? conv : last;
    infer_chain(conv, last);
    last = put_slice(&s, put_shuffle(&s, last));
    last->out[0]->type = type;
    return 1;
}

/* Neither does the user want them in float, nor has the target a kernel for them as they are. */
static const bool *find_candidates(const struct model *m, const struct pass_ctx *ctx)
{
    const struct target *t = ctx->target;
    bool *may = NEW_ARRAY(ctx->scratch, m->n_nodes, bool);
    const struct node_rule *rule = rules_resolve(t->rules, ctx->skip_nodes, m, ctx->scratch);
    const struct bounds *bounds = place_transposed_bounds(m, t, ctx->scratch);
    int n_graphs;
    struct graph **graph = model_graphs(m, ctx->scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        graph_each(graph[i], n)
            may[n->id] = n->op == OP_ConvTranspose && !rule[n->id].why_float
                      && place_reason_against_transposed(t, n, bounds);
    return may;
}

extern const struct pass pass_split_transposed;

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    enum { CRD = 11 }; /* the opset from which on DepthToSpace has this mode */
    const struct target *t = ctx->target;
    (void)err;
    if (!t || !t->splits_transposed || t->inputs != INPUTS_CALIBRATED || model_opset(m, "") < CRD)
        return 0;
    struct splitting p = {.options = {64}, .may = find_candidates(m, ctx)};
    pass_take_settings(&pass_split_transposed, ctx, &p.options);
    int changes = match_each(m->graph, split, &p);
    graph_sweep(m->graph);
    if (changes)
        str_printf(&ctx->notes, "%d ConvTranspose as Conv, for which the target has an integer "
                   "kernel\n", changes);
    return changes;
}

const struct pass pass_split_transposed = {
    .name = "split-transposed",
    .summary = "write a ConvTranspose as Conv, where as such it runs in integers",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .options = option_rows,
    .run = run,
};
