/* SPDX-License-Identifier: Apache-2.0
 *
 * k_roi: points and pixels of regions.
 */
#include "k_roi.h"

#include <math.h>

/* The two pixels around a coordinate of which it is known that it is -1 .. n. */
static void neighbours(float at, int64_t n, int64_t *low, int64_t *high, float *part)
{
    at = at > 0 ? at : 0;
    *low = (int64_t)at;
    if (*low >= n - 1) {
        *low = *high = n - 1;
        *part = 0;
    } else {
        *high = *low + 1;
        *part = at - (float)*low;
    }
}

int64_t k_roi_taps(const struct k_bin *b, int64_t height, int64_t width, int64_t *index,
                   float *weight)
{
    int64_t n = 0;
    for (int64_t i = 0; i < b->rows; i++) {
        float y = b->top + ((float)i + 0.5f) * b->height / (float)b->rows;
        for (int64_t k = 0; k < b->columns; k++, n += 4) {
            float x = b->left + ((float)k + 0.5f) * b->width / (float)b->columns, down, right;
            int64_t y0, y1, x0, x1;
            if (!(y >= -1 && y <= (float)height && x >= -1 && x <= (float)width)) {
                for (int64_t j = n; j < n + 4; j++) {
                    index[j] = 0;
                    weight[j] = 0;
                }
                continue;
            }
            neighbours(y, height, &y0, &y1, &down);
            neighbours(x, width, &x0, &x1, &right);
            index[n] = y0 * width + x0;
            index[n + 1] = y0 * width + x1;
            index[n + 2] = y1 * width + x0;
            index[n + 3] = y1 * width + x1;
            weight[n] = (1 - down) * (1 - right);
            weight[n + 1] = (1 - down) * right;
            weight[n + 2] = down * (1 - right);
            weight[n + 3] = down * right;
        }
    }
    return n;
}

void k_roi_max(const struct k_image *image, int64_t width, int64_t top, int64_t bottom,
               int64_t left, int64_t right, float *y, int64_t step)
{
    bool empty = top >= bottom || left >= right;
    for (int64_t c = 0; c < image->channels; c++)
        y[c * step] = empty ? 0 : -INFINITY;
    for (int64_t i = top; i < bottom; i++)
        for (int64_t k = left; k < right; k++) {
            const float *x = image->x + (i * width + k) * image->pixel_step;
            for (int64_t c = 0; c < image->channels; c++) {
                float v = x[c * image->channel_step];
                y[c * step] = v > y[c * step] ? v : y[c * step];
            }
        }
}
