/* SPDX-License-Identifier: Apache-2.0
 *
 * scaling: the layers that take part, and the rewriting of their weights and of what lies between.
 */
#include "scaling.h"

#include "vec.h"

#include <math.h>

/* Classes of a value's n channels; all -1 where it has others. */
static int64_t *classes_of(const struct scaling *c, const struct value *v, int axis, int64_t n)
{
    int64_t *class = NEW_ARRAY(c->scratch, n, int64_t);
    struct channels has = c->ties.channels[v->id];
    for (int64_t i = 0; i < n; i++)
        class[i] = has.n == n && has.axis == axis ? ties_class(&c->ties, v, i) : -1;
    return class;
}

bool scaling_is_free(const struct scaling *c, const int64_t *class, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (class[i] >= 0 && !c->ties.fixed[class[i]])
            return true;
    return false;
}

static bool takes_part(const struct scaling *c, struct node *n, struct scaled *k)
{
    if (!linear_find(n, &k->l))
        return false;
    const struct value *x = node_input(n, 0);
    k->column = classes_of(c, x, linear_axis(&k->l, x), k->l.n_in);
    k->row = classes_of(c, k->l.out, linear_axis(&k->l, k->l.out), k->l.n_out);
    return scaling_is_free(c, k->column, k->l.n_in) || scaling_is_free(c, k->row, k->l.n_out);
}

struct scaling scaling_open(struct model *m, struct ties_options options, struct arena *scratch)
{
    struct scaling c = {.scratch = scratch};
    VEC(struct scaled) layers = {0};
    c.graph = model_graphs(m, scratch, &c.n_graphs);
    c.ties = ties_find(m, channels_find(m, scratch), options, scratch);
    c.s = NEW_ARRAY(scratch, c.ties.n, double);
    for (int64_t i = 0; i < c.ties.n; i++)
        c.s[i] = 1;
    for (int i = 0; i < c.n_graphs; i++)
        graph_each(c.graph[i], n) {
            struct scaled k = {0};
            if (takes_part(&c, n, &k))
                *vec_add(&layers, scratch) = k;
        }
    c.layer = layers.at;
    c.n_layer = layers.n;
    return c;
}

/* The factors of n classes, or their inverses; NULL: all are 1. */
static double *factors_of(const struct scaling *c, const int64_t *class, int64_t n, bool inverse)
{
    double *s = NEW_ARRAY(c->scratch, n, double);
    bool any = false;
    for (int64_t i = 0; i < n; i++) {
        s[i] = inverse ? 1 / scaling_factor(c, class[i]) : scaling_factor(c, class[i]);
        any |= s[i] != 1;
    }
    return any ? s : NULL;
}

/* The scaled weight and bias; false: a number does not fit the dtype of the weight. */
static bool scaled_prepare(const struct scaling *c, struct scaled *k)
{
    struct linear *l = &k->l;
    double *in = factors_of(c, k->column, l->n_in, false);
    double *out = factors_of(c, k->row, l->n_out, true);
    if (!in && !out)
        return true;
    k->weight = linear_scaled(l, out, in);
    if (!out || !l->bias_node || !node_input(l->bias_node, l->bias_slot))
        return k->weight != NULL;
    k->bias = NEW_ARRAY(c->scratch, l->n_out, double);
    linear_bias(l, k->bias);
    for (int64_t o = 0; o < l->n_out; o++) {
        k->bias[o] *= out[o];
        if (!channel_fits(l->weight->dtype, k->bias[o]))
            return false;
    }
    return k->weight != NULL;
}

