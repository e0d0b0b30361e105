/* SPDX-License-Identifier: Apache-2.0
 *
 * op_select: results whose size or order depends on the data: NonZero, Compress, ReverseSequence.
 */
#include "ops.h"

#include "move.h"

#include <inttypes.h>
#include <string.h>

static bool is_zero(const struct tensor *x, int64_t i)
{
    const float *single = x->data;
    const double *real = x->data;
    if (x->dtype == DTYPE_C64)
        return single[2 * i] == 0 && single[2 * i + 1] == 0;
    if (x->dtype == DTYPE_C128)
        return real[2 * i] == 0 && real[2 * i + 1] == 0;
    return dtype_info(x->dtype)->is_float ? tensor_get(x, i) == 0 : tensor_get_int(x, i) == 0;
}

/* One column for each element that is not 0. A scalar has no axes, so no rows: that is ONNX, and
 * differs from numpy and from ONNX Runtime. */
int infer_non_zero(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct shape s = shape_of_rank(2);
    (void)err;
    s.dim[0] = x->shape.rank; /* -1: not known */
    if (x->data && dtype_info(x->dtype)->bits) {
        s.dim[1] = 0;
        for (int64_t i = 0, n = tensor_count(x); i < n; i++)
            s.dim[1] += !is_zero(x, i);
    }
    call_set(c, 0, DTYPE_I64, &s);
    return 0;
}

int eval_non_zero(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    int64_t *y = c->out[0]->data, columns = c->out[0]->shape.dim[1], at = 0;
    int rank = x->shape.rank;
    if (!dtype_info(x->dtype)->bits)
        return call_refuse_dtype(x->dtype, err);
    for (int64_t i = 0, n = tensor_count(x); i < n; i++) {
        int64_t rest = i;
        if (is_zero(x, i))
            continue;
        for (int k = rank - 1; k >= 0; k--) {
            y[k * columns + at] = rest % x->shape.dim[k];
            rest /= x->shape.dim[k];
        }
        at++;
    }
    return 0;
}

/* Without an axis the input counts as a vector. */
static int compress_view(const struct call *c, int *axis, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    *axis = -1;
    if (c->in[1]->dtype && c->in[1]->dtype != DTYPE_BOOL)
        return err_set(err, ERR_INPUT, "the condition must be bool");
    if (!node_attr(c->node, "axis") || x->rank < 0)
        return 0;
    *axis = axis_check(node_int(c->node, "axis", 0), x->rank, err);
    return *axis < 0 ? -1 : 0;
}

static int64_t compress_length(const struct call *c, int axis)
{
    int64_t dim = axis < 0 ? shape_count(&c->in[0]->shape) : c->in[0]->shape.dim[axis];
    int64_t n = shape_count(&c->in[1]->shape);
    return n < dim ? n : dim;
}

int infer_compress(struct call *c, struct err *err)
{
    const struct tensor *pick = c->in[1];
    struct shape s = c->in[0]->shape;
    int axis;
    int64_t n = -1;
    TRY(compress_view(c, &axis, err));
    if (pick->data && shape_known(&s)) {
        n = 0;
        for (int64_t i = 0, all = compress_length(c, axis); i < all; i++)
            n += tensor_get_int(pick, i) != 0;
    }
    if (!node_attr(c->node, "axis"))
        s = (struct shape){1, {n}};
    else if (s.rank >= 0)
        s.dim[axis] = n;
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

int eval_compress(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    int axis;
    struct move m;
    TRY(compress_view(c, &axis, err));
    TRY(move_open(c, y, &m, err));
    int64_t dim = axis < 0 ? tensor_count(x) : x->shape.dim[axis], at = 0;
    int64_t outer = axis < 0 ? 1 : shape_span(&x->shape, 0, axis);
    int64_t n = axis < 0 ? tensor_count(y) : y->shape.dim[axis];
    size_t run = m.item * (size_t)(axis < 0 ? 1 : shape_span(&x->shape, axis + 1, x->shape.rank));
    const char *from = move_source(c, x);
    for (int64_t i = 0, all = compress_length(c, axis); i < all; i++) {
        if (!tensor_get_int(c->in[1], i))
            continue;
        for (int64_t o = 0; o < outer; o++)
            memcpy(m.to + (size_t)(o * n + at) * run, from + (size_t)(o * dim + i) * run, run);
        at++;
    }
    move_close(y, &m);
    return 0;
}

int infer_reverse_sequence(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    int64_t time = node_int(c->node, "time_axis", 0), batch = node_int(c->node, "batch_axis", 1);
    if (time < 0 || time > 1 || batch != 1 - time)
        return err_set(err, ERR_INPUT, "time_axis and batch_axis must be 0 and 1");
    if (x->rank >= 0 && x->rank < 2)
        return err_set(err, ERR_INPUT, "the input must have rank 2 at least");
    call_set(c, 0, c->in[0]->dtype, x);
    return 0;
}

/* The first sequence_lens[b] steps of each batch entry are turned around. */
int eval_reverse_sequence(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    int time = (int)node_int(c->node, "time_axis", 0), batch = 1 - time;
    int64_t steps = x->shape.dim[time], entries = x->shape.dim[batch];
    struct ints lengths;
    struct move m;
    TRY(call_ints(c, 1, NULL, &lengths, err));
    if (lengths.n != entries)
        return err_set(err, ERR_INPUT, "%d sequence_lens for %" PRId64 " sequences", lengths.n,
                       entries);
    TRY(move_open(c, c->out[0], &m, err));
    const char *from = move_source(c, x);
    size_t run = m.item * (size_t)shape_span(&x->shape, 2, x->shape.rank);
    for (int64_t b = 0; b < entries; b++) {
        int64_t n = lengths.at[b];
        if (n < 0 || n > steps)
            return err_set(err, ERR_INPUT, "sequence_lens has %" PRId64 " of %" PRId64 " steps", n,
                           steps);
        for (int64_t t = 0; t < steps; t++) {
            int64_t source = t < n ? n - 1 - t : t;
            int64_t to = time == 0 ? t * entries + b : b * steps + t;
            int64_t at = time == 0 ? source * entries + b : b * steps + source;
            memcpy(m.to + (size_t)to * run, from + (size_t)at * run, run);
        }
    }
    move_close(c->out[0], &m);
    return 0;
}
