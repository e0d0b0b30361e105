/* SPDX-License-Identifier: Apache-2.0
 *
 * channel: what each operator does to channels, a function for each kind of operator.
 */
#include "channel.h"

#include "linear.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Fills the channels of an output and the map to them from the channels of one input; false: the
 * operator does not carry them. */
typedef bool carry_fn(const struct node *n, struct channels in, int slot, int out,
                      struct channels *to, struct channel_map *map);

static const struct shape *shape_in(const struct node *n, int slot)
{
    return &n->in[slot].value->type.shape;
}

int channel_ints(const struct node *n, const char *attr, int slot, int64_t v[MAX_RANK * 2])
{
    size_t count;
    const int64_t *ints = attr ? node_ints(n, attr, &count) : NULL;
    if (ints) {
        if (count > MAX_RANK * 2)
            return -1;
        memcpy(v, ints, count * sizeof *v);
        return (int)count;
    }
    const struct tensor *t = slot < 0 ? NULL : node_constant(n, slot);
    if (!t || !t->data || tensor_count(t) > MAX_RANK * 2)
        return -1;
    for (int64_t i = 0; i < tensor_count(t); i++)
        v[i] = tensor_get_int(t, i);
    return (int)tensor_count(t);
}

static bool carry_same(const struct node *n, struct channels in, int slot, int out,
                       struct channels *to, struct channel_map *map)
{
    (void)n;
    *to = in;
    *map = (struct channel_map){0, 0, in.n, 1};
    return slot == 0 && out == 0;
}

/* Pools, Resize and Pad: as long as they leave the channels' axis alone. */
static bool carry_spatial(const struct node *n, struct channels in, int slot, int out,
                          struct channels *to, struct channel_map *map)
{
    if (!carry_same(n, in, slot, out, to, map))
        return false;
    const struct shape *x = shape_in(n, 0), *y = &n->out[0]->type.shape;
    switch (n->op) {
    case OP_Resize:
    case OP_Upsample:
        return x->rank == y->rank && in.axis < y->rank && y->dim[in.axis] == in.n;
    case OP_Pad: {
        int64_t pads[MAX_RANK * 2];
        int count = channel_ints(n, "pads", 1, pads), rank = x->rank;
        return rank > in.axis && count == 2 * rank && !node_input(n, 3) && !pads[in.axis]
            && !pads[in.axis + rank];
    }
    default: return in.axis == 1;
    }
}

static bool carry_broadcast(const struct node *n, struct channels in, int slot, int out,
                            struct channels *to, struct channel_map *map)
{
    const struct shape *x = shape_in(n, slot), *y = &n->out[0]->type.shape;
    *to = (struct channels){in.axis + y->rank - x->rank, in.n};
    *map = (struct channel_map){0, 0, in.n, 1};
    return out == 0 && x->rank >= 0 && y->rank >= 0 && (in.n > 1 || y->dim[to->axis] == 1)
        && (n->op != OP_PRelu || slot == 0);
}

bool channel_part(const struct node *concat, int slot, int axis, int64_t *from, int64_t *count)
{
    *from = *count = 0;
    for (int i = 0; i <= slot; i++) {
        const struct shape *s = shape_in(concat, i);
        if (shape_axis(s, node_int(concat, "axis", 1)) != axis || s->dim[axis] < 0)
            return false;
        *from += *count;
        *count = s->dim[axis];
    }
    return true;
}

static bool carry_concat(const struct node *n, struct channels in, int slot, int out,
                         struct channels *to, struct channel_map *map)
{
    int axis = shape_axis(shape_in(n, slot), node_int(n, "axis", 1));
    int64_t last, from;
    *to = in;
    *map = (struct channel_map){0, 0, in.n, 1};
    if (axis < 0 || out)
        return false;
    if (axis != in.axis)
        return true;
    if (!channel_part(n, n->n_in - 1, axis, &from, &last)
        || !channel_part(n, slot, axis, &map->to, &map->count))
        return false;
    to->n = from + last;
    return map->count == in.n;
}