/* Min(Clip(x, 0, max(limit * inverse)), limit * inverse) in the place of Clip(x, 0, limit). */
static void clip_apply(struct node *n, double limit, const double *inverse, struct channels by)
{
    struct value *y = n->out[0];
    struct arena *a = n->graph->model->arena;
    struct shape s = channel_shape(y->type.shape.rank, by.axis, by.n);
    struct tensor *t = tensor_new(a, y->type.dtype, &s);
    double largest = 0;
    for (int64_t i = 0; i < by.n; i++) {
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

/* x times the factors of its channels, in front of n; NULL: all are 1. */
static struct value *build_restored(const struct scaling *c, struct node *n)
{
    struct value *x = node_input(n, 0);
    struct channels by = c->ties.channels[x->id];
    double *s = factors_of(c, classes_of(c, x, by.axis, by.n), by.n, false);
    if (!s)
        return NULL;
    struct arena *a = n->graph->model->arena;
    struct shape shape = channel_shape(x->type.shape.rank, by.axis, by.n);
    struct build at = build_before(n);
    struct tensor *t = channel_tensor(a, x->type.dtype, &shape, s);
    struct value *in[] = {x, build_constant(&at, "scale", t)};
    struct node *mul = build_node(&at, OP_Mul, 2, in, 1);
    mul->out[0]->type = x->type;
    return mul->out[0];
}

static void gate_apply(const struct scaling *c, struct node *n)
{
    struct value *restored = build_restored(c, n);
    if (restored)
        node_set_input(n, 0, restored);
}

/* HardSwish(x) = x * HardSigmoid(x) with a slope of 1/6. */
static void hardswish_apply(const struct scaling *c, struct node *n)
{
    struct value *restored = build_restored(c, n), *x = node_input(n, 0), *y = n->out[0];
    if (!restored)
        return;
    struct build at = build_before(n);
    struct node *gate = build_node(&at, OP_HardSigmoid, 1, &restored, 1);
    node_set_float(gate, "alpha", 1.0f / 6);
    node_set_float(gate, "beta", 0.5f);
    struct node *mul = build_node(&at, OP_Mul, 2, (struct value *[]){x, gate->out[0]}, 1);
    gate->out[0]->type = mul->out[0]->type = y->type;
    value_replace(y, mul->out[0]);
    node_remove(n);
}

/* With axes of 1 in front, where it has fewer. */
static struct shape shape_of_rank(struct shape s, int rank)
{
    struct shape wide = {.rank = rank};
    for (int i = 0; i < rank; i++)
        wide.dim[i] = i < rank - s.rank ? 1 : s.dim[i - (rank - s.rank)];
    return rank > s.rank ? wide : s;
}

/* Divides the numbers that a node holds by its channels' factors; a layer's bias is done there. */
static void numbers_apply(const struct scaling *c, struct node *n)
{
    int slot;
    double limit;
    struct value *y = n->n_out ? n->out[0] : NULL;
    struct channels by = y ? c->ties.channels[y->id] : (struct channels){0};
    struct linear l;
    if (!by.n || !ties_has_numbers(n, &slot, &limit) || linear_of_value(y, &l))
        return;
    double *inverse = factors_of(c, classes_of(c, y, by.axis, by.n), by.n, true);
    if (!inverse)
        return;
    if (slot < 0) {
        clip_apply(n, limit, inverse, by);
        return;
    }
    const struct tensor *old = node_constant(n, slot);
    struct shape s = shape_of_rank(channel_shape(y->type.shape.rank, by.axis, by.n),
                                   old->shape.rank); /* that y may have from nowhere else */
    struct tensor *t = tensor_new(n->graph->model->arena, old->dtype, &s);
    double *v = NEW_ARRAY(c->scratch, by.n, double);
    channel_vector(old, y->type.shape.rank, by.axis, by.n, v);
    for (int64_t i = 0; i < by.n; i++)
        dtype_store(t->dtype, t->data, i, v[i] * inverse[i]);
    struct build at = build_before(n);
    at.stem = n->in[slot].value->name;
    node_set_input(n, slot, build_constant(&at, "equalized", t));
}

/* A value that is computed in another scale is another value: nobody should take it for the old
 * one by its name. */
static void rename_scaled(const struct scaling *c, struct value *v)
{
    struct channels channels = c->ties.channels[v->id];
    for (int64_t i = 0; i < channels.n; i++)
        if (scaling_factor(c, ties_class(&c->ties, v, i)) != 1) {
            struct model *m = v->graph->model;
            v->name = name_fresh(m, arena_printf(m->arena, "%s_scaled", v->name));
            v->origin = NULL;
            return;
        }
}

static bool is_whole_gate(const struct scaling *c, const struct node *n)
{
    return n->op == OP_HardSwish && c->ties.options.gates;
}

bool scaling_has_gates(const struct scaling *c)
{
    for (int i = 0; i < c->n_graphs; i++)
        graph_each(c->graph[i], n)
            if (is_whole_gate(c, n) || ties_is_gate(&c->ties, n))
                return true;
    return false;
}

/* What lies between the layers. */
static void graph_apply(const struct scaling *c, struct graph *g)
{
    graph_each(g, n) {
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                rename_scaled(c, n->out[i]);
        if (ties_is_gate(&c->ties, n))
            gate_apply(c, n);
        else if (is_whole_gate(c, n))
            hardswish_apply(c, n);
        else
            numbers_apply(c, n);
    }
}

int scaling_apply(struct scaling *c)
{
    int changes = 0;
    for (int i = 0; i < c->n_layer; i++)
        if (!scaled_prepare(c, &c->layer[i]))
            return 0;
    for (int i = 0; i < c->n_graphs; i++)
        graph_apply(c, c->graph[i]);
    for (int i = 0; i < c->n_layer; i++) {
        struct scaled *k = &c->layer[i];
        changes += k->weight != NULL;
        if (k->weight)
            linear_set_weight(&k->l, "equalized", k->weight);
        if (k->bias)
            linear_set_bias(&k->l, "equalized", k->bias);
    }
    graph_sweep(c->graph[0]);
    return changes;
}
