/* SPDX-License-Identifier: Apache-2.0
 *
 * op_qpool: com.microsoft's QLinearAveragePool and NhwcMaxPool.
 *
 * As in ONNX Runtime, an average is the float sum of the values of a window, tap by tap, divided by
 * the taps inside the input, or by all of the window where count_include_pad is set (also those
 * behind the padding, which ceil_mode may add); the output's zero point is added before rounding.
 */
#include "ops.h"

#include "k_convert.h"
#include "k_move.h"
#include "k_pool.h"
#include "k_qlinear.h"
#include "qparam.h"
#include "window.h"

enum { X, X_SCALE, X_ZERO, Y_SCALE, Y_ZERO };

static bool is_last(const struct call *c)
{
    return c->node->op == OP_NhwcMaxPool || node_int(c->node, "channels_last", 0) != 0;
}

static int geometry(const struct call *c, struct conv_dims *d, struct err *err)
{
    struct shape x = call_in(c, X)->shape;
    if (is_last(c))
        x = shape_channels_first(&x);
    return pool_geometry(c->node, &x, d, err);
}

static int infer(struct call *c, struct err *err)
{
    struct conv_dims d;
    TRY(code_check(c, X, err));
    TRY(geometry(c, &d, err));
    struct shape y = window_out_shape(&d);
    if (is_last(c))
        y = shape_channels_last(&y);
    call_set(c, 0, call_in(c, X)->dtype, &y);
    return 0;
}

int infer_qlinear_pool(struct call *c, struct err *err)
{
    TRY(inputs_need(c, 1u << X | 1u << X_SCALE | 1u << Y_SCALE, err));
    TRY(call_same_dtype(c, X, Y_ZERO, err));
    return infer(c, err);
}

int infer_nhwc_maxpool(struct call *c, struct err *err)
{
    return infer(c, err);
}

/* The strides of a tensor, and those of the same elements stored with their channels last. */
static void both_strides(const struct call *c, const struct tensor *t, int64_t own[MAX_RANK],
                         int64_t last[MAX_RANK])
{
    int64_t n = 1;
    int rank = t->shape.rank, channel = is_last(c) ? rank - 1 : 1;
    tensor_strides(t, own);
    last[channel] = n;
    n *= t->shape.dim[channel];
    for (int i = rank - 1; i >= 0; i--) {
        if (i == channel)
            continue;
        last[i] = n;
        n *= t->shape.dim[i];
    }
}

/* Codes of a tensor in the order that the kernels want, and back. */
static uint8_t *codes_in(const struct call *c, const struct tensor *x)
{
    int64_t own[MAX_RANK], last[MAX_RANK];
    uint8_t *to = NEW_ARRAY(c->scratch, tensor_count(x), uint8_t);
    both_strides(c, x, own, last);
    k_move(to, x->data, 1, x->shape.rank, x->shape.dim, last, own);
    return to;
}
static void codes_out(const struct call *c, struct tensor *y, const uint8_t *from)
{
    int64_t own[MAX_RANK], last[MAX_RANK];
    both_strides(c, y, own, last);
    k_move(y->data, from, 1, y->shape.rank, y->shape.dim, own, last);
}

int eval_qlinear_pool(struct call *c, struct err *err)
{
    const struct tensor *x = call_in(c, X);
    struct tensor *y = call_out(c, 0);
    int64_t n_in = tensor_count(x), n_out = tensor_count(y);
    float x_scale, y_scale, values[256];
    int32_t x_zero, y_zero;
    struct conv_dims d;
    TRY(geometry(c, &d, err));
    TRY(scale_read(c, X_SCALE, &x_scale, err));
    TRY(scale_read(c, Y_SCALE, &y_scale, err));
    TRY(zero_read(c, X_ZERO, x->dtype, &x_zero, err));
    TRY(zero_read(c, Y_ZERO, y->dtype, &y_zero, err));
    if (!n_out)
        return 0;
    for (int i = 0; i < 256; i++) {
        uint8_t bits = (uint8_t)i;
        values[i] = x_scale * (float)(dtype_load_int(x->dtype, &bits, 0) - x_zero);
    }
    float *in = NEW_ARRAY(c->scratch, n_in, float), *out = NEW_ARRAY(c->scratch, n_out, float);
    uint8_t *codes = NEW_ARRAY(c->scratch, n_out, uint8_t);
    k_lookup_f32(values, codes_in(c, x), n_in, in);
    k_pool_average_float(&d, node_int(c->node, "count_include_pad", 0) != 0, in, out);
    k_codes_late(out, n_out, y_scale, y_zero, y->dtype, codes);
    codes_out(c, y, codes);
    return 0;
}

int eval_nhwc_maxpool(struct call *c, struct err *err)
{
    const struct tensor *x = call_in(c, X);
    struct tensor *y = call_out(c, 0);
    int64_t n_in = tensor_count(x), n_out = tensor_count(y);
    struct conv_dims d;
    TRY(geometry(c, &d, err));
    if (!n_out)
        return 0;
    float *in = NEW_ARRAY(c->scratch, n_in, float), *out = NEW_ARRAY(c->scratch, n_out, float);
    k_load_f32(x->dtype, x->data, 0, 1, n_in, in);
    k_pool_max(&d, in, out);
    k_store_f32(y->dtype, y->data, 0, n_out, out);
    return 0;
}
