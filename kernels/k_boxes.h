/* SPDX-License-Identifier: Apache-2.0
 *
 * k_boxes: choosing among boxes that overlap.
 */
#ifndef K_BOXES_H
#define K_BOXES_H

#include <stdbool.h>
#include <stdint.h>

struct k_boxes {
    int64_t n;
    const float *corner; /* [n][4]: low and high of one axis, of the other */
    int64_t most;        /* boxes to choose */
    float overlap;       /* a box goes whose intersection over union with a chosen one is above */
    bool by_score;       /* only boxes with a score above least */
    float least;
};

/* Corners of boxes given as two opposite corners (y, x, y, x), or as x, y of the middle and
 * width, height. */
void k_boxes_corners(const float *box, int64_t n, bool middle, float *corner);
/* From the highest score on, of equal ones the first; returns how many are in chosen. order and
 * spare have room for n, chosen for the lower of n and most. */
int64_t k_boxes_choose(const struct k_boxes *b, const float *score, int64_t *order, int64_t *spare,
                       int64_t *chosen);

#endif
