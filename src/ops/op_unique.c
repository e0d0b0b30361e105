/* SPDX-License-Identifier: Apache-2.0
 *
 * op_unique: Unique, of elements or of the slices along an axis. How many there are depends on the
 * data, so infer finds them too. Numbers that are NaN are equal, and above all others.
 */
#include "ops.h"

#include "k_convert.h"
#include "k_sort.h"
#include "move.h"

#include <string.h>

/* The input as entries of `run` elements each, entry after entry. */
struct entries {
    int64_t n, run;
    bool flat;             /* no axis: entries are elements */
    int64_t outer, inner;  /* element (o, j) of entry i was (o * n + i) * inner + j */
    bool is_unsigned;
    const double *real;    /* either this ... */
    const int64_t *whole;  /* ... or this */
};

static int order_of(const struct entries *e, int64_t a, int64_t b)
{
    for (int64_t i = 0; i < e->run; i++) {
        if (e->real) {
            double x = e->real[a * e->run + i], y = e->real[b * e->run + i];
            if (x != x || y != y) {
                if ((x != x) != (y != y))
                    return x != x ? 1 : -1;
            } else if (x != y) {
                return x > y ? 1 : -1;
            }
        } else {
            int64_t x = e->whole[a * e->run + i], y = e->whole[b * e->run + i];
            if (x != y)
                return (e->is_unsigned ? (uint64_t)x > (uint64_t)y : x > y) ? 1 : -1;
        }
    }
    return 0;
}

static bool is_after(const void *data, int64_t a, int64_t b)
{
    return order_of(data, a, b) > 0;
}

static int entries_shape(const struct call *c, struct entries *e, int *axis, struct err *err)
{
    const struct shape *s = &c->in[0]->shape;
    *e = (struct entries){.flat = !node_attr(c->node, "axis"), .outer = 1, .inner = 1};
    *axis = 0;
    if (s->rank < 0)
        return 0;
    if (!e->flat) {
        *axis = axis_check(node_int(c->node, "axis", 0), s->rank, err);
        if (*axis < 0)
            return -1;
    }
    if (!shape_known(s))
        return 0;
    e->n = e->flat ? shape_count(s) : s->dim[*axis];
    if (!e->flat) {
        e->outer = shape_span(s, 0, *axis);
        e->inner = shape_span(s, *axis + 1, s->rank);
    }
    e->run = e->outer * e->inner;
    return 0;
}

static int entries_load(const struct call *c, struct entries *e, struct err *err)
{
    const struct tensor *x = c->in[0];
    const struct dtype_info *info = dtype_info(x->dtype);
    int64_t count = e->n * e->run;
    double *real = info->is_float ? NEW_ARRAY(c->scratch, count + 1, double) : NULL;
    int64_t *whole = info->is_float ? NULL : NEW_ARRAY(c->scratch, count + 1, int64_t);
    if (!info->is_float && !info->is_integer && x->dtype != DTYPE_BOOL)
        return call_refuse_dtype(x->dtype, err);
    for (int64_t o = 0; o < e->outer; o++)
        for (int64_t i = 0; i < e->n; i++) {
            int64_t from = (o * e->n + i) * e->inner, to = i * e->run + o * e->inner;
            if (real)
                k_load_f64(x->dtype, x->data, from, 1, e->inner, real + to);
            else
                k_load_i64(x->dtype, x->data, from, 1, e->inner, whole + to);
        }
    e->is_unsigned = x->dtype == DTYPE_U64;
    e->real = real;
    e->whole = whole;
    return 0;
}

struct groups { /* of equal entries, in the order of the output */
    int64_t n;
    int64_t *first; /* of each: the entry that comes first */
    int64_t *count;
    int64_t *of;    /* the group of each entry */
};

static bool is_later(const void *first, int64_t a, int64_t b)
{
    return ((const int64_t *)first)[a] > ((const int64_t *)first)[b];
}

static void groups_find(const struct call *c, const struct entries *e, struct groups *g)
{
    int64_t n = e->n, *order = NEW_ARRAY(c->scratch, n + 1, int64_t);
    int64_t *spare = NEW_ARRAY(c->scratch, n + 1, int64_t);
    int64_t *first = NEW_ARRAY(c->scratch, n + 1, int64_t);
    *g = (struct groups){.first = NEW_ARRAY(c->scratch, n + 1, int64_t),
                         .count = NEW_ARRAY(c->scratch, n + 1, int64_t),
                         .of = NEW_ARRAY(c->scratch, n + 1, int64_t)};
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    k_sort(order, spare, n, is_after, e);
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || order_of(e, order[i - 1], order[i]))
            first[g->n++] = order[i]; /* the sort is stable */
        g->of[order[i]] = g->n - 1;
    }
    for (int64_t i = 0; i < g->n; i++)
        order[i] = i;
    if (!node_int(c->node, "sorted", 1))
        k_sort(order, spare, g->n, is_later, first);
    for (int64_t i = 0; i < g->n; i++) {
        g->first[i] = first[order[i]];
        g->count[i] = 0;
        spare[order[i]] = i;
    }
    for (int64_t i = 0; i < n; i++) {
        g->of[i] = spare[g->of[i]];
        g->count[g->of[i]]++;
    }
}

int infer_unique(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct shape s = x->shape;
    struct entries e;
    struct groups g = {.n = -1};
    int axis;
    TRY(entries_shape(c, &e, &axis, err));
    if (x->data) {
        TRY(entries_load(c, &e, err));
        groups_find(c, &e, &g);
    }
    if (e.flat)
        s = (struct shape){1, {g.n}};
    else if (s.rank >= 0)
        s.dim[axis] = g.n;
    call_set(c, 0, x->dtype, &s);
    call_set(c, 1, DTYPE_I64, &(struct shape){1, {g.n}});
    call_set(c, 2, DTYPE_I64, &(struct shape){1, {shape_known(&x->shape) ? e.n : -1}});
    call_set(c, 3, DTYPE_I64, &(struct shape){1, {g.n}});
    return 0;
}

int eval_unique(struct call *c, struct err *err)
{
    struct entries e;
    struct groups g;
    struct move m;
    int axis;
    TRY(entries_shape(c, &e, &axis, err));
    TRY(entries_load(c, &e, err));
    groups_find(c, &e, &g);
    if (call_out(c, 0)) {
        TRY(move_open(c, c->out[0], &m, err));
        const char *from = move_source(c, c->in[0]);
        size_t run = (size_t)e.inner * m.item;
        for (int64_t o = 0; o < e.outer; o++)
            for (int64_t i = 0; i < g.n; i++)
                memcpy(m.to + (size_t)(o * g.n + i) * run,
                       from + (size_t)(o * e.n + g.first[i]) * run, run);
        move_close(c->out[0], &m);
    }
    if (call_out(c, 1))
        memcpy(c->out[1]->data, g.first, (size_t)g.n * sizeof *g.first);
    if (call_out(c, 2))
        memcpy(c->out[2]->data, g.of, (size_t)e.n * sizeof *g.of);
    if (call_out(c, 3))
        memcpy(c->out[3]->data, g.count, (size_t)g.n * sizeof *g.count);
    return 0;
}
