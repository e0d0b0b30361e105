/* SPDX-License-Identifier: Apache-2.0
 *
 * k_winograd: convolutions of 3x3 taps with a quarter of the multiplications, by Winograd's
 * F(4x4, 3x3): A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks",
 * arXiv:1509.09308. Sums are rounded otherwise than in the plain order: the error is some 1e-6 of
 * the output's size. Data is channels-last as in k_conv.h.
 */
#ifndef K_WINOGRAD_H
#define K_WINOGRAD_H

#include "k_dnnl.h"

struct k_winograd {
    int64_t down, across;      /* tiles of 4x4 outputs that are computed together */
    struct conv_dims products; /* the matrix products, as a convolution with a group for each */
    struct k_dnnl_conv code;   /* for these */
    size_t scratch;            /* bytes, aligned to 64 */
};

/* False: the geometry is another one, or oneDNN has no code for the products, or it would not be
 * faster. */
bool k_winograd_init(struct k_winograd *p, const struct conv_dims *d);
void k_winograd_release(struct k_winograd *p);
/* w: as in k_conv_pack(); packed: p->code.packed bytes. */
void k_winograd_pack(const struct k_winograd *p, const struct conv_dims *d, const float *w,
                     void *packed);
void k_winograd_run(const struct k_winograd *p, const struct conv_dims *d, const float *x,
                    const void *packed, const struct tail *t, float *y, void *scratch);

#endif
