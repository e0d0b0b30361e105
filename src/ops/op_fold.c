/* SPDX-License-Identifier: Apache-2.0
 *
 * op_fold: Col2Im.
 */
#include "ops.h"

#include "k_convert.h"
#include "k_fold.h"
#include "real.h"

#include <inttypes.h>

/* Attribute `name`, n integers of at least `least`; where it is left out, all are `least`. */
static int numbers(const struct call *c, const char *name, int n, int64_t least, int64_t *to,
                   struct err *err)
{
    size_t count;
    const int64_t *given = node_ints(c->node, name, &count);
    if (given && count != (size_t)n)
        return err_set(err, ERR_INPUT, "attribute %s must have %d elements", name, n);
    for (int i = 0; i < n; i++) {
        to[i] = given ? given[i] : least;
        if (to[i] < least || to[i] > INT32_MAX)
            return err_set(err, ERR_INPUT, "attribute %s: %" PRId64 " is not supported", name,
                           to[i]);
    }
    return 0;
}

/* The image or the block, input `slot`, as far as it is known; the number of axes is checked. */
static int sizes(const struct call *c, int slot, const char *name, int64_t least, int *axes,
                 int64_t *to, struct err *err)
{
    struct ints v;
    TRY(call_ints(c, slot, NULL, &v, err));
    if (v.n >= 0 && *axes >= 0 && v.n != *axes)
        return err_set(err, ERR_INPUT, "image_shape and block_shape differ in length");
    if (v.n == 0 || v.n > K_FOLD_AXES)
        return err_set(err, ERR_INPUT, "%d axes are not supported", v.n);
    if (v.n > 0)
        *axes = v.n;
    for (int i = 0; i < *axes && v.known; i++) {
        to[i] = v.at[i];
        if (to[i] < least || to[i] > INT32_MAX)
            return err_set(err, ERR_INPUT, "%s has %" PRId64, name, to[i]);
    }
    return 0;
}

/* Blocks along each axis, and their product; -1: not known. */
static int count_blocks(struct k_fold *f, const int64_t *pads, int64_t *all, struct err *err)
{
    *all = 1;
    for (int i = 0; i < f->axes; i++) {
        int64_t span = f->image[i] + pads[i] + pads[f->axes + i];
        int64_t rest = span - f->dilation[i] * (f->block[i] - 1) - 1;
        if (f->image[i] < 0 || f->block[i] < 0) {
            *all = -1;
            return 0;
        }
        if (rest < 0)
            return err_set(err, ERR_INPUT, "the block is larger than the image on axis %d", i);
        f->blocks[i] = rest / f->stride[i] + 1;
        if (__builtin_mul_overflow(*all, f->blocks[i], all))
            return err_set(err, ERR_INPUT, "there are too many blocks");
    }
    return 0;
}

/* And the shape of the output. Where the number of axes is not known, f->axes is -1. */
static int fold_read(const struct call *c, struct k_fold *f, struct shape *y, struct err *err)
{
    const struct shape *x = &call_in(c, 0)->shape;
    int64_t pads[2 * K_FOLD_AXES], all, taps = 1;
    *f = (struct k_fold){.axes = -1};
    for (int i = 0; i < K_FOLD_AXES; i++)
        f->image[i] = f->block[i] = -1;
    *y = shape_unknown();
    if (x->rank >= 0 && x->rank != 3)
        return err_set(err, ERR_INPUT, "the input must have rank 3, not %d", x->rank);
    TRY(sizes(c, 1, "image_shape", 0, &f->axes, f->image, err));
    TRY(sizes(c, 2, "block_shape", 1, &f->axes, f->block, err));
    if (f->axes < 0)
        return 0;
    TRY(numbers(c, "strides", f->axes, 1, f->stride, err));
    TRY(numbers(c, "dilations", f->axes, 1, f->dilation, err));
    TRY(numbers(c, "pads", 2 * f->axes, 0, pads, err));
    TRY(count_blocks(f, pads, &all, err));
    for (int i = 0; i < f->axes; i++) {
        f->pad[i] = pads[i];
        if (f->block[i] < 0)
            taps = -1;
        else if (taps > 0 && __builtin_mul_overflow(taps, f->block[i], &taps))
            return err_set(err, ERR_INPUT, "block_shape is too large");
    }
    *y = shape_of_rank(2 + f->axes);
    for (int i = 0; i < f->axes; i++)
        y->dim[2 + i] = f->image[i];
    if (x->rank < 0)
        return 0;
    if (x->dim[1] >= 0 && taps > 0 && x->dim[1] % taps)
        return err_set(err, ERR_INPUT, "%" PRId64 " rows are not a number of blocks of %" PRId64,
                       x->dim[1], taps);
    if (x->dim[2] >= 0 && all >= 0 && x->dim[2] != all)
        return err_set(err, ERR_INPUT, "the image has %" PRId64 " blocks, the input %" PRId64, all,
                       x->dim[2]);
    y->dim[0] = x->dim[0];
    y->dim[1] = x->dim[1] < 0 || taps < 0 ? -1 : x->dim[1] / taps;
    return 0;
}

int infer_col2im(struct call *c, struct err *err)
{
    enum dtype t = call_in(c, 0)->dtype;
    struct k_fold f;
    struct shape y;
    if (t && !dtype_info(t)->is_float && !dtype_info(t)->is_integer)
        return call_refuse_dtype(t, err);
    TRY(fold_read(c, &f, &y, err));
    call_set(c, 0, t, &y);
    return 0;
}

int eval_col2im(struct call *c, struct err *err)
{
    const struct tensor *x = call_in(c, 0);
    const struct tensor *y = call_out(c, 0);
    struct k_fold f;
    struct shape s;
    TRY(fold_read(c, &f, &s, err));
    f.planes = s.dim[0] * s.dim[1];
    if (x->dtype == DTYPE_F64) {
        k_fold_f64(&f, x->data, y->data);
    } else if (dtype_info(x->dtype)->is_float) {
        float *to = real_out(c, 0);
        k_fold_f32(&f, real_in(c, 0), to);
        real_store(c, 0, to);
    } else {
        int64_t n = tensor_count(x), *from = NEW_ARRAY(c->scratch, n, int64_t);
        int64_t *to = NEW_ARRAY(c->scratch, tensor_count(y), int64_t);
        k_load_i64(x->dtype, x->data, 0, 1, n, from);
        k_fold_u64(&f, (const uint64_t *)from, (uint64_t *)to);
        k_store_i64(y->dtype, y->data, 0, tensor_count(y), to);
    }
    return 0;
}
