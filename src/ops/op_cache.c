/* SPDX-License-Identifier: Apache-2.0
 *
 * op_cache: TensorScatter, which writes the newest rows of a sequence into a cache of fixed size.
 */
#include "ops.h"

#include "move.h"

#include <inttypes.h>
#include <string.h>

enum { CACHE, UPDATE, AT };

static int check_mode(const struct call *c, bool *circular, struct err *err)
{
    *circular = node_string_is(c->node, "mode", "linear", "circular");
    if (!*circular && !node_string_is(c->node, "mode", "linear", "linear"))
        return err_set(err, ERR_INPUT, "attribute mode must be linear or circular");
    return 0;
}

int infer_tensor_scatter(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[CACHE]->shape, *u = &c->in[UPDATE]->shape;
    bool circular;
    TRY(call_same_dtype(c, CACHE, UPDATE, err));
    TRY(check_mode(c, &circular, err));
    if (x->rank >= 0) {
        int axis = axis_check(node_int(c->node, "axis", -2), x->rank, err);
        if (axis < 0)
            return -1;
        if (axis == 0)
            return err_set(err, ERR_INPUT, "axis 0 counts the samples");
        bool fits = u->rank < 0 || u->rank == x->rank;
        for (int i = 0; fits && i < u->rank; i++)
            fits = x->dim[i] < 0 || u->dim[i] < 0
                || (i == axis ? u->dim[i] <= x->dim[i] : u->dim[i] == x->dim[i]);
        if (!fits)
            return err_set(err, ERR_INPUT, "the update does not fit the cache");
    }
    call_set(c, 0, c->in[CACHE]->dtype, x);
    return 0;
}

/* Where the first row of sample b goes. */
static int read_start(const struct call *c, int64_t b, int64_t *at, struct err *err)
{
    const struct tensor *t = call_in(c, AT);
    *at = 0;
    if (!t)
        return 0;
    if ((t->dtype != DTYPE_I64 && t->dtype != DTYPE_I32)
        || tensor_count(t) != c->in[CACHE]->shape.dim[0])
        return err_set(err, ERR_INPUT, "write_indices must have one int64 a sample");
    *at = tensor_get_int(t, b);
    return 0;
}

int eval_tensor_scatter(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[CACHE]->shape, *u = &c->in[UPDATE]->shape;
    int axis = axis_check(node_int(c->node, "axis", -2), x->rank, err);
    int64_t rows = x->dim[axis], added = u->dim[axis];
    int64_t outer = shape_span(x, 1, axis), start;
    bool circular;
    struct move m;
    TRY(check_mode(c, &circular, err));
    TRY(move_open(c, c->out[0], &m, err));
    size_t row = (size_t)shape_span(x, axis + 1, x->rank) * m.item;
    const char *cache = move_source(c, c->in[CACHE]), *update = move_source(c, c->in[UPDATE]);
    memcpy(m.to, cache, (size_t)tensor_count(c->in[CACHE]) * m.item);
    for (int64_t b = 0; b < x->dim[0]; b++) {
        TRY(read_start(c, b, &start, err));
        if (start < 0 || (!circular && start > rows - added))
            return err_set(err, ERR_INPUT, "write index %" PRId64 " is out of range", start);
        for (int64_t o = b * outer; o < (b + 1) * outer; o++)
            for (int64_t i = 0; i < added; i++) {
                int64_t to = circular ? (start % rows + i) % rows : start + i;
                memcpy(m.to + (size_t)(o * rows + to) * row,
                       update + (size_t)(o * added + i) * row, row);
            }
    }
    move_close(c->out[0], &m);
    return 0;
}
