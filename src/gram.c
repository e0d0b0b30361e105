/* SPDX-License-Identifier: Apache-2.0
 *
 * gram: columns are added to the sums in the order of the samples, by syrk: at once where all
 * earlier samples have added theirs; those of a sample that is ahead are kept until then.
 */
#include "gram.h"

#include "k_gram.h"
#include "k_startup.h"
#include "ops/window.h"
#include "threads.h"

#include <stdatomic.h>
#include <string.h>

/* Columns of a layer that a sample gives at most, by many runs of the layer. */
enum { MOST_POSITIONS = 3200 };

struct columns { /* of one layer in one run of it: [groups][positions][k]; also k_gram_taps() */
    float *x;
    int64_t room; /* floats behind x */
    int64_t positions;
    struct columns *next; /* a layer in a Loop's body runs many times a sample */
};
struct grams {
    struct qlayer *layer; /* copies: the placement may lose others meanwhile */
    int n, samples, slots;
    const struct graph *main;
    struct gram *gram;
    int *first, *next;       /* layers by input: by value id, then by layer; -1 ends */
    atomic_int *turn;        /* [layer]: of which sample columns are added next */
    struct columns **column; /* [slot][layer]: of samples whose turn it is not */
    struct columns *direct;  /* [slot]: on their way into the sums */
    float **products;        /* [slot]: scratch of k_gram_add_taps() */
    struct arena arena;
};

int64_t gram_length(const struct qlayer *l)
{
    enum { LONGEST = 768, SHORTEST = 256 };
    const struct shape *s = &qlayer_weight(l)->type.shape;
    int64_t row = qlayer_row_length(l), channels = l->node->op == OP_Conv ? s->dim[1] : row;
    int64_t parts = 1;
    while (row / parts > LONGEST && parts < channels)
        for (parts++; channels % parts;)
            parts++;
    return row / parts < SHORTEST ? row : row / parts;
}

int64_t gram_bytes(const struct qlayer *l)
{
    int64_t k = gram_length(l);
    return qlayer_groups(l) * (qlayer_row_length(l) / k) * k_gram_size(k) * (int64_t)sizeof(float);
}

static float *columns_reserve(struct columns *c, int64_t n)
{
    if (n > c->room) {
        mem_free(c->x);
        c->x = mem_alloc((size_t)n * sizeof *c->x);
        c->room = n;
    }
    return c->x;
}

static int64_t positions_of(const struct grams *g, int64_t k, int64_t all)
{
    int64_t n = GRAM_COLUMNS * k / g->samples;
    n = n < LEAST_POSITIONS ? LEAST_POSITIONS : n;
    return n < all ? n : all;
}

/* Position p of `count` spread over `all`. */
static int64_t spread(int64_t p, int64_t count, int64_t all)
{
    return count == all ? p : (2 * p + 1) * all / (2 * count);
}

static bool is_depthwise(const struct qlayer *l)
{
    return qlayer_groups(l) > 1 && qlayer_weight(l)->type.shape.dim[1] == 1;
}

/* A part of a column is what a group of a convolution with more groups would read. */
static void conv_columns(const struct grams *g, int layer, const struct tensor *t,
                         struct columns *c)
{
    const struct qlayer *l = &g->layer[layer];
    const struct gram *to = &g->gram[layer];
    struct conv_dims d;
    struct err err;
    if (conv_geometry(l->node, &t->shape, &qlayer_weight(l)->type.shape, &d, &err) < 0)
        return; /* the executor has run this node with this shape: it has the same geometry */
    int64_t all = d.batch * conv_out_span(&d);
    c->positions = positions_of(g, to->k, all);
    int64_t column = conv_taps(&d) * d.c;
    d.groups *= to->parts;
    float *x = columns_reserve(c, c->positions * column);
    bool last = t->layout == LAYOUT_CHANNELS_LAST;
    for (int64_t p = 0; p < c->positions; p++) {
        int64_t at = spread(p, c->positions, all);
        if (is_depthwise(l))
            k_gram_taps(&d, tensor_f32(t), last, at, x + p * column);
        else
            k_gram_column(&d, tensor_f32(t), last, at, x + p * (column / d.groups), c->positions);
    }
}

static void matrix_columns(const struct grams *g, int layer, const struct tensor *t,
                           struct columns *c)
{
    int64_t k = g->gram[layer].k, parts = g->gram[layer].parts, row = k * parts;
    int64_t all = row ? tensor_count(t) / row : 0;
    c->positions = positions_of(g, k, all);
    float *x = columns_reserve(c, c->positions * row);
    for (int64_t p = 0; p < c->positions; p++)
        for (int64_t part = 0; part < parts; part++)
            memcpy(x + (part * c->positions + p) * k,
                   tensor_f32(t) + spread(p, c->positions, all) * row + part * k,
                   (size_t)k * sizeof *x);
}

/* Room for the columns of one more run of a layer; NULL: there are enough of this sample. */
static struct columns *columns_next(struct columns *c)
{
    int64_t positions = 0;
    for (; c->positions; c = c->next) {
        positions += c->positions;
        if (positions >= MOST_POSITIONS)
            return NULL;
        if (!c->next) {
            c->next = mem_alloc(sizeof *c);
            *c->next = (struct columns){0};
        }
    }
    return c;
}

static void add_columns(const struct grams *g, int slot, int k, struct columns *c)
{
    struct gram *to = &g->gram[k];
    if (is_depthwise(&g->layer[k]))
        k_gram_add_taps(to->groups, to->k, c->positions, c->x, g->products[slot], to->xx, to->x);
    for (int64_t j = 0; j < to->groups * to->parts && !is_depthwise(&g->layer[k]); j++)
        k_gram_add(to->k, c->positions, c->x + j * c->positions * to->k,
                   to->xx + j * k_gram_size(to->k), to->x + j * to->k);
    to->columns += c->positions;
    c->positions = 0;
}

