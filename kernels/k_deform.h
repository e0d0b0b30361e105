/* SPDX-License-Identifier: Apache-2.0
 *
 * k_deform: the columns of a deformable convolution: what its kernel reads of one image, at
 * positions that offsets move between the pixels. Outside the image there are zeros.
 */
#ifndef K_DEFORM_H
#define K_DEFORM_H

#include "k_conv.h"

/* Positions first..first+n-1 of the output: columns[c][tap][n]. x is plain, [c][in...]; offset is
 * [group][tap][axis][out...]; mask, which may be NULL, [group][tap][out...]. Channels are cut into
 * offset_groups groups. */
void k_deform_columns(const struct conv_dims *d, int64_t offset_groups, const float *x,
                      const float *offset, const float *mask, int64_t first, int64_t n,
                      float *columns);

#endif
