/* SPDX-License-Identifier: Apache-2.0
 *
 * equalize: cross-layer equalization, run to convergence over whole groups of tied channels.
 *
 * A class of tied channels (ties.h) has producers, rows of weights that make them, and consumers,
 * columns of weights that read them. Dividing the rows and multiplying the columns by s changes
 * nothing else. One scale for a whole weight serves channel i best when its largest weight is near
 * the largest of the tensor, so with
 *
 *     p_i = largest over the producers of  max |row i| / max |any row|
 *     q_i = largest over the consumers of  max |column i| / max |any column|
 *
 * the class takes  s_i *= sqrt(p_i / q_i), after which both are equal. Groups are visited in graph
 * order, again and again, because a layer's columns change the ranges of its rows. After M. Nagel
 * et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019), which
 * treats pairs of layers; Add, Concat, pools and depthwise layers between them come here for free.
 * ReLU6 does too: Clip(x, 0, 6) becomes Min(Clip(x, 0, max(6 / s)), 6 / s), with a limit for each
 * channel.
 */
#include "equalize.h"

#include "channel.h"
#include "linear.h"
#include "ties.h"
#include "vec.h"

#include <math.h>

enum { ROUNDS = 40 };
static const double TOLERANCE = 1e-3; /* the largest change of a log s in the last round */
static const double LIMIT = 64;       /* 1/64 <= s <= 64 */

struct member {
    struct linear l;
    double *top;                 /* the largest |w| of each block, before scaling */
    int64_t *row, *column;       /* classes by channel; -1: in none */
    const struct tensor *weight; /* after scaling; NULL: as it was */
    double *bias;                /* after scaling; NULL: as it was */
};

/* The rows of a layer, which make the channels of a group, or the columns, which read them. */
struct side {
    const struct member *member;
    bool rows;
    int group;
    int64_t n;
    const int64_t *class;
};

struct equalizer {
    struct arena *scratch;
    struct ties ties;
    VEC(struct member *) members;
    VEC(struct side) sides;
    double *s;     /* by class */
    double *p, *q; /* by class, of the group at hand */
    double *range; /* by channel, of the side at hand */
};

/* Classes of a value's n channels; all -1 where it has others. */
static int64_t *classes_of(struct equalizer *e, const struct value *v, int axis, int64_t n)
{
    int64_t *class = NEW_ARRAY(e->scratch, n, int64_t);
    struct channels c = e->ties.channels[v->id];
    for (int64_t i = 0; i < n; i++)
        class[i] = c.n == n && c.axis == axis ? ties_class(&e->ties, v, i) : -1;
    return class;
}

/* A side counts where one of its channels may be scaled. */
static void side_add(struct equalizer *e, const struct member *m, bool rows)
{
    const struct linear *l = &m->l;
    const struct value *v = rows ? l->out : node_input(l->node, 0);
    const int64_t *class = rows ? m->row : m->column;
    int64_t n = rows ? l->n_out : l->n_in, c = 0;
    while (c < n && class[0] >= 0 && e->ties.fixed[class[c]])
        c++;
    if (c < n && class[0] >= 0)
        *vec_add(&e->sides, e->scratch) =
            (struct side){m, rows, ties_group(&e->ties, v), n, class};
}

static void members_find(struct equalizer *e, const struct graph *g)
{
    int64_t longest = 0;
    graph_each(g, n) {
        struct linear l;
        if (!linear_find(n, &l))
            continue;
        const struct value *x = node_input(n, 0);
        struct member *m = NEW(e->scratch, struct member);
        m->l = l;
        m->column = classes_of(e, x, linear_axis(&l, x), l.n_in);
        m->row = classes_of(e, l.out, linear_axis(&l, l.out), l.n_out);
        int known = e->sides.n;
        side_add(e, m, false);
        side_add(e, m, true);
        if (e->sides.n == known)
            continue;
        m->top = NEW_ARRAY(e->scratch, l.major * l.minor, double);
        linear_tops(&l, m->top);
        *vec_add(&e->members, e->scratch) = m;
        longest = l.n_in > longest ? l.n_in : longest;
        longest = l.n_out > longest ? l.n_out : longest;
    }
    e->range = NEW_ARRAY(e->scratch, longest, double);
}

static double scale_of(const struct equalizer *e, int64_t class)
{
    return class < 0 ? 1 : e->s[class];
}

/* Raises p (or q) of the classes of the rows (or columns) to their share of the largest. */
static void side_measure(struct equalizer *e, const struct side *side)
{
    const struct member *m = side->member;
    const struct linear *l = &m->l;
    double *share = side->rows ? e->p : e->q, largest = 0;
    for (int64_t c = 0; c < side->n; c++)
        e->range[c] = 0;
    for (int64_t i = 0; i < l->major; i++)
        for (int64_t k = 0; k < l->minor; k++) {
            int64_t o = linear_out(l, i, k), c = linear_in(l, i, k), at = side->rows ? o : c;
            double w = m->top[i * l->minor + k];
            w *= scale_of(e, m->column[c]) / scale_of(e, m->row[o]);
            e->range[at] = fmax(e->range[at], w);
            largest = fmax(largest, w);
        }
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
            double p = e->p[class], q = e->q[class], old = e->s[class];
            if (p <= 0 || q <= 0 || e->ties.fixed[class])
                continue;
            e->s[class] = fmin(fmax(old * sqrt(p / q), 1 / LIMIT), LIMIT);
            change = fmax(change, fabs(log(e->s[class] / old)));
            e->p[class] = 0; /* once a visit, though several sides share the class */
        }
    return change;
}

