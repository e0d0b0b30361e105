/* SPDX-License-Identifier: Apache-2.0
 *
 * k_roi: what RoiAlign and MaxRoiPool read of a region of an image.
 */
#ifndef K_ROI_H
#define K_ROI_H

#include "k_sample.h"

struct k_bin { /* a rectangle of an image, in pixels, sampled at rows * columns points */
    float top, left, height, width;
    int64_t rows, columns;
};

/* Four taps a point, in index[4 * rows * columns]; their weights are 0 where the point is more than
 * a pixel outside. Returns how many. */
int64_t k_roi_taps(const struct k_bin *b, int64_t height, int64_t width, int64_t *index,
                   float *weight);
/* The largest pixels of rows top..bottom-1 and columns left..right-1; 0 where there are none. */
void k_roi_max(const struct k_image *image, int64_t width, int64_t top, int64_t bottom,
               int64_t left, int64_t right, float *y, int64_t step);

#endif
