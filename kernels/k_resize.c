/* SPDX-License-Identifier: Apache-2.0
 *
 * k_resize: rows of `inner` elements are combined as vectors.
 */
#include "k_resize.h"

#include "k_simd.h"

/* One element, where there are no rows. */
static float resize_one(const float *x, const int64_t *index, const float *weight, int64_t n)
{
    float sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += weight[k] * x[index[k]];
    return sum;
}

K_CLONES static void resize_row(const float *x, float *y, int64_t inner, const int64_t *index,
                                const float *weight, int64_t n)
{
    for (int64_t k = 0; k < n; k++) {
        const float *from = x + index[k] * inner;
        const float w = weight[k];
        if (k == 0)
            for (int64_t j = 0; j < inner; j++)
                y[j] = w * from[j];
        else
            for (int64_t j = 0; j < inner; j++)
                y[j] += w * from[j];
    }
}

void k_resize_axis_f32(const float *x, float *y, int64_t outer, int64_t from, int64_t to,
                       int64_t inner, const struct k_taps *t)
{
    for (int64_t o = 0; o < outer; o++, x += from * inner)
        for (int64_t i = 0; i < to; i++, y += inner) {
            const int64_t *index = t->index + i * t->n;
            const float *weight = t->weight + i * t->n;
            if (t->outside && t->outside[i])
                for (int64_t j = 0; j < inner; j++)
                    y[j] = t->value;
            else if (inner == 1)
                *y = resize_one(x, index, weight, t->n);
            else
                resize_row(x, y, inner, index, weight, t->n);
        }
}