/* A layer of the main graph has seen all of the sample then; one in a body may run again. */
static void see_layer(struct grams *g, int slot, int i, int k, const struct tensor *t)
{
    const struct qlayer *l = &g->layer[k];
    bool once = l->node->graph == g->main;
    bool mine = once && atomic_load(&g->turn[k]) == i;
    struct columns *c = mine ? &g->direct[slot] : columns_next(&g->column[slot][k]);
    if (c)
        (l->node->op == OP_Conv ? conv_columns : matrix_columns)(g, k, t, c);
    if (!mine)
        return;
    add_columns(g, slot, k, c);
    atomic_store(&g->turn[k], i + 1);
}

static void on_value(void *data, int slot, int i, const struct value *v, const struct tensor *t)
{
    struct grams *g = data;
    for (int k = g->first[v->id]; k >= 0 && t->dtype == DTYPE_F32; k = g->next[k])
        see_layer(g, slot, i, k, t);
}

/* What was kept, all earlier samples being in. */
static void merge(void *data, int slot, int i)
{
    struct grams *g = data;
    unsigned before = kernels_enter(); /* as on_value() runs */
    for (int k = 0; k < g->n; k++) {
        if (atomic_load(&g->turn[k]) > i)
            continue;
        for (struct columns *c = &g->column[slot][k]; c && c->positions; c = c->next)
            add_columns(g, slot, k, c);
        atomic_store(&g->turn[k], i + 1);
    }
    kernels_leave(before);
}

static void columns_free(struct columns *first)
{
    mem_free(first->x);
    for (struct columns *c = first->next, *next; c; c = next) {
        next = c->next;
        mem_free(c->x);
        mem_free(c);
    }
}

/* The columns of the last samples. */
static int drop_columns(void *data, bool ran, struct err *err)
{
    struct grams *g = data;
    (void)ran, (void)err;
    for (int i = 0; i < g->slots; i++) {
        columns_free(&g->direct[i]);
        for (int k = 0; k < g->n; k++)
            columns_free(&g->column[i][k]);
    }
    return 0;
}

static void grams_prepare(struct grams *g, const struct model *m)
{
    struct arena *a = &g->arena;
    g->first = NEW_ARRAY(a, m->n_values, int);
    g->next = NEW_ARRAY(a, g->n, int);
    g->gram = NEW_ARRAY(a, g->n, struct gram);
    for (int i = 0; i < m->n_values; i++)
        g->first[i] = -1;
    int64_t most = 0;
    for (int i = 0; i < g->n; i++) {
        const struct qlayer *l = &g->layer[i];
        g->next[i] = g->first[l->input->id];
        g->first[l->input->id] = i;
        struct gram *to = &g->gram[i];
        *to = (struct gram){.k = gram_length(l), .groups = qlayer_groups(l)};
        to->parts = qlayer_row_length(l) / to->k;
        to->xx = NEW_ARRAY(a, to->groups * to->parts * k_gram_size(to->k), float);
        to->x = NEW_ARRAY(a, to->groups * to->parts * to->k, double);
        int64_t n = to->groups * to->k * (to->k + 3) / 2;
        most = is_depthwise(l) && n > most ? n : most;
    }
    g->turn = NEW_ARRAY(a, g->n, atomic_int);
    g->products = NEW_ARRAY(a, g->slots, float *);
    g->direct = NEW_ARRAY(a, g->slots, struct columns);
    g->column = NEW_ARRAY(a, g->slots, struct columns *);
    for (int i = 0; i < g->slots; i++) {
        g->products[i] = NEW_ARRAY(a, most, float);
        g->column[i] = NEW_ARRAY(a, g->n, struct columns);
    }
}

/* Are the columns of one sample, if its tensors have so many, much beside the weights? */
static bool columns_are_much(const struct grams *g)
{
    enum { LEAST = 8 << 20 };
    int64_t columns = 0, weights = 0;
    for (int i = 0; i < g->n; i++) {
        const struct qlayer *l = &g->layer[i];
        int64_t positions = positions_of(g, g->gram[i].k, MOST_POSITIONS);
        columns += g->gram[i].groups * qlayer_row_length(l) * positions * (int64_t)sizeof(float);
        weights += tensor_count(qlayer_weight(l)->constant) * (int64_t)sizeof(float);
    }
    return columns > LEAST && columns > weights / 2;
}

struct grams *grams_watch(const struct model *m, const struct qlayer *const *layer, int n,
                          int samples, int jobs, struct tap *tap)
{
    struct arena arena = {0};
    struct grams *g = NEW(&arena, struct grams);
    *g = (struct grams){.n = n, .samples = samples,
                        .slots = threads_slots(jobs), .main = m->graph, .arena = arena};
    g->layer = NEW_ARRAY(&g->arena, n, struct qlayer);
    for (int i = 0; i < n; i++)
        g->layer[i] = *layer[i];
    grams_prepare(g, m);
    bool *want = NEW_ARRAY(&g->arena, m->n_values, bool);
    for (int i = 0; i < m->n_values; i++)
        want[i] = g->first[i] >= 0;
    *tap = (struct tap){.want = want, .samples = samples, .watch = on_value, .merge = merge,
                        .finish = drop_columns, .data = g,
                        .keeps_much = columns_are_much(g)};
    return g;
}

const struct gram *grams_find(const struct grams *g, const struct node *n)
{
    for (int i = 0; g && i < g->n; i++)
        if (g->layer[i].node == n)
            return &g->gram[i];
    return NULL;
}

void grams_close(struct grams *g)
{
    if (!g)
        return;
    struct arena arena = g->arena;
    arena_release(&arena);
}
