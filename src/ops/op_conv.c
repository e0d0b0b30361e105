/* SPDX-License-Identifier: Apache-2.0
 *
 * op_conv: Conv and ConvTranspose.
 */
#include "conv_plan.h"
#include "k_sums.h"
#include "ops.h"
#include "real.h"
#include "window.h"

#include <math.h>
#include <string.h>

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

/* What the sums of each output channel are multiplied with. */
static const float *factors(const struct call *c, int64_t channels)
{
    const struct codes *q = c->codes;
    float *factor = NEW_ARRAY(c->scratch, channels, float);
    for (int64_t o = 0; o < channels; o++) {
        factor[o] = q->x->scale[0] * q->w->scale[q->w->n == 1 ? 0 : o];
        if (q->y)
            factor[o] /= q->y->scale[0];
    }
    return factor;
}

/* The output as codes. The tail has nothing but limits. */
static void finish_codes(const struct call *c, const struct sums *s)
{
    const struct quant *y = c->codes->y;
    float lo = (float)(quant_min(&y->type) - y->zero[0]);
    float hi = (float)(quant_max(&y->type) - y->zero[0]);
    if (c->tail && c->tail->kind == TAIL_CLIP) {
        lo = fmaxf(lo, c->tail->lo / y->scale[0]);
        hi = fminf(hi, c->tail->hi / y->scale[0]);
    }
    k_sums_codes(s, lo, hi, y->zero[0], y->type.dtype, call_out(c, 0)->data);
}

static void finish_float(const struct call *c, const struct sums *s, float *real)
{
    struct tail tail = c->tail ? *c->tail : (struct tail){0};
    if (call_in(c, 2) && !c->codes->bias)
        tail.bias = tensor_f32(call_in(c, 2));
    k_sums_f32(s, real);
    k_tail(&tail, real, s->rows, s->channels);
    float *y = tensor_f32(call_out(c, 0));
    if (real != y)
        memcpy(y, real, call_out(c, 0)->size);
}

/* y = s_x s_w (sum of (x - zero) w + bias). The sums lie where the output will, unless that is of
 * another size or holds what the tail adds. */
static void eval_codes(const struct call *c, const struct conv_dims *d)
{
    const struct codes *q = c->codes;
    const struct tensor *x = call_in(c, 0), *bias = q->bias ? call_in(c, 2) : NULL;
    struct tensor *y = call_out(c, 0);
    const int8_t *w = call_in(c, 1)->data;
    bool constant = c->constant & 1u << 1, apart = q->y || (c->tail && c->tail->add == y->data);
    int64_t n = tensor_count(y);
    union {
        int32_t *sum;
        float *real;
    } at = {.real = apart ? NEW_BUFFER(c->scratch, n, float) : tensor_f32(y)};
    struct conv_plan *p = conv_plan_find(c, d, x->dtype, &(struct tail){0}, constant ? w : NULL);
    conv_plan_run_codes(p, x->data, q->x->zero[0], w, at.sum, c->scratch);
    conv_plan_leave(c, p);
    struct sums s = {at.sum, n / d->m, d->m, bias ? bias->data : NULL, factors(c, d->m)};
    if (q->y)
        finish_codes(c, &s);
    else
        finish_float(c, &s, at.real);
}

int eval_conv(struct call *c, struct err *err)
{
    struct conv_dims d;
    struct tail tail = c->tail ? *c->tail : (struct tail){0};
    TRY(conv_geometry(c->node, &call_in(c, 0)->shape, &call_in(c, 1)->shape, &d, err));
    if (tensor_count(call_out(c, 0)) == 0)
        return 0;
    if (c->codes) {
        eval_codes(c, &d);
        return 0;
    }
    const float *w = real_in(c, 1);
    if (call_in(c, 2))
        tail.bias = real_in(c, 2);
    bool constant = c->constant & 1u << 1;
    struct conv_plan *p = conv_plan_find(c, &d, DTYPE_F32, &tail, constant ? w : NULL);
    float *y = real_out(c, 0);
    conv_plan_run(p, real_in(c, 0), w, &tail, y, c->scratch);
    conv_plan_leave(c, p);
    real_store(c, 0, y);
    return 0;
}
