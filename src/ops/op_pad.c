/* SPDX-License-Identifier: Apache-2.0
 *
 * op_pad: Pad, in any layout. Negative pads cut off. Pads and value are attributes before opset 11
 * and inputs since; axes came with 18, mode wrap with 19.
 */
#include "ops.h"

#include "k_move.h"
#include "move.h"

#include <inttypes.h>

struct pads {
    bool known;
    int64_t begin[MAX_RANK], end[MAX_RANK];
};

static int pads_read(const struct call *c, int rank, struct pads *p, struct err *err)
{
    bool inputs = c->opset >= 11;
    struct ints v, axes;
    *p = (struct pads){false, {0}, {0}};
    TRY(call_ints(c, inputs ? 1 : -1, c->opset < 2 ? "paddings" : "pads", &v, err));
    TRY(call_ints(c, inputs ? 3 : -1, NULL, &axes, err));
    if (!v.given)
        return err_set(err, ERR_INPUT, "there are no pads");
    int n = axes.given ? axes.n : rank;
    if (v.n >= 0 && n >= 0 && v.n != 2 * n)
        return err_set(err, ERR_INPUT, "%d pads for %d axes", v.n, n);
    if (!v.known || (axes.given && !axes.known))
        return 0;
    unsigned mask;
    TRY(axes_mask(&axes, rank, &mask, err));
    for (int i = 0; i < n; i++) {
        int axis = axes.given ? axis_check(axes.at[i], rank, err) : i;
        int64_t most = (int64_t)1 << 40;
        if (v.at[i] < -most || v.at[i] > most || v.at[n + i] < -most || v.at[n + i] > most)
            return err_set(err, ERR_INPUT, "the pads of axis %d are too large", axis);
        p->begin[axis] = v.at[i];
        p->end[axis] = v.at[n + i];
    }
    p->known = true;
    return 0;
}

int infer_pad(struct call *c, struct err *err)
{
    struct shape s = c->in[0]->shape;
    struct pads p;
    if (s.rank >= 0)
        TRY(pads_read(c, s.rank, &p, err));
    for (int i = 0; i < s.rank; i++) {
        if (!p.known || s.dim[i] < 0) {
            s.dim[i] = -1;
        } else if (__builtin_add_overflow(s.dim[i], p.begin[i], &s.dim[i])
                   || __builtin_add_overflow(s.dim[i], p.end[i], &s.dim[i]) || s.dim[i] < 0) {
            return err_set(err, ERR_INPUT, "pads leave nothing of axis %d", i);
        }
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

/* One element of the padding, in the output's type. */
static int pad_value(struct call *c, void *element, struct err *err)
{
    const struct tensor *value = c->opset >= 11 ? call_in(c, 2) : NULL;
    enum dtype t = c->out[0]->dtype;
    if (value && tensor_count(value) != 1)
        return err_set(err, ERR_INPUT, "the value has %" PRId64 " elements, not 1",
                       tensor_count(value));
    if (value && value->dtype != t)
        return err_set(err, ERR_INPUT, "the value is of another type than the input");
    if (value && tensor_item(value))
        k_fill(element, value->data, tensor_item(value), 1);
    else if (value)
        *(uint8_t *)element = (uint8_t)*move_source(c, value);
    else
        dtype_store(t, element, 0, (double)node_float(c->node, "value", 0));
    return 0;
}

static int pad_constant(struct call *c, const struct pads *p, const struct move *m, struct err *err)
{
    const struct tensor *x = c->in[0], *y = c->out[0];
    int64_t to[MAX_RANK], from[MAX_RANK], dim[MAX_RANK], element[2] = {0}, at = 0, source = 0;
    TRY(pad_value(c, element, err));
    k_fill(m->to, element, m->item, tensor_count(y));
    tensor_strides(y, to);
    tensor_strides(x, from);
    for (int i = 0; i < x->shape.rank; i++) {
        int64_t cut = p->begin[i] < 0 ? -p->begin[i] : 0;
        int64_t left = x->shape.dim[i] - cut + (p->end[i] < 0 ? p->end[i] : 0);
        dim[i] = left > 0 ? left : 0;
        source += cut * from[i];
        at += (p->begin[i] > 0 ? p->begin[i] : 0) * to[i];
    }
    k_move(m->to + at * (int64_t)m->item, move_source(c, x) + source * (int64_t)m->item, m->item,
           x->shape.rank, dim, to, from);
    return 0;
}

enum mode { MODE_CONSTANT, MODE_REFLECT, MODE_EDGE, MODE_WRAP };

/* Where element i of an axis of n elements, counted from its start, is taken from. */
static int64_t mirrored(int64_t i, int64_t n, enum mode mode)
{
    int64_t period = mode == MODE_REFLECT ? 2 * (n - 1) : n;
    if (mode == MODE_EDGE || period == 0)
        return i < 0 ? 0 : i >= n ? n - 1 : i;
    i %= period;
    i += i < 0 ? period : 0;
    return i < n ? i : period - i;
}

static int pad_mirrored(struct call *c, const struct pads *p, enum mode mode, const struct move *m,
                        struct err *err)
{
    const struct tensor *x = c->in[0], *y = c->out[0];
    int64_t to[MAX_RANK], from[MAX_RANK];
    const int64_t *offset[MAX_RANK];
    tensor_strides(y, to);
    tensor_strides(x, from);
    for (int i = 0; i < x->shape.rank; i++) {
        int64_t n = y->shape.dim[i], *list = NEW_ARRAY(c->scratch, n + 1, int64_t);
        if (n > 0 && x->shape.dim[i] == 0)
            return err_set(err, ERR_INPUT, "axis %d has no elements to repeat", i);
        for (int64_t k = 0; k < n; k++)
            list[k] = mirrored(k - p->begin[i], x->shape.dim[i], mode) * from[i];
        offset[i] = list;
    }
    k_pick(m->to, move_source(c, x), m->item, y->shape.rank, y->shape.dim, to, offset);
    return 0;
}

int eval_pad(struct call *c, struct err *err)
{
    static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
    int mode = 0;
    struct pads p;
    struct move m;
    while (mode < 4 && !node_string_is(c->node, "mode", "constant", names[mode]))
        mode++;
    if (mode == 4)
        return err_set(err, ERR_INPUT, "attribute mode is none of constant, reflect, edge, wrap");
    TRY(pads_read(c, c->in[0]->shape.rank, &p, err));
    TRY(move_open(c, c->out[0], &m, err));
    if (mode == MODE_CONSTANT)
        TRY(pad_constant(c, &p, &m, err));
    else
        TRY(pad_mirrored(c, &p, (enum mode)mode, &m, err));
    move_close(c->out[0], &m);
    return 0;
}
