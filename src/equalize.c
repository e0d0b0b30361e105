/* SPDX-License-Identifier: Apache-2.0
 *
 * equalize: which factors.
 *
 * For weights: cross-layer equalization, run to convergence over whole groups of tied channels.
 * A class of tied channels (ties.h) has producers, rows of weights that make them, and consumers,
 * columns of weights that read them. One scale for a whole weight serves channel i best when its
 * largest weight is near the largest of the tensor, so with
 *
 *     p_i = largest over the producers of  max |row i| / max |any row|
 *     q_i = largest over the consumers of  max |column i| / max |any column|
 *
 * the class takes  s_i *= sqrt(p_i / q_i), after which both are equal. Groups are visited in graph
 * order, again and again, because a layer's columns change the ranges of its rows. After M. Nagel
 * et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019), which
 * treats pairs of layers; Add, Concat, pools and depthwise layers between them come here for free.
 *
 * For activations: with a_i the largest |x| of channel i on data over all values of the group, and
 * A the largest of the group,
 *
 *     s_i = max(a_i / A, 1/64)^strength
 *
 * Small channels grow towards the largest, and lose the room above them that other data than this
 * may need. The columns that read them shrink within their rows; only depthwise layers have a row,
 * and with it a scale, for each channel, so that there the strength can be greater. (Measured on
 * six networks for classification and detection, by data not used here: 0.3 and 0.5 to 0.7 are
 * best, 0.5 and 1 are worse by 1 to 6 dB in some.)
 *
 * What a gate reads, x of x * Sigmoid(x), does not count: only what comes out matters. But where it
 * is rounded as well its range needs room below zero, as far as the gate is open (-3 for
 * HardSwish): so far it counts. Otherwise channels that are small behind the gate would grow until
 * half of the codes, or most, were for what the gate closes on. (A classifier of documents with 28
 * HardSwish comes to 25.0 dB in ONNX Runtime, and to 14.7 dB without.)
 */
#include "equalize.h"

#include "k_simd.h"
#include "match.h"
#include "scaling.h"
#include "vec.h"

#include <math.h>

enum { ROUNDS = 40 };
static const double TOLERANCE = 1e-3; /* the largest change of a log s in the last round */
static const double LIMIT = 64;       /* 1/64 <= s <= 64 */
static const double STRENGTH = 0.3, STRENGTH_DEPTHWISE = 0.6;

/* The rows of a layer, which make the channels of a group, or the columns, which read them. */
struct side {
    const struct scaled *layer;
    const double *top; /* the largest |w| of each block of the weight, before scaling */
    bool rows;
    int group;
    int64_t n;
    const int64_t *class;
};

struct equalizer {
    struct arena *scratch;
    struct scaling scaling;
    VEC(struct side) sides;
    double *p, *q; /* by class, of the group at hand */
    double *range; /* by channel, of the side at hand */
    double *row, *column; /* factors of its layer's rows and columns */
};

/* A side counts where one of its channels may be scaled. */
static void side_add(struct equalizer *e, const struct scaled *k, const double *top, bool rows)
{
    const struct linear *l = &k->l;
    const struct value *v = rows ? l->out : node_input(l->node, 0);
    const int64_t *class = rows ? k->row : k->column;
    int64_t n = rows ? l->n_out : l->n_in;
    if (scaling_is_free(&e->scaling, class, n))
        *vec_add(&e->sides, e->scratch) =
            (struct side){k, top, rows, ties_group(&e->scaling.ties, v), n, class};
}

static void sides_find(struct equalizer *e)
{
    int64_t longest = 0;
    for (int i = 0; i < e->scaling.n_layer; i++) {
        const struct scaled *k = &e->scaling.layer[i];
        double *top = NEW_ARRAY(e->scratch, k->l.major * k->l.minor, double);
        linear_tops(&k->l, top);
        side_add(e, k, top, false);
        side_add(e, k, top, true);
        longest = k->l.n_in > longest ? k->l.n_in : longest;
        longest = k->l.n_out > longest ? k->l.n_out : longest;
    }
    e->range = NEW_ARRAY(e->scratch, longest, double);
    e->row = NEW_ARRAY(e->scratch, longest, double);
    e->column = NEW_ARRAY(e->scratch, longest, double);
    e->p = NEW_ARRAY(e->scratch, e->scaling.ties.n, double);
    e->q = NEW_ARRAY(e->scratch, e->scaling.ties.n, double);
}

/* The largest of x[j] * f * by[j], at least `most`. Lanes, since a maximum is not reordered. */
K_CLONES static double largest_product(const double *x, double f, const double *by, int64_t n,
                                       double most)
{
    enum { LANES = 8 };
    double lane[LANES] = {0};
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES)
        for (int k = 0; k < LANES; k++) {
            double w = x[j + k] * f * by[j + k];
            lane[k] = w > lane[k] ? w : lane[k];
        }
    for (; j < n; j++)
        lane[0] = fmax(lane[0], x[j] * f * by[j]);
    for (int k = 0; k < LANES; k++)
        most = lane[k] > most ? lane[k] : most;
    return most;
}

