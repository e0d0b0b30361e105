/* SPDX-License-Identifier: Apache-2.0
 *
 * k_sample: the taps of a position are the products of the taps along each axis.
 */
#include "k_sample.h"

#include "k_simd.h"

#include <math.h>

void k_sample_locate(const struct sampler *s, const float *grid, float *at)
{
    for (int i = 0; i < s->axes; i++) {
        float v = grid[s->axes - 1 - i] + 1, n = (float)s->dim[i];
        at[i] = s->align_corners ? v / 2 * (n - 1) : (v * n - 1) / 2;
    }
}

/* Thrown back at both ends until it is between them. */
static float reflected(float v, float lo, float hi)
{
    float range = hi - lo, rest = fmodf(fabsf(v - lo), 2 * range);
    if (!(rest >= 0)) /* there is but one pixel, or v is no number */
        return lo;
    return rest <= range ? lo + rest : hi - (rest - range);
}

/* The pixel that stands for pixel i; -1: none. */
static int64_t pixel_at(const struct sampler *s, int axis, int64_t i)
{
    int64_t last = s->dim[axis] - 1;
    if (i >= 0 && i <= last)
        return i;
    if (s->padding == SAMPLE_ZEROS)
        return -1;
    if (s->padding == SAMPLE_REFLECTION) {
        float edge = s->align_corners ? 0 : 0.5f;
        i = (int64_t)reflected((float)i, -edge, (float)last + edge);
    }
    return i < 0 ? 0 : i > last ? last : i;
}

/* Keys' cubic with a = -0.75, at distances 1 + f, f, 1 - f and 2 - f. */
static void cubic_weights(float f, float *w)
{
    const float a = -0.75f;
    float near = f, far = 1 - f;
    w[0] = ((a * (near + 1) - 5 * a) * (near + 1) + 8 * a) * (near + 1) - 4 * a;
    w[1] = ((a + 2) * near - (a + 3)) * near * near + 1;
    w[2] = ((a + 2) * far - (a + 3)) * far * far + 1;
    w[3] = ((a * (far + 1) - 5 * a) * (far + 1) + 8 * a) * (far + 1) - 4 * a;
}

/* Taps along one axis, those outside with index -1. */
static int axis_taps(const struct sampler *s, int axis, float at, int64_t *index, float *w)
{
    float edge = s->align_corners ? 0 : 0.5f, last = (float)(s->dim[axis] - 1);
    if (s->mode == SAMPLE_NEAREST)
        at = rintf(at);
    if (at != at)
        at = -1;
    /* Far outside is outside, and its floor has to be an int64. A cubic's position is not moved to
     * the border, as in ONNX Runtime: only the pixels that it reads are. */
    if (s->padding == SAMPLE_ZEROS || (s->padding == SAMPLE_BORDER && s->mode == SAMPLE_CUBIC))
        at = at < -4 ? -4 : at > last + 4 ? last + 4 : at;
    else if (at < -edge || at > last + edge)
        at = s->padding == SAMPLE_REFLECTION ? reflected(at, -edge, last + edge)
                                             : at < 0 ? 0 : last;
    float below = floorf(at);
    int64_t first = (int64_t)below;
    int n = s->mode == SAMPLE_NEAREST ? 1 : s->mode == SAMPLE_LINEAR ? 2 : 4;
    w[0] = 1;
    if (s->mode == SAMPLE_LINEAR) {
        w[0] = 1 - (at - below);
        w[1] = at - below;
    } else if (s->mode == SAMPLE_CUBIC) {
        cubic_weights(at - below, w);
        first--;
    }
    for (int i = 0; i < n; i++)
        index[i] = pixel_at(s, axis, first + i);
    return n;
}

int k_sample_taps(const struct sampler *s, const float *at, int64_t *index, float *weight)
{
    int64_t pixel[4];
    float w[4];
    int n = 1;
    index[0] = 0;
    weight[0] = 1;
    for (int a = 0; a < s->axes; a++) {
        int m = axis_taps(s, a, at[a], pixel, w), before = n;
        int64_t old_index[SAMPLE_TAPS / 4];
        float old_weight[SAMPLE_TAPS / 4];
        for (int i = 0; i < before; i++) {
            old_index[i] = index[i];
            old_weight[i] = weight[i];
        }
        n = 0;
        for (int i = 0; i < before; i++)
            for (int k = 0; k < m; k++) {
                if (pixel[k] < 0)
                    continue;
                index[n] = old_index[i] * s->dim[a] + pixel[k];
                weight[n++] = old_weight[i] * w[k];
            }
    }
    return n;
}

K_CLONES void k_sample_sum(const struct k_image *image, const int64_t *index, const float *weight,
                           int64_t n, float *y, int64_t step)
{
    for (int64_t c = 0; c < image->channels; c++)
        y[c * step] = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *x = image->x + index[i] * image->pixel_step;
        float w = weight[i];
        if (image->channel_step == 1 && step == 1)
            for (int64_t c = 0; c < image->channels; c++)
                y[c] += w * x[c];
        else
            for (int64_t c = 0; c < image->channels; c++)
                y[c * step] += w * x[c * image->channel_step];
    }
}

K_CLONES void k_sample_max(const struct k_image *image, const int64_t *index, const float *weight,
                           int64_t n, float *y, int64_t step)
{
    for (int64_t c = 0; c < image->channels; c++)
        y[c * step] = n ? -INFINITY : 0;
    for (int64_t i = 0; i < n; i++) {
        const float *x = image->x + index[i] * image->pixel_step;
        for (int64_t c = 0; c < image->channels; c++) {
            float v = weight[i] * x[c * image->channel_step];
            y[c * step] = v > y[c * step] ? v : y[c * step];
        }
    }
}
