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

/* from: the four elements; each is the first of `inner` that go the same way. */
K_CLONES static void mix_four(const float *const *from, const float *w, int64_t inner,
                              float *restrict y)
{
    const float *a = from[0], *b = from[1], *c = from[2], *d = from[3];
    for (int64_t k = 0; k < inner; k++)
        y[k] = w[0] * a[k] + w[1] * b[k] + w[2] * c[k] + w[3] * d[k];
}

void k_resize_bilinear_f32(const float *x, float *y, int64_t outer, int64_t rows, int64_t columns,
                           int64_t inner, const struct k_pair *row, int64_t to_rows,
                           const struct k_pair *column, int64_t to_columns)
{
    for (int64_t o = 0; o < outer; o++, x += rows * columns * inner)
        for (int64_t i = 0; i < to_rows; i++)
            for (int64_t j = 0; j < to_columns; j++, y += inner) {
                const float *from[4];
                float w[4];
                for (int k = 0; k < 4; k++) {
                    int64_t at = row[i].index[k / 2] * columns + column[j].index[k % 2];
                    from[k] = x + at * inner;
                    w[k] = column[j].weight[k % 2] * row[i].weight[k / 2];
                }
                mix_four(from, w, inner, y);
            }
}
