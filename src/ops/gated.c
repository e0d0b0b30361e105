/* SPDX-License-Identifier: Apache-2.0
 *
 * gated: channels vary fastest, or are runs of elements.
 */
#include "gated.h"

#include "k_gate.h"
#include "k_tail.h"
#include "k_unary.h"
#include "ops.h"

static void by_channel(const struct tail *t, const struct tensor *x, struct tensor *y)
{
    const struct shape *s = &y->shape;
    int64_t n = tensor_count(y), channels = s->dim[1], span = n / s->dim[0] / channels;
    const float *from = tensor_f32(x);
    float *to = tensor_f32(y);
    if (y->layout == LAYOUT_CHANNELS_LAST || span == 1) {
        k_gate_swish_rows(from, to, n / channels, channels, t->alpha);
        return;
    }
    for (int64_t i = 0; i < n / span; i++)
        k_gate_swish(from + i * span, to + i * span, span, t->alpha[i % channels]);
}

void gated_eval(const struct call *c)
{
    const struct tensor *x = call_in(c, 0);
    struct tensor *y = call_out(c, 0);
    int64_t n = tensor_count(y);
    if (c->tail->alpha && n)
        by_channel(c->tail, x, y);
    else if (c->tail->kind == TAIL_SWISH)
        k_gate_swish(tensor_f32(x), tensor_f32(y), n, c->tail->lo);
    else
        k_unary_f32(K_HARD_SWISH, tensor_f32(x), tensor_f32(y), n, 0, 0);
}