K_CLONES static void raise_products(double *restrict range, const double *restrict x, double f,
                                    const double *restrict by, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        double w = x[j] * f * by[j];
        range[j] = w > range[j] ? w : range[j];
    }
}

/* Raises p (or q) of the classes of the rows (or columns) to their share of the largest. */
static void side_measure(struct equalizer *e, const struct side *side)
{
    const struct scaled *k = side->layer;
    const struct linear *l = &k->l;
    double *share = side->rows ? e->p : e->q, largest = 0;
    for (int64_t c = 0; c < side->n; c++)
        e->range[c] = 0;
    for (int64_t c = 0; c < l->n_in; c++)
        e->column[c] = scaling_factor(&e->scaling, k->column[c]);
    for (int64_t o = 0; o < l->n_out; o++)
        e->row[o] = 1 / scaling_factor(&e->scaling, k->row[o]);
    const double *by_major = l->out_major ? e->row : e->column;
    const double *by_minor = l->out_major ? e->column : e->row;
    for (int64_t i = 0; i < l->major; i++) {
        int64_t first = linear_minor(l, i, 0);
        const double *top = side->top + i * l->minor, *by = by_minor + first;
        if (side->rows == l->out_major)
            e->range[i] = largest_product(top, by_major[i], by, l->minor, e->range[i]);
        else
            raise_products(e->range + first, top, by_major[i], by, l->minor);
    }
    for (int64_t c = 0; c < side->n; c++)
        largest = fmax(largest, e->range[c]);
    for (int64_t c = 0; c < side->n && largest > 0; c++)
        share[side->class[c]] = fmax(share[side->class[c]], e->range[c] / largest);
}

/* Balances the classes of one group; returns the largest change of a log s. */
static double group_balance(struct equalizer *e, int group)
{
    double change = 0;
    for (int i = 0; i < e->sides.n; i++)
        for (int64_t c = 0; e->sides.at[i].group == group && c < e->sides.at[i].n; c++)
            e->p[e->sides.at[i].class[c]] = e->q[e->sides.at[i].class[c]] = 0;
    for (int i = 0; i < e->sides.n; i++)
        if (e->sides.at[i].group == group)
            side_measure(e, &e->sides.at[i]);
    for (int i = 0; i < e->sides.n; i++)
        for (int64_t c = 0; e->sides.at[i].group == group && c < e->sides.at[i].n; c++) {
            int64_t class = e->sides.at[i].class[c];
            double p = e->p[class], q = e->q[class], old = e->scaling.s[class];
            if (p <= 0 || q <= 0 || e->scaling.ties.fixed[class])
                continue;
            double s = fmin(fmax(old * sqrt(p / q), 1 / LIMIT), LIMIT);
            change = fmax(change, fabs(log(s / old)));
            e->scaling.s[class] = s;
            e->p[class] = 0; /* once a visit, though several sides share the class */
        }
    return change;
}

static void factors_balance(struct equalizer *e)
{
    bool *repeated = NEW_ARRAY(e->scratch, e->sides.n + 1, bool);
    for (int i = 0; i < e->sides.n; i++)
        for (int k = i + 1; k < e->sides.n; k++)
            repeated[k] |= e->sides.at[k].group == e->sides.at[i].group;
    for (int round = 0; round < ROUNDS; round++) {
        double change = 0;
        for (int i = 0; i < e->sides.n; i++)
            if (!repeated[i])
                change = fmax(change, group_balance(e, e->sides.at[i].group));
        if (change < TOLERANCE)
            return;
    }
}

int equalize_weights(struct model *m, struct arena *scratch)
{
    struct equalizer e = {.scratch = scratch};
    e.scaling = scaling_open(m, (struct ties_options){.limits = true}, scratch);
    sides_find(&e);
    factors_balance(&e);
    return scaling_apply(&e.scaling);
}

/* What is known of each class, and of each group by the id of its value. */
struct reach {
    double *class, *group;
    bool *made, *read; /* by class: a layer makes or reads it */
    bool *mixed;       /* by group: read by a layer that mixes channels */
};

/* Is the value quantized only behind the operator that reads it? The gate of a SiLU and the like
 * cuts off what is far below zero, so that the product shows the range that matters. */
static bool is_inner(const struct ties *t, const struct value *v)
{
    const struct node *user = value_only_user(v);
    value_each_use(v, u)
        if (ties_is_gate(t, u->user))
            return true;
    return user
        && (user->op == OP_Relu || user->op == OP_LeakyRelu || user->op == OP_PRelu
            || user->op == OP_Clip || user->op == OP_HardSwish);
}

