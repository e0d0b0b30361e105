/* SPDX-License-Identifier: Apache-2.0
 *
 * op_quantize_range: quantization that is told a range instead of a scale: DynamicQuantizeLinear,
 * which finds its own, and OpenVINO's FakeQuantize, which rounds and stays float.
 */
#include "ops.h"

#include "k_loop.h"
#include "k_round.h"
#include "qparam.h"

#include <math.h>

int infer_dynamic_quantize(struct call *c, struct err *err)
{
    (void)err;
    struct shape scalar = {.rank = 0};
    call_set(c, 0, DTYPE_U8, &c->in[0]->shape);
    call_set(c, 1, DTYPE_F32, &scalar);
    call_set(c, 2, DTYPE_U8, &scalar);
    return 0;
}

int eval_dynamic_quantize(struct call *c, struct err *err)
{
    const float *x = tensor_f32(c->in[0]);
    int64_t n = tensor_count(c->in[0]);
    float scale;
    int32_t zero;
    if (c->in[0]->dtype != DTYPE_F32)
        return call_refuse_dtype(c->in[0]->dtype, err);
    dynamic_range(x, n, &scale, &zero);
    if (call_out(c, 0))
        k_quantize_f32(x, DTYPE_U8, c->out[0]->data, n, scale, zero, 0, 255);
    if (call_out(c, 1))
        *tensor_f32(c->out[1]) = scale;
    if (call_out(c, 2))
        *(uint8_t *)c->out[2]->data = (uint8_t)zero;
    return 0;
}

/* Inputs: X, the limits of the input's range, those of the output's. */
int infer_fake_quantize(struct call *c, struct err *err)
{
    struct shape s = c->in[0]->shape;
    for (int i = 1; i < 5; i++) {
        TRY(call_same_dtype(c, 0, i, err));
        TRY(shape_broadcast(&s, &c->in[i]->shape, err));
    }
    if (node_int(c->node, "levels", 0) < 2)
        return err_set(err, ERR_INPUT, "attribute levels must be at least 2");
    if (shape_known(&s) && shape_known(&c->in[0]->shape) && !shape_equal(&s, &c->in[0]->shape))
        return err_set(err, ERR_INPUT, "the limits have more elements than the input");
    call_set(c, 0, c->in[0]->dtype, &c->in[0]->shape);
    return 0;
}

struct limits {
    float in_lo, in_hi, out_lo, out_hi;
};

static inline float fake_round(float x, struct limits l, float steps)
{
    float lo = l.in_lo < l.in_hi ? l.in_lo : l.in_hi, hi = l.in_lo < l.in_hi ? l.in_hi : l.in_lo;
    if (x <= lo)
        return l.out_lo;
    if (x > hi)
        return l.out_hi;
    return rintf((x - l.in_lo) / (l.in_hi - l.in_lo) * steps) / steps * (l.out_hi - l.out_lo)
         + l.out_lo;
}

int eval_fake_quantize(struct call *c, struct err *err)
{
    struct tensor *y = c->out[0];
    float steps = (float)(node_int(c->node, "levels", 2) - 1);
    int64_t stride[6][MAX_RANK];
    const int64_t *strides[6];
    struct k_loop l;
    if (y->dtype != DTYPE_F32)
        return call_refuse_dtype(y->dtype, err);
    tensor_strides(y, stride[0]);
    for (int i = 0; i < 5; i++)
        tensor_strides_in(c->in[i], &y->shape, stride[i + 1]);
    for (int i = 0; i < 6; i++)
        strides[i] = stride[i];
    k_loop_init(&l, y->shape.rank, y->shape.dim, 6, strides);
    int last = l.rank - 1;
    if (!k_loop_first(&l))
        return 0;
    do {
        const float *in[5];
        float *to = tensor_f32(y) + l.at[0];
        for (int i = 0; i < 5; i++)
            in[i] = tensor_f32(c->in[i]) + l.at[i + 1];
        for (int64_t i = 0; i < l.dim[last]; i++) {
            struct limits m = {in[1][i * l.stride[2][last]], in[2][i * l.stride[3][last]],
                               in[3][i * l.stride[4][last]], in[4][i * l.stride[5][last]]};
            to[i] = fake_round(in[0][i * l.stride[1][last]], m, steps);
        }
    } while (k_loop_next(&l));
    return 0;
}
