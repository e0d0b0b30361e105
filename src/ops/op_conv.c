/* SPDX-License-Identifier: Apache-2.0
 *
 * op_conv: Conv and ConvTranspose.
 */
#include "codes.h"
#include "ops.h"
#include "real.h"
#include "window.h"

int infer_conv(struct call *c, struct err *err)
{
    const struct tensor *x = call_in(c, 0), *w = call_in(c, 1);
    struct conv_dims d;
    TRY(real_check(c, 0, err));
    TRY(call_same_dtype(c, 0, 1, err));
    TRY(call_same_dtype(c, 0, 2, err));
    TRY(conv_geometry(c->node, &x->shape, &w->shape, &d, err));
    const struct tensor *bias = call_in(c, 2);
    int64_t n = bias ? shape_count(&bias->shape) : -1;
    if (n >= 0 && d.m >= 0 && n != d.m)
        return err_set(err, ERR_INPUT, "the bias has %d elements for %d channels", (int)n,
                       (int)d.m);
    struct shape s = window_out_shape(&d);
    call_set(c, 0, x->dtype, &s);
    return 0;
}

int eval_conv(struct call *c, struct err *err)
{
    struct conv_dims d;
    struct tail tail = c->tail ? *c->tail : (struct tail){0};
    TRY(conv_geometry(c->node, &call_in(c, 0)->shape, &call_in(c, 1)->shape, &d, err));
    if (tensor_count(call_out(c, 0)) == 0)
        return 0;
    if (c->codes) {
        codes_convolve(c, &d, false);
        return 0;
    }
    struct conv_weight w = {real_in(c, 1), c->constant & 1u << 1, false, c->grid, call_in(c, 1)};
    if (call_in(c, 2))
        tail.bias = real_in(c, 2);
    struct conv_plan *p = conv_plan_find(c, &d, DTYPE_F32, &tail, &w);
    float *y = real_out(c, 0);
    conv_plan_run(p, real_in(c, 0), &w, &tail, y, c->scratch);
    conv_plan_leave(c, p);
    real_store(c, 0, y);
    return 0;
}