static void scales_find(struct equalizer *e)
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

/* The scales of n classes, or their inverses; NULL: all are 1. */
static double *scales_of(struct equalizer *e, const int64_t *class, int64_t n, bool inverse)
{
    double *s = NEW_ARRAY(e->scratch, n, double);
    bool any = false;
    for (int64_t c = 0; c < n; c++) {
        s[c] = inverse ? 1 / scale_of(e, class[c]) : scale_of(e, class[c]);
        any |= s[c] != 1;
    }
    return any ? s : NULL;
}

/* The scaled weight and bias; false: a number does not fit the dtype of the weight. */
static bool member_prepare(struct equalizer *e, struct member *m)
{
    struct linear *l = &m->l;
    double *in = scales_of(e, m->column, l->n_in, false);
    double *out = scales_of(e, m->row, l->n_out, true);
    if (!in && !out)
        return true;
    m->weight = linear_scaled(l, out, in);
    if (!out || !l->bias_node || !node_input(l->bias_node, l->bias_slot))
        return m->weight != NULL;
    m->bias = NEW_ARRAY(e->scratch, l->n_out, double);
    linear_bias(l, m->bias);
    for (int64_t o = 0; o < l->n_out; o++) {
        m->bias[o] *= out[o];
        if (!channel_fits(l->weight->dtype, m->bias[o]))
            return false;
    }
    return m->weight != NULL;
}

/* Min(Clip(x, 0, L), limit * inverse) in the place of Clip(x, 0, limit), with the largest of the
 * limits as L: it changes nothing, but a quantized Clip is not given a range that nobody reads. */
static void clip_apply(struct node *n, double limit, const double *inverse, struct channels c)
{
    struct value *y = n->out[0];
    struct arena *a = n->graph->model->arena;
    struct shape s = channel_shape(y->type.shape.rank, c.axis, c.n);
    struct tensor *t = tensor_new(a, y->type.dtype, &s);
    double largest = 0;
    for (int64_t i = 0; i < c.n; i++) {
        dtype_store(t->dtype, t->data, i, limit * inverse[i]);
        largest = fmax(largest, tensor_get(t, i));
    }
    struct build before = build_before(n), after = build_after(n);
    struct value *in[] = {NULL, build_constant(&after, "limit", t)};
    struct node *min = build_node(&after, OP_Min, 2, in, 1);
    min->out[0]->type = y->type;
    value_replace(y, min->out[0]);
    node_set_input(min, 0, y);
    if (node_attr(n, "max"))
        node_set_float(n, "max", (float)largest);
    else
        node_set_input(n, 2, build_constant(&before, "limit", tensor_scalar(a, t->dtype, largest)));
}

/* Divides the numbers that a node holds by its channels' scales; a layer's bias is done there. */
static void numbers_apply(struct equalizer *e, struct node *n)
{
    int slot;
    double limit;
    struct value *y = n->n_out ? n->out[0] : NULL;
    struct channels c = y ? e->ties.channels[y->id] : (struct channels){0};
    struct linear l;
    if (!c.n || !ties_has_numbers(n, &slot, &limit) || linear_of_value(y, &l))
        return;
    double *inverse = scales_of(e, classes_of(e, y, c.axis, c.n), c.n, true);
    if (!inverse)
        return;
    if (slot < 0) {
        clip_apply(n, limit, inverse, c);
        return;
    }
    const struct tensor *old = node_constant(n, slot);
    struct shape s = channel_shape(y->type.shape.rank, c.axis, c.n);
    struct tensor *t = tensor_new(n->graph->model->arena, old->dtype, &s);
    double *v = NEW_ARRAY(e->scratch, c.n, double);
    channel_vector(old, y->type.shape.rank, c.axis, c.n, v);
    for (int64_t i = 0; i < c.n; i++)
        dtype_store(t->dtype, t->data, i, v[i] * inverse[i]);
    struct build at = build_before(n);
    at.stem = n->in[slot].value->name;
    node_set_input(n, slot, build_constant(&at, "equalized", t));
}

int equalize_graph(struct model *m, struct arena *scratch)
{
    struct equalizer e = {.scratch = scratch};
    struct graph *g = m->graph;
    int changes = 0;
    e.ties = ties_find(g, channels_find(g, scratch), scratch);
    e.s = NEW_ARRAY(scratch, e.ties.n, double);
    e.p = NEW_ARRAY(scratch, e.ties.n, double);
    e.q = NEW_ARRAY(scratch, e.ties.n, double);
    for (int64_t i = 0; i < e.ties.n; i++)
        e.s[i] = 1;
    members_find(&e, g);
    scales_find(&e);
    for (int i = 0; i < e.members.n; i++)
        if (!member_prepare(&e, e.members.at[i]))
            return 0;
    graph_each(g, n)
        numbers_apply(&e, n);
    for (int i = 0; i < e.members.n; i++) {
        struct member *k = e.members.at[i];
        changes += k->weight != NULL;
        if (k->weight)
            linear_set_weight(&k->l, "equalized", k->weight);
        if (k->bias)
            linear_set_bias(&k->l, "equalized", k->bias);
    }
    graph_sweep(g);
    return changes;
}