static bool carry_split(const struct node *n, struct channels in, int slot, int out,
                        struct channels *to, struct channel_map *map)
{
    int axis = shape_axis(shape_in(n, 0), node_int(n, "axis", 0));
    *to = in;
    *map = (struct channel_map){0, 0, in.n, 1};
    if (axis < 0 || slot)
        return false;
    if (axis != in.axis)
        return true;
    int64_t at = 0;
    for (int i = 0; i <= out; i++) {
        const struct shape *s = n->out[i] ? &n->out[i]->type.shape : NULL;
        if (!s || s->rank <= axis || s->dim[axis] < 0)
            return false;
        *map = (struct channel_map){at, 0, s->dim[axis], 1};
        at += s->dim[axis];
    }
    to->n = map->count;
    return at <= in.n;
}

static int64_t clamp(int64_t v, int64_t n)
{
    v = v < 0 ? v + n : v;
    return v < 0 ? 0 : v > n ? n : v;
}

static bool carry_slice(const struct node *n, struct channels in, int slot, int out,
                        struct channels *to, struct channel_map *map)
{
    int64_t start[MAX_RANK * 2], end[MAX_RANK * 2], axes[MAX_RANK * 2], step[MAX_RANK * 2];
    int count = channel_ints(n, "starts", 1, start);
    int n_axes = channel_ints(n, "axes", 3, axes), n_steps = channel_ints(n, NULL, 4, step);
    bool no_axes = !node_attr(n, "axes") && !node_input(n, 3);
    *to = in;
    *map = (struct channel_map){0, 0, in.n, 1};
    if (slot || out || count < 0 || channel_ints(n, "ends", 2, end) != count)
        return false;
    if ((!no_axes && n_axes != count) || (node_input(n, 4) && n_steps != count))
        return false;
    for (int i = 0; i < count; i++) {
        if ((no_axes ? i : shape_axis(shape_in(n, 0), axes[i])) != in.axis)
            continue;
        int64_t from = clamp(start[i], in.n), past = clamp(end[i], in.n);
        if ((n_steps > 0 && step[i] != 1) || past <= from)
            return false;
        *map = (struct channel_map){from, 0, past - from, 1};
        to->n = past - from;
    }
    return true;
}

/* Reshape, Flatten, Squeeze, Unsqueeze: the elements from the channels' axis on must be those of an
 * axis of the output; a flattened channel becomes several. */
static bool carry_view(const struct node *n, struct channels in, int slot, int out,
                       struct channels *to, struct channel_map *map)
{
    const struct shape *x = shape_in(n, 0), *y = &n->out[0]->type.shape;
    int64_t tail = in.n;
    for (int i = in.axis + 1; i < x->rank; i++) {
        if (x->dim[i] < 0)
            return false;
        tail *= x->dim[i];
    }
    int64_t reach = 1;
    for (int i = y->rank - 1; i >= 0 && y->dim[i] > 0 && !slot && !out; i--) {
        reach *= y->dim[i];
        if (reach == tail && y->dim[i] % in.n == 0 && in.axis < x->rank) {
            *to = (struct channels){i, y->dim[i]};
            *map = (struct channel_map){0, 0, in.n, y->dim[i] / in.n};
            return true;
        }
    }
    return false;
}

static bool carry_transpose(const struct node *n, struct channels in, int slot, int out,
                            struct channels *to, struct channel_map *map)
{
    size_t count;
    const int64_t *perm = node_ints(n, "perm", &count);
    int rank = shape_in(n, 0)->rank;
    *map = (struct channel_map){0, 0, in.n, 1};
    if (slot || out || rank <= in.axis || (perm && count != (size_t)rank))
        return false;
    for (int i = 0; i < rank; i++)
        if ((perm ? perm[i] : rank - 1 - i) == in.axis) {
            *to = (struct channels){i, in.n};
            return true;
        }
    return false;
}

static bool carry_reduce(const struct node *n, struct channels in, int slot, int out,
                         struct channels *to, struct channel_map *map)
{
    int64_t axes[MAX_RANK * 2];
    int count = channel_ints(n, "axes", 1, axes), before = 0;
    if (count < 1)
        return false;
    for (int i = 0; i < count; i++) {
        int axis = shape_axis(shape_in(n, 0), axes[i]);
        if (axis < 0 || axis == in.axis)
            return false;
        before += axis < in.axis;
    }
    *to = (struct channels){in.axis - (node_int(n, "keepdims", 1) ? 0 : before), in.n};
    *map = (struct channel_map){0, 0, in.n, 1};
    return !slot && !out;
}

