/* SPDX-License-Identifier: Apache-2.0
 *
 * bounds: the rule of each operator. A node's operands are first brought to the channels of its
 * output; then the rule works on pairs of numbers.
 */
#include "bounds.h"

#include "k_convert.h"
#include "k_simd.h"
#include "linear.h"

#include <math.h>

static const double LARGEST = 0x1p40; /* what a layer may read */

struct pass_on { /* what the rules work with */
    const struct channels *channels;
    struct bounds *all; /* by id */
    struct arena *arena;
};

static struct bounds bounds_new(struct arena *a, int64_t n, double lo, double hi)
{
    struct bounds b = {n, NEW_ARRAY(a, n, double), NEW_ARRAY(a, n, double)};
    for (int64_t c = 0; c < n; c++) {
        b.lo[c] = lo;
        b.hi[c] = hi;
    }
    return b;
}

static void bounds_include(struct bounds *b, double lo, double hi)
{
    for (int64_t c = 0; c < b->n; c++) {
        b->lo[c] = fmin(b->lo[c], lo);
        b->hi[c] = fmax(b->hi[c], hi);
    }
}

/* All channels as one. */
static struct bounds bounds_whole(struct arena *a, const struct bounds *b)
{
    struct bounds whole = bounds_new(a, 1, INFINITY, -INFINITY);
    for (int64_t c = 0; c < b->n; c++)
        bounds_include(&whole, b->lo[c], b->hi[c]);
    return whole;
}

/* A product of bounds, where zero times anything is zero. */
static double times(double a, double b)
{
    return a == 0 || b == 0 ? 0 : a * b;
}

static struct bounds bounds_of_constant(struct arena *a, const struct tensor *t, int rank,
                                        struct channels to)
{
    struct bounds b = bounds_new(a, to.n ? to.n : 1, INFINITY, -INFINITY);
    if (to.n && channel_vector(t, rank, to.axis, to.n, b.lo)) {
        for (int64_t c = 0; c < to.n; c++)
            b.hi[c] = b.lo[c];
        return b;
    }
    for (int64_t i = 0, n = tensor_count(t); i < n; i++) {
        double v = tensor_get(t, i);
        bounds_include(&b, isnan(v) ? -INFINITY : v, isnan(v) ? INFINITY : v);
    }
    return b;
}

/* The bounds of input `slot` on the channels of output `out`. */
static struct bounds operand(const struct pass_on *p, const struct node *n, int slot, int out)
{
    const struct value *x = node_input(n, slot), *y = n->out[out];
    struct channels to = p->channels[y->id];
    int64_t count = to.n ? to.n : 1;
    if (!x)
        return bounds_new(p->arena, count, -INFINITY, INFINITY);
    if (x->constant)
        return dtype_info(x->constant->dtype)->is_float
                 ? bounds_of_constant(p->arena, x->constant, y->type.shape.rank, to)
                 : bounds_new(p->arena, count, -INFINITY, INFINITY);
    struct channel_map map;
    const struct bounds *from = &p->all[x->id];
    struct bounds whole = bounds_whole(p->arena, from);
    bool by_channel = from->n > 1 && channel_map_find(p->channels, n, slot, out, &map);
    struct bounds b = bounds_new(p->arena, count, whole.lo[0], whole.hi[0]);
    for (int64_t i = 0; by_channel && i < map.count * map.repeat; i++) {
        b.lo[map.to + i] = from->lo[map.from + i / map.repeat];
        b.hi[map.to + i] = from->hi[map.from + i / map.repeat];
    }
    return b;
}

