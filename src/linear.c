/* SPDX-License-Identifier: Apache-2.0
 *
 * linear: finding linear nodes, and the arithmetic on their weights by channel.
 */
#include "linear.h"

#include "channel.h"
#include "k_convert.h"
#include "k_simd.h"

#include <math.h>
#include <string.h>

static bool dtype_is_weight(enum dtype t)
{
    return t == DTYPE_F32 || t == DTYPE_F64 || t == DTYPE_F16 || t == DTYPE_BF16;
}

static bool linear_of_conv(struct linear *l, bool transposed)
{
    const struct shape *s = &l->weight->shape;
    l->groups = node_int(l->node, "group", 1);
    if (s->rank < 3 || l->groups < 1 || s->dim[0] % l->groups)
        return false;
    l->out_major = !transposed;
    l->major = s->dim[0];
    l->minor = s->dim[1];
    l->inner = shape_span(s, 2, s->rank);
    return true;
}

static bool linear_of_gemm(struct linear *l)
{
    const struct shape *s = &l->weight->shape;
    if (s->rank != 2 || node_int(l->node, "transA", 0))
        return false;
    l->out_major = node_int(l->node, "transB", 0) != 0;
    l->major = s->dim[0];
    l->minor = s->dim[1];
    l->alpha = (double)node_float(l->node, "alpha", 1);
    l->beta = (double)node_float(l->node, "beta", 1);
    return true;
}

/* The Add of a vector is the bias where nothing else reads the product. */
static void matmul_find_add(struct linear *l)
{
    struct value *y = l->node->out[0];
    struct node *add = value_only_user(y);
    if (!add || add->op != OP_Add || add->graph != y->graph)
        return;
    int slot = y->uses == &add->in[0] ? 1 : 0;
    const struct tensor *t = node_constant(add, slot);
    int rank = y->type.shape.rank < 0 ? l->weight->shape.rank : y->type.shape.rank;
    int64_t count = t ? tensor_count(t) : 0, n = l->weight->shape.dim[l->weight->shape.rank - 1];
    if (t && t->shape.rank <= rank
        && (count == 1 || (count == n && t->shape.dim[t->shape.rank - 1] == n))) {
        l->bias_node = add;
        l->bias_slot = slot;
        l->out = add->out[0];
    }
}

static bool linear_of_matmul(struct linear *l)
{
    const struct shape *s = &l->weight->shape;
    if (s->rank < 2)
        return false;
    l->batch = shape_span(s, 0, s->rank - 2);
    l->major = s->dim[s->rank - 2];
    l->minor = s->dim[s->rank - 1];
    l->axis_last = true;
    l->bias_node = NULL;
    matmul_find_add(l);
    return true;
}

bool linear_find(struct node *n, struct linear *l)
{
    *l = (struct linear){.node = n, .bias_node = n, .bias_slot = 2, .weight = node_constant(n, 1),
                        .batch = 1, .inner = 1, .groups = 1, .alpha = 1, .beta = 1};
    if (!l->weight || !dtype_is_weight(l->weight->dtype) || !node_input(n, 0) || !n->out[0])
        return false;
    l->out = n->out[0];
    bool found = n->op == OP_Conv            ? linear_of_conv(l, false)
                 : n->op == OP_ConvTranspose ? linear_of_conv(l, true)
                 : n->op == OP_Gemm          ? linear_of_gemm(l)
                 : n->op == OP_MatMul        ? linear_of_matmul(l)
                                             : false;
    if (!found || !tensor_count(l->weight))
        return false;
    l->n_out = l->out_major ? l->major : l->minor * l->groups;
    l->n_in = l->out_major ? l->minor * l->groups : l->major;
    return true;
}

bool linear_of_value(const struct value *v, struct linear *l)
{
    struct node *n = v->def;
    for (int i = 0; i < 2 && n && n->op == OP_Add; i++)
        if (value_def(node_input(n, i), OP_MatMul))
            n = n->in[i].value->def;
    return n && linear_find(n, l) && l->out == v;
}

bool linear_bias(const struct linear *l, double *bias)
{
    memset(bias, 0, (size_t)l->n_out * sizeof *bias);
    if (!l->bias_node || !node_input(l->bias_node, l->bias_slot))
        return true;
    const struct tensor *t = node_constant(l->bias_node, l->bias_slot);
    int rank = l->axis_last ? MAX_RANK : l->node->op == OP_Gemm ? 2 : 1;
    if (!t || !channel_vector(t, rank, rank - 1, l->n_out, bias))
        return false;
    for (int64_t o = 0; o < l->n_out; o++)
        bias[o] *= l->beta;
    return true;
}

/* x[i] *= f * by[i]. False where a product exceeds the limit or is no number. */
K_CLONES static bool scale_row(double *restrict x, double f, const double *restrict by, int64_t n,
                               double limit)
{
    int64_t over = 0;
    for (int64_t i = 0; i < n; i++) {
        double factor = f * by[i];
        x[i] = factor == 0 ? 0 : x[i] * factor;
        over += !(fabs(x[i]) <= limit);
    }
    return !over;
}

