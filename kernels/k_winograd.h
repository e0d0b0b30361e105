/* SPDX-License-Identifier: Apache-2.0
 *
 * k_winograd: convolutions of 3x3 taps with half to a quarter of the multiplications, by oneDNN's
 * code for Winograd's F(2x2, 3x3) and F(4x4, 3x3). Their sums are rounded otherwise, about as well
 * as in the plain order. Data is channels-last as in k_conv.h.
 */
#ifndef K_WINOGRAD_H
#define K_WINOGRAD_H

#include "k_dnnl.h"

struct k_winograd {
    struct conv_dims dims;   /* of a band of rows, without padding above and below */
    struct k_dnnl_conv band; /* on blocks of 16 channels */
    size_t scratch;          /* bytes, aligned to 64 */
    bool has_relu;           /* the code does it */
};

/* False: the geometry is another one, or there is no such code for the processor, or it would not
 * be faster. Of the tail, what matters is as in k_dnnl_conv_init(). */
bool k_winograd_init(struct k_winograd *p, const struct conv_dims *d, const struct tail *t);
/* p->band is packed as others are, for p->dims. */
void k_winograd_run(const struct k_winograd *p, const struct conv_dims *d, const float *x,
                    const void *packed, const struct tail *t, float *y, void *scratch);

#endif
