/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_image: the line that says how a model wants its images, as in
 *
 *     resize=256 crop=224 layout=nchw rgb scale=1/255 mean=.485,.456,.406 std=.229,.224,.225
 *
 * Words are separated by blanks. These four are steps, done in the order in which they are written:
 *
 *     resize=N            the short side to N, the long one in proportion, rounded down
 *     resize=WxH          to exactly W x H
 *     crop=N, crop=WxH    the middle N x N or W x H; the image must be as large
 *     letterbox=WxH[,V]   in proportion to fit into W x H, then filled with V (0) right and below
 *     pad=WxH[,V]         filled with V (0) right and below; the image must not be larger
 *
 * Sizes change as in Pillow with BILINEAR (see image.h). The others may stand anywhere, once:
 *
 *     rgb, bgr, gray      the channels and their order; rgb where none is given
 *     layout=nchw|nhwc    nchw where it is not given
 *     scale=S             a number or a fraction, 1 where it is not given
 *     mean=M, std=D       one number for all channels, or one each in their order; 0 and 1
 *
 * A pixel p of 0..255 becomes (p * scale - mean) / std, computed in double precision and rounded
 * once. The orientation in EXIF is ignored; CMYK is refused; transparency is dropped.
 */
#ifndef DATASET_IMAGE_H
#define DATASET_IMAGE_H

#include "err.h"
#include "image.h"
#include "tensor.h"

enum step_kind { STEP_RESIZE_SHORT, STEP_RESIZE, STEP_CROP, STEP_LETTERBOX, STEP_PAD };
enum { MAX_STEPS = 8 };

struct preprocess {
    struct step {
        enum step_kind kind;
        int width, height;
        uint8_t fill;
    } step[MAX_STEPS];
    int n_steps;
    int channels; /* 3 or 1 */
    bool bgr, channels_last;
    double scale, mean[3], std[3];
};

int preprocess_parse(const char *line, struct preprocess *p, struct err *err);
/* One image as a tensor of rank 4 with axis 0 of length 1: uint8 where `raw` is set, which asks for
 * scale 1, mean 0 and std 1; else float. */
const struct tensor *preprocess_apply(const struct preprocess *p, const struct image *image,
                                      bool raw, struct arena *a, struct err *err);
bool preprocess_is_raw(const struct preprocess *p);

#endif
