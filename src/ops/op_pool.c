/* SPDX-License-Identifier: Apache-2.0
 *
 * op_pool: MaxPool, AveragePool, LpPool, and the same over the whole input.
 */
#include "ops.h"

#include "k_pool.h"
#include "real.h"
#include "window.h"

static int infer_window(struct call *c, const struct conv_dims *d)
{
    struct shape s = window_out_shape(d);
    call_set(c, 0, call_in(c, 0)->dtype, &s);
    call_set(c, 1, DTYPE_I64, &s); /* MaxPool's indices */
    return 0;
}

int infer_pool(struct call *c, struct err *err)
{
    struct conv_dims d;
    TRY(pool_geometry(c->node, &call_in(c, 0)->shape, &d, err));
    return infer_window(c, &d);
}

int infer_pool_global(struct call *c, struct err *err)
{
    struct conv_dims d;
    TRY(pool_global_geometry(&call_in(c, 0)->shape, &d, err));
    return infer_window(c, &d);
}

/* The geometry, and false where there is nothing to compute. */
static int open_window(const struct call *c, bool global, struct conv_dims *d, struct err *err)
{
    const struct shape *x = &call_in(c, 0)->shape;
    TRY(global ? pool_global_geometry(x, d, err) : pool_geometry(c->node, x, d, err));
    return tensor_count(call_out(c, 0)) > 0;
}

/* What is selected is not rounded: models compare it with the input. */
static int eval_max(struct call *c, bool global, struct err *err)
{
    struct conv_dims d;
    int some = open_window(c, global, &d, err);
    if (some <= 0)
        return some;
    bool reverse = node_int(c->node, "storage_order", 0) != 0;
    int64_t *index = call_out(c, 1) ? call_out(c, 1)->data : NULL;
    if (call_in(c, 0)->dtype == DTYPE_F64) {
        k_pool_max_f64(&d, call_in(c, 0)->data, call_out(c, 0)->data);
        if (index)
            k_pool_max_index_f64(&d, call_in(c, 0)->data, reverse, index);
        return 0;
    }
    const float *x = real_in(c, 0);
    float *y = real_out(c, 0);
    k_pool_max(&d, x, y);
    real_store(c, 0, y);
    if (index)
        k_pool_max_index(&d, x, reverse, index);
    return 0;
}

int eval_maxpool(struct call *c, struct err *err)
{
    return eval_max(c, false, err);
}

int eval_maxpool_global(struct call *c, struct err *err)
{
    return eval_max(c, true, err);
}

static int eval_average(struct call *c, bool global, struct err *err)
{
    struct conv_dims d;
    TRY(real_check(c, 0, err));
    int some = open_window(c, global, &d, err);
    if (some <= 0)
        return some;
    float *y = real_out(c, 0);
    k_pool_average(&d, node_int(c->node, "count_include_pad", 0) != 0, real_in(c, 0), y);
    real_store(c, 0, y);
    return 0;
}

int eval_averagepool(struct call *c, struct err *err)
{
    return eval_average(c, false, err);
}

int eval_averagepool_global(struct call *c, struct err *err)
{
    return eval_average(c, true, err);
}

static int eval_lp(struct call *c, bool global, struct err *err)
{
    struct conv_dims d;
    int64_t p = node_int(c->node, "p", 2);
    if (c->opset < 2 && node_attr(c->node, "p"))
        return err_set(err, ERR_INPUT, "attribute p of opset 1 is not supported");
    TRY(real_check(c, 0, err));
    if (p < 1 || p > INT32_MAX)
        return err_set(err, ERR_INPUT, "attribute p is out of range");
    int some = open_window(c, global, &d, err);
    if (some <= 0)
        return some;
    float *y = real_out(c, 0);
    k_pool_lp(&d, (int)p, real_in(c, 0), y);
    real_store(c, 0, y);
    return 0;
}

int eval_lppool(struct call *c, struct err *err)
{
    return eval_lp(c, false, err);
}

int eval_lppool_global(struct call *c, struct err *err)
{
    return eval_lp(c, true, err);
}
