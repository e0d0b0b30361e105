/* SPDX-License-Identifier: Apache-2.0
 *
 * k_fold: adds up overlapping blocks of an image (Col2Im): the reverse of cutting it into them.
 */
#ifndef K_FOLD_H
#define K_FOLD_H

#include <stdint.h>

enum { K_FOLD_AXES = 6 };

/* Element k of block b lies at image[b * stride - pad + k * dilation]; what is outside is left
 * out. Integers wrap around. */
struct k_fold {
    int axes; /* at least 1 */
    int64_t planes; /* images */
    int64_t image[K_FOLD_AXES], block[K_FOLD_AXES];
    int64_t blocks[K_FOLD_AXES]; /* how many there are */
    int64_t stride[K_FOLD_AXES], dilation[K_FOLD_AXES], pad[K_FOLD_AXES];
};

/* x[planes][block...][blocks...], y[planes][image...] */
void k_fold_f32(const struct k_fold *f, const float *x, float *y);
void k_fold_f64(const struct k_fold *f, const double *x, double *y);
void k_fold_u64(const struct k_fold *f, const uint64_t *x, uint64_t *y);

#endif
