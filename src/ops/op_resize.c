/* SPDX-License-Identifier: Apache-2.0
 *
 * op_resize: Resize and its predecessor Upsample, in any layout.
 *
 * Before opset 11 there are only scales, coordinates are asymmetric, and the nearest element is the
 * one below where the axis grows and the one above where it shrinks (what ONNX Runtime does; the
 * text of that time leaves it open). Nearest elements are picked; linear and cubic interpolation go
 * one axis after the other, in float, but for linear interpolation of planes; a result that goes to
 * integers is rounded.
 */
#include "ops.h"

#include "k_convert.h"
#include "k_move.h"
#include "k_resize.h"
#include "move.h"
#include "resize.h"

#include <math.h>

int infer_resize(struct call *c, struct err *err)
{
    struct resize r;
    TRY(resize_read(c, &r, err));
    call_set(c, 0, c->in[0]->dtype, &r.to);
    return 0;
}

/* How many elements of the storage are before and after an axis. */
static void storage_spans(const struct shape *s, const int *order, int axis, int64_t *outer,
                          int64_t *inner)
{
    int64_t *span = outer;
    *outer = *inner = 1;
    for (int i = 0; i < s->rank; i++) {
        if (order[i] == axis)
            span = inner;
        else
            *span *= s->dim[order[i]];
    }
}

static const struct k_pair *pairs_of(struct arena *a, const struct resize *r, int axis)
{
    struct k_pair *pair = NEW_ARRAY(a, r->to.dim[axis] + 1, struct k_pair);
    for (int64_t i = 0; i < r->to.dim[axis]; i++)
        pair[i] = resize_pair(r, axis, i);
    return pair;
}

/* Two axes that lie side by side in the storage at once. */
static const float *interpolate_plane(struct call *c, const struct resize *r, const int *order,
                                      const int axis[2], const float *from)
{
    const struct shape *s = &c->in[0]->shape;
    int64_t outer, inner, ignored;
    storage_spans(s, order, axis[0], &outer, &ignored);
    storage_spans(s, order, axis[1], &ignored, &inner);
    float *to = NEW_BUFFER(c->scratch, tensor_count(c->out[0]) + 1, float);
    k_resize_bilinear_f32(from, to, outer, s->dim[axis[0]], s->dim[axis[1]], inner,
                          pairs_of(c->scratch, r, axis[0]), r->to.dim[axis[0]],
                          pairs_of(c->scratch, r, axis[1]), r->to.dim[axis[1]]);
    return to;
}

static int interpolate(struct call *c, const struct resize *r, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    const float *from;
    float *buf = NEW_BUFFER(c->scratch, tensor_count(x) + 1, float);
    struct shape s = x->shape;
    struct k_taps t;
    int order[MAX_RANK];
    tensor_order(x, order);
    const struct dtype_info *info = dtype_info(x->dtype);
    if (!info->is_integer && (!info->is_float || info->bits < 16))
        return call_refuse_dtype(x->dtype, err);
    k_load_f32(x->dtype, x->data, 0, 1, tensor_count(x), buf);
    from = buf;
    int axis[2];
    bool plane = resize_is_bilinear(r, axis);
    if (plane)
        from = interpolate_plane(c, r, order, axis, from);
    for (int i = 0; i < s.rank && !plane; i++) {
        int64_t outer, inner, dim = s.dim[i];
        if (!resize_axis_changes(r, i))
            continue;
        TRY(resize_taps(c->scratch, r, i, &t, err));
        storage_spans(&s, order, i, &outer, &inner);
        s.dim[i] = r->to.dim[i];
        float *to = NEW_BUFFER(c->scratch, shape_count(&s) + 1, float);
        k_resize_axis_f32(from, to, outer, dim, s.dim[i], inner, &t);
        from = to;
    }
    if (info->is_integer)
        for (int64_t i = 0, n = tensor_count(y); i < n; i++)
            dtype_store(y->dtype, y->data, i, (double)from[i]);
    else
        k_store_f32(y->dtype, y->data, 0, tensor_count(y), from);
    return 0;
}

static int pick(struct call *c, const struct resize *r, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    int64_t to[MAX_RANK], from[MAX_RANK];
    const int64_t *offset[MAX_RANK];
    struct move m;
    TRY(move_open(c, y, &m, err));
    tensor_strides(y, to);
    tensor_strides(x, from);
    for (int i = 0; i < x->shape.rank; i++) {
        int64_t *list = NEW_ARRAY(c->scratch, y->shape.dim[i] + 1, int64_t);
        for (int64_t k = 0; k < y->shape.dim[i]; k++)
            list[k] = resize_nearest(r, i, k) * from[i];
        offset[i] = list;
    }
    k_pick(m.to, move_source(c, x), m.item, y->shape.rank, y->shape.dim, to, offset);
    move_close(y, &m);
    return 0;
}

int eval_resize(struct call *c, struct err *err)
{
    struct resize r;
    TRY(resize_read(c, &r, err));
    if (tensor_count(c->out[0]) == 0)
        return 0;
    if (tensor_count(c->in[0]) == 0)
        return err_set(err, ERR_INPUT, "the input has no elements to repeat");
    if (r.mode == RESIZE_NEAREST && r.coordinate != COORDINATE_CROP)
        return pick(c, &r, err);
    return interpolate(c, &r, err);
}
