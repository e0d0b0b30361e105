/* SPDX-License-Identifier: Apache-2.0
 *
 * codes: the arithmetic is that of ONNX Runtime's integer kernels: sums and int32 biases in int32,
 * one multiplication in float32, rounding half to even.
 */
#include "codes.h"

#include "k_sums.h"
#include "ops.h"

#include <math.h>
#include <string.h>

struct coded_sums codes_begin(const struct call *c)
{
    const struct tensor *y = call_out(c, 0);
    bool apart = c->codes->y || (c->tail && c->tail->add == y->data);
    union {
        float *real;
        int32_t *sum;
    } at = {apart ? NEW_BUFFER(c->scratch, tensor_count(y), float) : tensor_f32(y)};
    return (struct coded_sums){at.sum, at.real};
}

void codes_product(const struct call *c, const struct conv_dims *d, const struct conv_weight *w,
                   int32_t *sum)
{
    const struct tensor *x = call_in(c, 0);
    struct conv_plan *p = conv_plan_find(c, d, x->dtype, &(struct tail){0}, w);
    conv_plan_run_codes(p, x->data, c->codes->x->zero[0], w, sum, c->scratch);
    conv_plan_leave(c, p);
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
static void end_codes(const struct call *c, const struct sums *s)
{
    const struct quant *y = c->codes->y;
    float lo = (float)(quant_min(&y->type) - y->zero[0]);
    float hi = (float)(quant_max(&y->type) - y->zero[0]);
    if (c->tail && c->tail->kind == TAIL_CLIP) {
        lo = fmaxf(lo, c->tail->lo / y->scale[0]);
        hi = fminf(hi, c->tail->hi / y->scale[0]);
    }
    k_sums_codes(s, lo, hi, y->zero[0], call_out(c, 0)->data);
}

static void end_float(const struct call *c, const struct sums *s, float *real)
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

void codes_end(const struct call *c, struct coded_sums at, int64_t channels)
{
    struct sums s = {.sum = at.sum, .rows = tensor_count(call_out(c, 0)) / channels,
                     .channels = channels, .factor = factors(c, channels)};
    if (c->codes->bias)
        s.bias = call_in(c, 2)->data;
    if (c->codes->y)
        end_codes(c, &s);
    else
        end_float(c, &s, at.real);
}