/* Parts beside each other; a part whose place is not known may be anywhere. */
static struct bounds rule_join(const struct pass_on *p, const struct node *n)
{
    struct channels to = p->channels[n->out[0]->id];
    struct bounds b = bounds_new(p->arena, to.n ? to.n : 1, INFINITY, -INFINITY);
    for (int slot = 0; slot < n->n_in; slot++) {
        struct bounds part = operand(p, n, slot, 0);
        int64_t from = 0, count = b.n;
        if (!to.n || !channel_part(n, slot, to.axis, &from, &count)) {
            from = 0;
            count = b.n;
        }
        for (int64_t c = from; c < from + count; c++) {
            b.lo[c] = fmin(b.lo[c], part.lo[c]);
            b.hi[c] = fmax(b.hi[c], part.hi[c]);
        }
    }
    return b;
}

static struct bounds rule_arithmetic(const struct pass_on *p, const struct node *n)
{
    struct bounds a = operand(p, n, 0, 0), b = operand(p, n, 1, 0);
    for (int64_t c = 0; c < a.n; c++) {
        double al = a.lo[c], ah = a.hi[c], bl = b.lo[c], bh = b.hi[c];
        double ll = times(al, bl), lh = times(al, bh), hl = times(ah, bl), hh = times(ah, bh);
        switch (n->op) {
        case OP_Add: a.lo[c] = al + bl; a.hi[c] = ah + bh; break;
        case OP_Sub: a.lo[c] = al - bh; a.hi[c] = ah - bl; break;
        case OP_Min: a.lo[c] = fmin(al, bl); a.hi[c] = fmin(ah, bh); break;
        case OP_Max: a.lo[c] = fmax(al, bl); a.hi[c] = fmax(ah, bh); break;
        default: /* Mul */
            a.lo[c] = fmin(fmin(ll, lh), fmin(hl, hh));
            a.hi[c] = fmax(fmax(ll, lh), fmax(hl, hh));
        }
    }
    return a;
}

bool bounds_of_clip(const struct node *n, double *lo, double *hi)
{
    *lo = n->op == OP_Relu ? 0 : -INFINITY;
    *hi = INFINITY;
    if (n->op != OP_Clip)
        return n->op == OP_Relu;
    double *limit[] = {lo, hi};
    for (int i = 0; i < 2; i++) {
        const struct attr *a = node_attr(n, i ? "max" : "min");
        const struct tensor *t = node_constant(n, i + 1);
        if (a && a->kind == ATTR_FLOAT)
            *limit[i] = (double)a->f;
        else if (t && tensor_count(t) == 1)
            *limit[i] = tensor_get(t, 0);
        else if (node_input(n, i + 1))
            return false;
    }
    return true;
}

static struct bounds rule_clip(const struct pass_on *p, const struct node *n)
{
    struct bounds b = operand(p, n, 0, 0);
    double lo, hi;
    for (int64_t c = 0; bounds_of_clip(n, &lo, &hi) && c < b.n; c++) {
        b.lo[c] = fmin(fmax(b.lo[c], lo), hi);
        b.hi[c] = fmin(fmax(b.hi[c], lo), hi);
    }
    return b;
}

static struct bounds rule_leaky(const struct pass_on *p, const struct node *n)
{
    struct bounds b = operand(p, n, 0, 0);
    double slope = (double)node_float(n, "alpha", 0.01f);
    if (slope < 0)
        return bounds_new(p->arena, b.n, -INFINITY, INFINITY);
    for (int64_t c = 0; c < b.n; c++) {
        b.lo[c] = b.lo[c] < 0 ? times(slope, b.lo[c]) : b.lo[c];
        b.hi[c] = b.hi[c] < 0 ? times(slope, b.hi[c]) : b.hi[c];
    }
    return b;
}

/* Bounds that a padding with another number widens. */
static struct bounds rule_padded(const struct pass_on *p, const struct node *n)
{
    struct bounds b = operand(p, n, 0, 0);
    const struct tensor *t = node_constant(n, 2);
    double v = t && tensor_count(t) == 1 ? tensor_get(t, 0) : (double)node_float(n, "value", 0);
    if (n->op == OP_AveragePool)
        v = 0;
    else if (node_input(n, 2) && !t)
        return bounds_new(p->arena, b.n, -INFINITY, INFINITY);
    bounds_include(&b, v, v);
    return b;
}