/* How far below zero x may be so that the gate that begins with n hands on more than a little:
 * x Sigmoid(x) is nearer to 0 than 0.034 below -5. 0: it begins none. */
static double gate_depth(const struct ties *t, const struct node *n)
{
    double added;
    if (n->op == OP_HardSwish)
        return 3;
    if (!ties_is_gate(t, n))
        return 0;
    switch (n->op) {
    case OP_Sigmoid: return 5;
    case OP_HardSigmoid: return node_float(n, "beta", 0.5f) / node_float(n, "alpha", 0.2f);
    default: return match_number(n, 1, &added) ? added : 0; /* Clip(x + 3, 0, 6) */
    }
}

/* How far below zero the gates that read v are open. */
static double open_below(const struct ties *t, const struct value *v)
{
    double depth = 0;
    value_each_use(v, u)
        depth = fmax(depth, gate_depth(t, u->user));
    return depth;
}

/* The channels of v reach as far as their peaks, but downwards to -depth at most, and upwards not
 * at all where they are an inner value's. */
static void reach_add(struct reach *k, const struct ties *t, const struct value *v,
                      const struct peaks *peaks, bool inner, double depth)
{
    double *top = &k->group[ties_group(t, v)];
    for (int64_t c = 0; c < t->channels[v->id].n; c++) {
        int64_t class = ties_class(t, v, c);
        double a = fmin(-peaks->lo[v->id][c], depth);
        if (!inner)
            a = fmax(a, peaks->hi[v->id][c]);
        k->class[class] = fmax(k->class[class], a);
        *top = fmax(*top, k->class[class]);
    }
}

static struct reach reach_find(struct equalizer *e, const struct peaks *peaks, bool inner_rounded)
{
    const struct ties *t = &e->scaling.ties;
    int n_values = e->scaling.graph[0]->model->n_values;
    struct reach k = {NEW_ARRAY(e->scratch, t->n, double), NEW_ARRAY(e->scratch, n_values, double),
                      NEW_ARRAY(e->scratch, t->n, bool), NEW_ARRAY(e->scratch, t->n, bool),
                      NEW_ARRAY(e->scratch, n_values, bool)};
    for (int i = 0; i < e->scaling.n_layer; i++) {
        const struct scaled *s = &e->scaling.layer[i];
        for (int64_t o = 0; o < s->l.n_out; o++)
            if (s->row[o] >= 0)
                k.made[s->row[o]] = true;
        for (int64_t c = 0; c < s->l.n_in; c++)
            if (s->column[c] >= 0)
                k.read[s->column[c]] = true;
        if (s->column[0] >= 0 && s->l.n_in > s->l.groups)
            k.mixed[ties_group(t, node_input(s->l.node, 0))] = true;
    }
    for (int g = 0; g < e->scaling.n_graphs; g++)
        graph_each(e->scaling.graph[g], n)
            for (int i = 0; i < n->n_out; i++) {
                bool inner = n->out[i] && is_inner(t, n->out[i]);
                if (n->out[i] && (!inner || inner_rounded))
                    reach_add(&k, t, n->out[i], peaks, inner,
                              inner ? open_below(t, n->out[i]) : INFINITY);
            }
    return k;
}

static void find_factors(struct scaling *s, const struct reach *k, const struct value *v)
{
    const struct ties *t = &s->ties;
    int group = ties_group(t, v);
    for (int64_t c = 0; c < t->channels[v->id].n; c++) {
        int64_t class = ties_class(t, v, c);
        if (t->fixed[class] || !k->made[class] || !k->read[class] || k->class[class] <= 0)
            continue;
        double share = fmax(k->class[class] / k->group[group], 1 / LIMIT);
        s->s[class] = pow(share, k->mixed[group] ? STRENGTH : STRENGTH_DEPTHWISE);
    }
}

bool equalize_finds_gates(struct model *m, struct arena *scratch)
{
    struct scaling s = scaling_open(m, (struct ties_options){.gates = true}, scratch);
    return scaling_has_gates(&s);
}

int equalize_activations(struct model *m, const struct peaks *peaks, enum equalize_gates gates,
                         struct arena *scratch)
{
    struct equalizer e = {.scratch = scratch};
    e.scaling = scaling_open(m, (struct ties_options){.gates = gates != GATES_WHOLE}, scratch);
    struct reach k = reach_find(&e, peaks, gates == GATES_APART_ROUNDED);
    for (int g = 0; g < e.scaling.n_graphs; g++)
        graph_each(e.scaling.graph[g], n)
            for (int i = 0; i < n->n_out; i++)
                if (n->out[i])
                    find_factors(&e.scaling, &k, n->out[i]);
    return scaling_apply(&e.scaling);
}
