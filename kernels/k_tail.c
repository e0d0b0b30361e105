/* SPDX-License-Identifier: Apache-2.0
 *
 * k_tail: bias, sum and limits in one walk over the result, row by row.
 */
#include "k_tail.h"

static void limit_row(const struct tail *t, float *y, int64_t n)
{
    if (t->kind == TAIL_CLIP) {
        for (int64_t i = 0; i < n; i++) {
            float v = y[i] < t->lo ? t->lo : y[i];
            y[i] = v > t->hi ? t->hi : v;
        }
    } else if (t->kind == TAIL_LEAKY) {
        for (int64_t i = 0; i < n; i++)
            y[i] = y[i] < 0 ? t->lo * y[i] : y[i];
    }
}

void k_tail(const struct tail *t, float *y, int64_t rows, int64_t channels)
{
    if (!t->bias && !t->add) {
        limit_row(t, y, rows * channels);
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        float *row = y + r * channels;
        if (t->bias)
            for (int64_t i = 0; i < channels; i++)
                row[i] += t->bias[i];
        if (t->add) {
            const float *add = t->add + r * channels;
            for (int64_t i = 0; i < channels; i++)
                row[i] += add[i];
        }
        limit_row(t, row, channels);
    }
}