/* Is something known of the input, or is there a Relu behind that tiny weights cannot reach?
 * Without either, going through a large weight would tell nothing. */
static bool linear_is_worth(const struct pass_on *p, const struct linear *l)
{
    struct bounds whole = bounds_whole(p->arena, &p->all[node_input(l->node, 0)->id]);
    double lo, hi;
    if (isfinite(whole.lo[0]) || isfinite(whole.hi[0]))
        return true;
    value_each_use(l->out, u)
        if (bounds_of_clip(u->user, &lo, &hi))
            return true;
    return false;
}

/* What a layer reads, by input channel. Where a kernel may hang over the border, each input may
 * also be zero. */
static struct bounds linear_reads(const struct pass_on *p, const struct linear *l)
{
    const struct value *x = node_input(l->node, 0);
    const struct bounds *in = &p->all[x->id];
    struct bounds whole = bounds_whole(p->arena, in);
    struct bounds b = bounds_new(p->arena, l->n_in, whole.lo[0], whole.hi[0]);
    bool by_channel =
        in->n == l->n_in && in->n > 1 && p->channels[x->id].axis == linear_axis(l, x);
    bool padded = linear_is_padded(l);
    for (int64_t c = 0; c < l->n_in; c++) {
        double lo = fmin(fmax(by_channel ? in->lo[c] : b.lo[c], -LARGEST), LARGEST);
        double hi = fmin(fmax(by_channel ? in->hi[c] : b.hi[c], -LARGEST), LARGEST);
        b.lo[c] = padded ? fmin(lo, 0) : lo;
        b.hi[c] = padded ? fmax(hi, 0) : hi;
    }
    return b;
}

/* Adds what a block of weights can make of an input within lo..hi. The sign of a weight is as good
 * as random: a branch on it would cost more than all else. Halves are exact. */
static void add_block(const double *w, int64_t n, double lo, double hi, double *least,
                      double *most)
{
    double low = *least, high = *most;
    for (int64_t e = 0; e < n; e++) {
        double half = 0.5 * w[e], above = half + fabs(half), below = half - fabs(half);
        low += above * lo + below * hi;
        high += above * hi + below * lo;
    }
    *least = low;
    *most = high;
}

/* The same for blocks of one weight, each of another input. Lanes, since sums are not reordered. */
K_CLONES static void add_row(const double *w, int64_t n, const double *lo, const double *hi,
                             double *least, double *most)
{
    enum { LANES = 8 };
    double low[LANES] = {0}, high[LANES] = {0};
    int64_t e = 0;
    for (; e + LANES <= n; e += LANES)
        for (int k = 0; k < LANES; k++) {
            double half = 0.5 * w[e + k], above = half + fabs(half), below = half - fabs(half);
            low[k] += above * lo[e + k] + below * hi[e + k];
            high[k] += above * hi[e + k] + below * lo[e + k];
        }
    for (; e < n; e++)
        add_block(w + e, 1, lo[e], hi[e], &low[0], &high[0]);
    for (int k = 0; k < LANES; k++) {
        *least += low[k];
        *most += high[k];
    }
}

/* And of one input, each for another output. */
K_CLONES static void add_column(const double *w, int64_t n, double lo, double hi,
                                double *restrict least, double *restrict most)
{
    for (int64_t e = 0; e < n; e++) {
        double half = 0.5 * w[e], above = half + fabs(half), below = half - fabs(half);
        least[e] += above * lo + below * hi;
        most[e] += above * hi + below * lo;
    }
}

/* The blocks of weights that share a major channel. */
static void add_major(const struct linear *l, int64_t i, const double *w, const struct bounds *in,
                      struct bounds *b)
{
    int64_t first = linear_minor(l, i, 0);
    if (l->inner == 1 && l->out_major)
        add_row(w, l->minor, in->lo + first, in->hi + first, &b->lo[i], &b->hi[i]);
    else if (l->inner == 1)
        add_column(w, l->minor, in->lo[i], in->hi[i], b->lo + first, b->hi + first);
    for (int64_t k = 0; k < l->minor && l->inner > 1; k++) {
        int64_t o = linear_out(l, i, k), c = linear_in(l, i, k);
        add_block(w + k * l->inner, l->inner, in->lo[c], in->hi[c], &b->lo[o], &b->hi[o]);
    }
}

