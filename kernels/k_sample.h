/* SPDX-License-Identifier: Apache-2.0
 *
 * k_sample: reading an image between its pixels. A position becomes a list of taps, pixels and
 * their weights, which all channels share. Positions count pixels along each axis, 0 is the middle
 * of the first one.
 */
#ifndef K_SAMPLE_H
#define K_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

enum { SAMPLE_AXES = 3, SAMPLE_TAPS = 64 /* at most, of one position */ };

enum sample_mode { SAMPLE_NEAREST, SAMPLE_LINEAR, SAMPLE_CUBIC };
enum sample_padding { SAMPLE_ZEROS, SAMPLE_BORDER, SAMPLE_REFLECTION };

struct sampler {
    int axes;                 /* 1 to SAMPLE_AXES */
    int64_t dim[SAMPLE_AXES]; /* all > 0 */
    enum sample_mode mode;
    enum sample_padding padding;
    bool align_corners; /* the image ends at the middle of the outer pixels, not behind them */
};

/* From -1 .. 1 over the image, last axis first, as GridSample has it. */
void k_sample_locate(const struct sampler *s, const float *grid, float *at);
/* Returns how many taps there are; index counts pixels, row-major. */
int k_sample_taps(const struct sampler *s, const float *at, int64_t *index, float *weight);

/* Where the pixels and the channels of an image are. */
struct k_image {
    const float *x;
    int64_t channels, channel_step, pixel_step;
};

/* y[c * step] = sum of weight * pixel, or the largest of these products; 0 without taps. */
void k_sample_sum(const struct k_image *image, const int64_t *index, const float *weight, int64_t n,
                  float *y, int64_t step);
void k_sample_max(const struct k_image *image, const int64_t *index, const float *weight, int64_t n,
                  float *y, int64_t step);

#endif
