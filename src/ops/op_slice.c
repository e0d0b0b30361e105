/* SPDX-License-Identifier: Apache-2.0
 *
 * op_slice: a strided window of a tensor. Starts, ends and axes are attributes before opset 10 and
 * inputs since, with steps.
 */
#include "ops.h"

#include "k_move.h"
#include "move.h"

#include <inttypes.h>

/* One axis of the window: count elements from start, step apart; count -1: not known. */
struct span {
    int64_t start, step, count;
};

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* Positions count from the end where negative, and are cut to what is there. */
static struct span span_of(int64_t start, int64_t end, int64_t step, int64_t dim)
{
    if (dim < 0 || start == DIM_UNKNOWN || end == DIM_UNKNOWN)
        return (struct span){0, step, -1};
    int64_t top = step > 0 ? dim : dim - 1, bottom = step > 0 ? 0 : -1;
    start = clamp(start < 0 ? start + dim : start, 0, top);
    end = clamp(end < 0 ? end + dim : end, bottom, top);
    int64_t length = step > 0 ? end - start : start - end;
    /* the step may be as far from 0 as int64 reaches, where its negative does not exist */
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    int64_t count = length <= 0 ? 0 : (int64_t)(((uint64_t)length - 1) / stride) + 1;
    return (struct span){start, step, count};
}

struct window {
    struct ints start, end, axis, step;
};

static int window_read(const struct call *c, struct window *w, struct err *err)
{
    bool inputs = c->opset >= 10;
    TRY(call_ints(c, inputs ? 1 : -1, "starts", &w->start, err));
    TRY(call_ints(c, inputs ? 2 : -1, "ends", &w->end, err));
    TRY(call_ints(c, inputs ? 3 : -1, "axes", &w->axis, err));
    TRY(call_ints(c, inputs ? 4 : -1, NULL, &w->step, err));
    if (!w->start.given || !w->end.given)
        return err_set(err, ERR_INPUT, "starts or ends are missing");
    int n = w->start.n >= 0 ? w->start.n : w->end.n;
    if (n >= 0 && ((w->end.n >= 0 && w->end.n != n) || (w->axis.n >= 0 && w->axis.n != n)
                   || (w->step.n >= 0 && w->step.n != n)))
        return err_set(err, ERR_INPUT, "starts, ends, axes and steps differ in length");
    return 0;
}

/* The spans of all axes. Where the axes themselves are not known, nothing is. */
static int window_spans(const struct window *w, const struct shape *x, struct span span[MAX_RANK],
                        struct err *err)
{
    bool axes_known = w->start.n >= 0 && (!w->axis.given || w->axis.known);
    bool steps_known = !w->step.given || w->step.known;
    unsigned mask;
    for (int i = 0; i < x->rank; i++)
        span[i] = (struct span){0, 1, axes_known ? x->dim[i] : -1};
    if (!axes_known)
        return 0;
    if (w->axis.given)
        TRY(axes_mask(&w->axis, x->rank, &mask, err));
    else if (w->start.n > x->rank)
        return err_set(err, ERR_INPUT, "there are %d starts for rank %d", w->start.n, x->rank);
    for (int i = 0; i < w->start.n; i++) {
        int axis = w->axis.given ? axis_check(w->axis.at[i], x->rank, err) : i;
        int64_t step = w->step.given && w->step.known ? w->step.at[i] : 1;
        if (!step)
            return err_set(err, ERR_INPUT, "the step along axis %d is 0", axis);
        if (w->start.known && w->end.known && steps_known)
            span[axis] = span_of(w->start.at[i], w->end.at[i], step, x->dim[axis]);
        else
            span[axis] = (struct span){0, 1, -1};
    }
    return 0;
}

int infer_slice(struct call *c, struct err *err)
{
    struct shape s = c->in[0]->shape;
    struct window w;
    struct span span[MAX_RANK];
    TRY(window_read(c, &w, err));
    if (s.rank >= 0)
        TRY(window_spans(&w, &c->in[0]->shape, span, err));
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = span[i].count;
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

int eval_slice(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    int64_t to[MAX_RANK], from[MAX_RANK], at = 0;
    struct window w;
    struct span span[MAX_RANK];
    struct move m;
    TRY(window_read(c, &w, err));
    TRY(window_spans(&w, &x->shape, span, err));
    TRY(move_open(c, y, &m, err));
    if (tensor_count(y) == 0)
        return 0;
    tensor_strides(y, to);
    tensor_strides(x, from);
    for (int i = 0; i < x->shape.rank; i++) {
        at += span[i].start * from[i];
        from[i] *= span[i].count > 1 ? span[i].step : 1;
    }
    k_move(m.to, move_source(c, x) + at * (int64_t)m.item, m.item, y->shape.rank, y->shape.dim, to,
           from);
    move_close(y, &m);
    return 0;
}