/* By channel, the smallest and largest sum of weights times inputs. */
static struct bounds rule_linear(const struct pass_on *p, const struct linear *l)
{
    struct bounds in = linear_reads(p, l), b = bounds_new(p->arena, l->n_out, 0, 0);
    int64_t length = l->minor * l->inner;
    double *w = NEW_ARRAY(p->arena, length, double);
    bool own_bias = l->bias_node == l->node;
    if (own_bias && !linear_bias(l, b.lo))
        return bounds_new(p->arena, l->n_out, -INFINITY, INFINITY);
    for (int64_t o = 0; o < l->n_out; o++)
        b.hi[o] = b.lo[o];
    for (int64_t i = 0; i < l->major; i++) {
        k_load_f64(l->weight->dtype, l->weight->data, i * length, 1, length, w);
        for (int64_t j = 0; j < length && l->alpha != 1; j++)
            w[j] *= l->alpha;
        add_major(l, i, w, &in, &b);
    }
    return b;
}

static struct bounds bounds_of_output(const struct pass_on *p, const struct node *n, int out)
{
    switch (n->op) {
    case OP_Relu: case OP_Clip: return rule_clip(p, n);
    case OP_LeakyRelu: return rule_leaky(p, n);
    case OP_Sigmoid: case OP_HardSigmoid: case OP_Softmax:
        return bounds_new(p->arena, 1, 0, 1);
    case OP_Tanh: return bounds_new(p->arena, 1, -1, 1);
    case OP_Add: case OP_Sub: case OP_Mul: return rule_arithmetic(p, n);
    case OP_Min: case OP_Max:
        if (n->n_in == 2)
            return rule_arithmetic(p, n);
        break;
    case OP_Concat: return rule_join(p, n);
    case OP_AveragePool: return rule_padded(p, n);
    case OP_Pad:
        if (node_string_is(n, "mode", "constant", "constant"))
            return rule_padded(p, n);
        return operand(p, n, 0, out);
    case OP_Resize:
        if (!node_string_is(n, "mode", "nearest", "cubic")
            && !node_string_is(n, "coordinate_transformation_mode", "", "tf_crop_and_resize"))
            return operand(p, n, 0, out);
        break;
    case OP_MaxPool: case OP_GlobalMaxPool: case OP_GlobalAveragePool: case OP_ReduceMean:
    case OP_ReduceMax: case OP_ReduceMin: case OP_Upsample: case OP_Identity: case OP_Split:
    case OP_Slice: case OP_Reshape: case OP_Flatten: case OP_Squeeze: case OP_Unsqueeze:
    case OP_Transpose:
        if (out == 0 || n->op == OP_Split)
            return operand(p, n, 0, out);
        break;
    default: break;
    }
    return bounds_new(p->arena, 1, -INFINITY, INFINITY);
}

struct bounds *bounds_find(const struct graph *g, const struct channels *channels,
                           struct arena *a)
{
    int n_values = g->model->n_values;
    struct pass_on p = {channels, NEW_ARRAY(a, n_values, struct bounds), a};
    struct bounds unknown = bounds_new(a, 1, -INFINITY, INFINITY);
    for (int i = 0; i < n_values; i++)
        p.all[i] = unknown;
    graph_each(g, n) {
        struct linear l;
        bool linear = linear_find(n, &l) && l.batch == 1 && linear_is_worth(&p, &l);
        for (int out = 0; out < n->n_out; out++)
            if (n->out[out])
                p.all[n->out[out]->id] = linear ? rule_linear(&p, &l)
                                                : bounds_of_output(&p, n, out);
    }
    return p.all;
}
