/* SPDX-License-Identifier: Apache-2.0
 *
 * k_deform: taps are found once for a position and all channels of its offset group.
 */
#include "k_deform.h"

#include "k_sample.h"

/* Position `out` of the output and tap `tap` of the kernel, both row-major, as a position of the
 * input before the offset. */
static void undisturbed(const struct conv_dims *d, int64_t out, int64_t tap, float *at)
{
    for (int a = CONV_AXES - 1; a >= CONV_AXES - d->axes; a--) {
        int64_t o = out % d->out[a], k = tap % d->kernel[a];
        out /= d->out[a];
        tap /= d->kernel[a];
        at[a - CONV_AXES + d->axes] =
            (float)(o * d->stride[a] - d->pad[a] + k * d->dilation[a]);
    }
}

void k_deform_columns(const struct conv_dims *d, int64_t offset_groups, const float *x,
                      const float *offset, const float *mask, int64_t first, int64_t n,
                      float *columns)
{
    int64_t taps = conv_taps(d), in = conv_in_span(d), out = conv_out_span(d);
    int64_t channels = d->c / offset_groups, index[SAMPLE_TAPS];
    struct sampler s = {.axes = d->axes, .mode = SAMPLE_LINEAR, .padding = SAMPLE_ZEROS};
    float at[SAMPLE_AXES], weight[SAMPLE_TAPS];
    for (int a = 0; a < d->axes; a++)
        s.dim[a] = d->in[CONV_AXES - d->axes + a];
    for (int64_t g = 0; g < offset_groups; g++)
        for (int64_t t = 0; t < taps; t++)
            for (int64_t i = 0; i < n; i++) {
                int64_t slot = g * taps + t;
                undisturbed(d, first + i, t, at);
                for (int a = 0; a < d->axes; a++)
                    at[a] += offset[(slot * d->axes + a) * out + first + i];
                int count = k_sample_taps(&s, at, index, weight);
                for (int k = 0; mask && k < count; k++)
                    weight[k] *= mask[slot * out + first + i];
                struct k_image image = {x + g * channels * in, channels, in, 1};
                k_sample_sum(&image, index, weight, count,
                             columns + (g * channels * taps + t) * n + i, taps * n);
            }
}
