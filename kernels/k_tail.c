/* SPDX-License-Identifier: Apache-2.0
 *
 * k_tail: bias, sum and activation in one walk over the result, row by row.
 */
#include "k_tail.h"

#include "k_binary.h"
#include "k_gate.h"
#include "k_unary.h"

static void limit_row(const struct tail *t, float *y, int64_t n)
{
    static const enum k_unary kernel[] = {
        [TAIL_CLIP] = K_CLIP,   [TAIL_LEAKY] = K_LEAKY_RELU, [TAIL_SWISH] = K_SWISH,
        [TAIL_HARD_SWISH] = K_HARD_SWISH, [TAIL_GELU] = K_GELU,
    };
    if (t->kind != TAIL_NONE)
        k_unary_f32(kernel[t->kind], y, y, n, t->lo, t->hi);
}

void k_tail(const struct tail *t, float *y, int64_t rows, int64_t channels)
{
    if (t->alpha) {
        struct tail sums = {.bias = t->bias, .add = t->add};
        k_tail(&sums, y, rows, channels);
        k_gate_swish_rows(y, y, rows, channels, t->alpha);
        return;
    }
    if (!t->bias && !t->add) {
        limit_row(t, y, rows * channels);
        return;
    }
    enum { WIDE = 512 };
    float wide[WIDE];
    const float *bias = t->bias;
    int64_t together = 1; /* rows: short ones are not worth a call each */
    if (channels > 0 && channels <= WIDE / 2) {
        together = WIDE / channels;
        for (int64_t i = 0; bias && i < together * channels; i++)
            wide[i] = bias[i % channels];
        bias = bias ? wide : NULL;
    }
    for (int64_t r = 0; r < rows; r += together) {
        int64_t n = (rows - r < together ? rows - r : together) * channels;
        float *row = y + r * channels;
        if (bias)
            k_binary_f32(K_ADD, row, 1, bias, 1, row, n);
        if (t->add)
            k_binary_f32(K_ADD, row, 1, t->add + r * channels, 1, row, n);
        limit_row(t, row, n);
    }
}
