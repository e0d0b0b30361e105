/* SPDX-License-Identifier: Apache-2.0
 *
 * op_crop: CenterCropPad. What is too long loses elements at both ends, what is too short gets
 * zeros there; an odd one is at the end. Any layout.
 */
#include "ops.h"

#include "k_move.h"
#include "move.h"

#include <inttypes.h>
#include <string.h>

int infer_center_crop_pad(struct call *c, struct err *err)
{
    struct shape s = c->in[0]->shape;
    struct ints size, axes;
    unsigned mask;
    TRY(call_ints(c, 1, NULL, &size, err));
    TRY(call_ints(c, -1, "axes", &axes, err));
    if (s.rank >= 0) {
        int n = axes.given ? axes.n : s.rank;
        TRY(axes_mask(&axes, s.rank, &mask, err));
        if (size.n >= 0 && size.n != n)
            return err_set(err, ERR_INPUT, "%d sizes for %d axes", size.n, n);
        for (int i = 0; i < n; i++) {
            int axis = axes.given ? axis_check(axes.at[i], s.rank, err) : i;
            int64_t want = size.known ? size.at[i] : DIM_UNKNOWN;
            if (want < 0 && want != DIM_UNKNOWN)
                return err_set(err, ERR_INPUT, "the size of axis %d is %" PRId64, axis, want);
            s.dim[axis] = want < 0 ? -1 : want;
        }
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

int eval_center_crop_pad(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0], *y = c->out[0];
    int64_t from[MAX_RANK], to[MAX_RANK], dim[MAX_RANK], source = 0, target = 0;
    struct move m;
    TRY(move_open(c, c->out[0], &m, err));
    memset(m.to, 0, (size_t)tensor_count(y) * m.item);
    tensor_strides(x, from);
    tensor_strides(y, to);
    for (int i = 0; i < x->shape.rank; i++) {
        int64_t more = y->shape.dim[i] - x->shape.dim[i];
        dim[i] = more > 0 ? x->shape.dim[i] : y->shape.dim[i];
        source += more < 0 ? -more / 2 * from[i] : 0;
        target += more > 0 ? more / 2 * to[i] : 0;
    }
    k_move(m.to + target * (int64_t)m.item, move_source(c, x) + source * (int64_t)m.item, m.item,
           x->shape.rank, dim, to, from);
    move_close(c->out[0], &m);
    return 0;
}