/* by[k] for each element of block k; NULL: 1. */
static void spread(double *to, const double *by, int64_t n, int64_t inner)
{
    for (int64_t i = 0; i < n * inner; i++)
        to[i] = by ? by[i / inner] : 1;
}

const struct tensor *linear_scaled(const struct linear *l, const double *out, const double *in)
{
    struct tensor *t = tensor_new(l->node->graph->model->arena, l->weight->dtype,
                                  &l->weight->shape);
    const double *major = l->out_major ? out : in, *minor = l->out_major ? in : out;
    double limit = channel_limit(t->dtype);
    int64_t length = l->minor * l->inner, per_group = l->major / l->groups;
    double *row = mem_alloc(2 * (size_t)length * sizeof *row), *factor = row + length;
    bool fits = true;
    for (int64_t r = 0; r < l->batch * l->major && fits; r++) {
        int64_t i = r % l->major;
        if (i % per_group == 0)
            spread(factor, minor ? minor + linear_minor(l, i, 0) : NULL, l->minor, l->inner);
        k_load_f64(l->weight->dtype, l->weight->data, r * length, 1, length, row);
        fits = scale_row(row, major ? major[i] : 1, factor, length, limit);
        k_store_f64(t->dtype, t->data, r * length, length, row);
    }
    mem_free(row);
    return fits ? t : NULL;
}

void linear_tops(const struct linear *l, double *top)
{
    int64_t length = l->minor * l->inner, row_count = l->batch * l->major;
    double *row = mem_alloc((size_t)length * sizeof *row);
    memset(top, 0, (size_t)(l->major * l->minor) * sizeof *top);
    for (int64_t i = 0; i < row_count; i++) {
        double *to = top + i % l->major * l->minor;
        k_load_f64(l->weight->dtype, l->weight->data, i * length, 1, length, row);
        for (int64_t k = 0; k < l->minor; k++)
            for (int64_t e = 0; e < l->inner; e++) {
                double v = fabs(row[k * l->inner + e]);
                to[k] = v > to[k] ? v : to[k];
            }
    }
    mem_free(row);
}

void linear_add_product(const struct linear *l, const double *x, double *y)
{
    int64_t at = 0;
    for (int64_t i = 0; i < l->major; i++)
        for (int64_t k = 0; k < l->minor; k++) {
            double sum = 0;
            for (int64_t e = 0; e < l->inner; e++)
                sum += tensor_get(l->weight, at++);
            y[linear_out(l, i, k)] += l->alpha * sum * x[linear_in(l, i, k)];
        }
}

/* A new constant in the place of what is in this slot. */
static void slot_set(struct node *n, int slot, const char *suffix, const struct tensor *t)
{
    struct build at = build_before(n);
    if (node_input(n, slot))
        at.stem = node_input(n, slot)->name;
    node_set_input(n, slot, build_constant(&at, suffix, t));
}

void linear_set_weight(struct linear *l, const char *suffix, const struct tensor *w)
{
    slot_set(l->node, 1, suffix, w);
    l->weight = w;
}

/* Everyone who read the product reads the sum. */
static void matmul_build_add(struct linear *l)
{
    struct build at = build_after(l->node);
    struct node *add = build_node(&at, OP_Add, 2, (struct value *[]){NULL, NULL}, 1);
    add->out[0]->type = l->out->type;
    value_replace(l->out, add->out[0]);
    node_set_input(add, 0, l->out);
    l->bias_node = add;
    l->bias_slot = 1;
    l->out = add->out[0];
}

bool linear_set_bias(struct linear *l, const char *suffix, const double *bias)
{
    struct shape s = {1, {l->n_out}};
    struct tensor *t = channel_tensor(l->node->graph->model->arena, l->weight->dtype, &s, bias);
    if (!t)
        return false;
    if (!l->bias_node)
        matmul_build_add(l);
    slot_set(l->bias_node, l->bias_slot, suffix, t);
    l->beta = 1;
    if (node_attr(l->node, "beta"))
        node_set_float(l->node, "beta", 1);
    return true;
}

bool linear_is_padded(const struct linear *l)
{
    size_t count;
    const int64_t *pads = node_ints(l->node, "pads", &count);
    for (size_t i = 0; i < count; i++)
        if (pads[i])
            return true;
    return l->node->op == OP_ConvTranspose
        || (l->node->op == OP_Conv && !node_string_is(l->node, "auto_pad", "NOTSET", "NOTSET")
            && !node_string_is(l->node, "auto_pad", "NOTSET", "VALID"));
}

int linear_axis(const struct linear *l, const struct value *v)
{
    int rank = v->type.shape.rank;
    return !l->axis_last ? 1 : rank < 1 ? -1 : rank - 1;
}
