/* SPDX-License-Identifier: Apache-2.0
 *
 * call: how the operator families read their inputs and attributes. What is not known yet (in
 * static inference) stays unknown and is no error; what is wrong gets a text that names it.
 */
#include "ops.h"

#include <inttypes.h>
#include <math.h>

void call_set(const struct call *c, int i, enum dtype dtype, const struct shape *shape)
{
    struct tensor *t = call_out(c, i);
    if (!t)
        return;
    t->dtype = dtype;
    t->shape = *shape;
}

int call_same_dtype(const struct call *c, int i, int j, struct err *err)
{
    const struct tensor *a = call_in(c, i), *b = call_in(c, j);
    if (!a || !b || !a->dtype || !b->dtype || a->dtype == b->dtype)
        return 0;
    return err_set(err, ERR_INPUT, "inputs %d and %d have different types, %s and %s", i, j,
                   dtype_info(a->dtype)->name, dtype_info(b->dtype)->name);
}

int call_refuse_dtype(enum dtype dtype, struct err *err)
{
    return err_set(err, ERR_INPUT, "type %s is not supported", dtype_info(dtype)->name);
}

int call_ints(const struct call *c, int slot, const char *attr, struct ints *v, struct err *err)
{
    *v = (struct ints){.n = -1};
    const struct tensor *t = slot < 0 ? NULL : call_in(c, slot);
    if (!t) {
        size_t n = 0;
        const int64_t *at = attr ? node_ints(c->node, attr, &n) : NULL;
        if (attr && node_attr(c->node, attr))
            *v = (struct ints){.given = true, .known = true, .n = (int)n, .at = at};
        return 0;
    }
    v->given = true;
    if (t->dtype && t->dtype != DTYPE_I64 && t->dtype != DTYPE_I32)
        return err_set(err, ERR_INPUT, "input %d must be int64, not %s", slot,
                       dtype_info(t->dtype)->name);
    if (t->shape.rank > 1)
        return err_set(err, ERR_INPUT, "input %d must be a vector, not of rank %d", slot,
                       t->shape.rank);
    int64_t n = shape_count(&t->shape);
    if (n > INT32_MAX)
        return err_set(err, ERR_INPUT, "input %d has too many elements", slot);
    v->n = (int)n;
    if (!t->data || n < 0)
        return 0;
    int64_t *at = NEW_ARRAY(c->scratch, n ? n : 1, int64_t);
    for (int64_t i = 0; i < n; i++)
        at[i] = tensor_get_int(t, i);
    v->at = at;
    v->known = true;
    return 0;
}

int call_int(const struct call *c, int slot, const char *attr, int64_t otherwise, int64_t *v,
             bool *known, struct err *err)
{
    *v = attr ? node_int(c->node, attr, otherwise) : otherwise;
    *known = true;
    if (slot < 0 || !call_in(c, slot))
        return 0;
    struct ints list;
    TRY(call_ints(c, slot, NULL, &list, err));
    if (list.n >= 0 && list.n != 1)
        return err_set(err, ERR_INPUT, "input %d must have one element, not %d", slot, list.n);
    *known = list.known;
    if (list.known)
        *v = list.at[0];
    return 0;
}

int axis_check(int64_t axis, int rank, struct err *err)
{
    if (axis < -rank || axis >= rank)
        return err_set(err, ERR_INPUT, "axis %" PRId64 " is out of range for rank %d", axis, rank);
    return (int)(axis < 0 ? axis + rank : axis);
}

int axes_mask(const struct ints *axes, int rank, unsigned *mask, struct err *err)
{
    *mask = 0;
    for (int i = 0; i < axes->n; i++) {
        int axis = axis_check(axes->at[i], rank, err);
        if (axis < 0)
            return -1;
        if (*mask & 1u << axis)
            return err_set(err, ERR_INPUT, "axis %d is given twice", axis);
        *mask |= 1u << axis;
    }
    return 0;
}

int shape_broadcast(struct shape *into, const struct shape *s, struct err *err)
{
    if (into->rank < 0 || s->rank < 0) {
        into->rank = -1;
        return 0;
    }
    struct shape a = *into;
    int rank = a.rank > s->rank ? a.rank : s->rank;
    for (int i = 1; i <= rank; i++) {
        int64_t x = i <= a.rank ? a.dim[a.rank - i] : 1;
        int64_t y = i <= s->rank ? s->dim[s->rank - i] : 1;
        if (x >= 0 && y >= 0 && x != y && x != 1 && y != 1) {
            char one[SHAPE_TEXT], two[SHAPE_TEXT];
            return err_set(err, ERR_INPUT, "shapes %s and %s do not broadcast",
                           shape_text(&a, one), shape_text(s, two));
        }
        /* an unknown dim beside a 1 stays unknown; beside anything else it must be that */
        into->dim[rank - i] = x == 1 ? y : y == 1 || x >= 0 ? x : y;
    }
    into->rank = rank;
    return 0;
}

struct shape shape_of_rank(int rank)
{
    struct shape s = {.rank = rank};
    for (int i = 0; i < rank; i++)
        s.dim[i] = -1;
    return s;
}

void tensor_order(const struct tensor *t, int order[MAX_RANK])
{
    int rank = t->shape.rank;
    bool last = t->layout == LAYOUT_CHANNELS_LAST && rank >= 3;
    for (int i = 0; i < rank; i++)
        order[i] = !last || i == 0 ? i : i == rank - 1 ? 1 : i + 1;
}

void tensor_strides(const struct tensor *t, int64_t stride[MAX_RANK])
{
    int order[MAX_RANK];
    int64_t n = 1;
    tensor_order(t, order);
    for (int i = t->shape.rank - 1; i >= 0; i--) {
        stride[order[i]] = n;
        n *= t->shape.dim[order[i]];
    }
}

void tensor_strides_in(const struct tensor *t, const struct shape *result,
                       int64_t stride[MAX_RANK])
{
    int64_t own[MAX_RANK];
    int rank = t->shape.rank, shift = result->rank - rank;
    tensor_strides(t, own);
    for (int i = 0; i < result->rank; i++)
        stride[i] = i < shift || t->shape.dim[i - shift] == 1 ? 0 : own[i - shift];
}

/* Where a rounded result is beyond the largest number of an 8-bit float. */
static bool overflows(enum dtype t, double v)
{
    switch (t) {
    case DTYPE_F8E4M3FN: return fabs(v) > 464;
    case DTYPE_F8E4M3FNUZ: return fabs(v) >= 248;
    case DTYPE_F8E5M2: case DTYPE_F8E5M2FNUZ: return fabs(v) >= 61440;
    default: return false;
    }
}

void store_small(enum dtype t, void *data, int64_t i, double v, bool saturate)
{
    if (v != v && dtype_info(t)->bits < 8) /* these have no NaN; ONNX makes it -0 */
        dtype_store(t, data, i, -0.0);
    else if (saturate || !overflows(t, v))
        dtype_store(t, data, i, v);
    else if (t == DTYPE_F8E5M2)
        ((uint8_t *)data)[i] = v < 0 ? 0xfc : 0x7c;
    else
        dtype_store(t, data, i, NAN);
}