static carry_fn *carry_of(enum op op)
{
    switch (op) {
    case OP_Relu: case OP_LeakyRelu: case OP_Clip: case OP_Sigmoid: case OP_HardSigmoid:
    case OP_HardSwish: case OP_Tanh: case OP_Abs: case OP_Neg: case OP_Identity: case OP_Dropout:
        return carry_same;
    case OP_MaxPool: case OP_AveragePool: case OP_GlobalMaxPool: case OP_GlobalAveragePool:
    case OP_Resize: case OP_Upsample: case OP_Pad:
        return carry_spatial;
    case OP_Add: case OP_Sub: case OP_Mul: case OP_Div: case OP_Min: case OP_Max: case OP_PRelu:
        return carry_broadcast;
    case OP_Concat: return carry_concat;
    case OP_Split: return carry_split;
    case OP_Slice: return carry_slice;
    case OP_Reshape: case OP_Flatten: case OP_Squeeze: case OP_Unsqueeze: return carry_view;
    case OP_Transpose: return carry_transpose;
    case OP_ReduceMean: case OP_ReduceSum: case OP_ReduceMax: case OP_ReduceMin:
        return carry_reduce;
    default: return NULL;
    }
}

static void channels_of_node(struct channels *all, struct node *n)
{
    struct linear l;
    if (linear_find(n, &l)) {
        int axis = linear_axis(&l, n->out[0]);
        if (axis >= 0)
            all[n->out[0]->id] = (struct channels){axis, l.n_out};
        return;
    }
    carry_fn *carry = carry_of(n->op);
    struct channel_map map;
    for (int o = 0; carry && o < n->n_out; o++)
        for (int i = 0; n->out[o] && i < n->n_in && !all[n->out[o]->id].n; i++) {
            const struct value *x = n->in[i].value;
            struct channels to;
            if (x && !x->constant && all[x->id].n && carry(n, all[x->id], i, o, &to, &map))
                all[n->out[o]->id] = to;
        }
}

struct channels *channels_find(const struct model *m, struct arena *a)
{
    int n_graphs;
    struct graph **graph = model_graphs(m, a, &n_graphs);
    struct channels *all = NEW_ARRAY(a, m->n_values, struct channels);
    for (int i = 0; i < n_graphs; i++)
        graph_each(graph[i], n)
            channels_of_node(all, n);
    return all;
}

bool channel_map_find(const struct channels *all, const struct node *n, int slot, int out,
                      struct channel_map *map)
{
    const struct value *x = node_input(n, slot), *y = out < n->n_out ? n->out[out] : NULL;
    carry_fn *carry = carry_of(n->op);
    struct channels to;
    if (!carry || !x || !y || !all[x->id].n || !all[y->id].n
        || !carry(n, all[x->id], slot, out, &to, map))
        return false;
    return to.axis == all[y->id].axis && to.n == all[y->id].n;
}

bool channel_vector(const struct tensor *t, int rank, int axis, int64_t n, double *v)
{
    int64_t count = tensor_count(t);
    if (t->shape.rank > rank || (count != 1 && count != n) || !n || !dtype_info(t->dtype)->is_float)
        return false;
    int at = axis - (rank - t->shape.rank); /* where the channels are in the constant */
    if (count != 1 && (at < 0 || t->shape.dim[at] != n))
        return false;
    for (int64_t i = 0; i < n; i++)
        v[i] = tensor_get(t, count == 1 ? 0 : i);
    return true;
}

struct shape channel_shape(int rank, int axis, int64_t n)
{
    struct shape s = {.rank = rank - axis};
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = i ? 1 : n;
    return s;
}

double channel_limit(enum dtype t)
{
    return t == DTYPE_F16 ? 65504 : t == DTYPE_F64 ? DBL_MAX : (double)FLT_MAX;
}

bool channel_fits(enum dtype t, double v)
{
    return fabs(v) <= channel_limit(t); /* false for a NaN as well */
}

struct tensor *channel_tensor(struct arena *a, enum dtype t, const struct shape *s,
                              const double *v)
{
    struct tensor *to = tensor_new(a, t, s);
    for (int64_t i = 0, n = tensor_count(to); i < n; i++) {
        if (!channel_fits(t, v[i]))
            return NULL;
        dtype_store(t, to->data, i, v[i]);
    }
    return to;
}
