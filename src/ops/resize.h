/* SPDX-License-Identifier: Apache-2.0
 *
 * resize: what a Resize node says: how the axes change, and from where each element comes.
 */
#ifndef RESIZE_H
#define RESIZE_H

#include "k_resize.h"
#include "op.h"

enum resize_mode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC };
enum coordinate {
    COORDINATE_HALF_PIXEL,
    COORDINATE_HALF_PIXEL_SYMMETRIC,
    COORDINATE_PYTORCH_HALF_PIXEL,
    COORDINATE_ALIGN_CORNERS,
    COORDINATE_ASYMMETRIC,
    COORDINATE_CROP,       /* tf_crop_and_resize */
    COORDINATE_PIXEL_IN_TF, /* tf_half_pixel_for_nn, of opset 11 alone */
};
enum nearest { NEAREST_PREFER_FLOOR, NEAREST_PREFER_CEIL, NEAREST_FLOOR, NEAREST_CEIL,
               NEAREST_OLD /* below where the axis grows, above where it shrinks */ };

struct resize {
    enum resize_mode mode;
    enum coordinate coordinate;
    enum nearest nearest;
    bool antialias, exclude_outside;
    float cubic_a, outside_value;
    struct shape from, to; /* dims that are not known are -1 */
    double scale[MAX_RANK];
    double begin[MAX_RANK], end[MAX_RANK]; /* region of interest, for COORDINATE_CROP */
};

int resize_read(const struct call *c, struct resize *r, struct err *err);
/* Everything below needs known shapes. */
bool resize_axis_changes(const struct resize *r, int axis);
/* The source of element i along an axis. */
int64_t resize_nearest(const struct resize *r, int axis, int64_t i);
/* Does the result come from linear interpolation in planes? Fills their two axes. */
bool resize_is_bilinear(const struct resize *r, int axis[2]);
/* Between which elements element i of such a result lies, reckoned in float as runtimes do. */
struct k_pair resize_pair(const struct resize *r, int axis, int64_t i);
int resize_taps(struct arena *a, const struct resize *r, int axis, struct k_taps *t,
                struct err *err);

#endif
