/* SPDX-License-Identifier: Apache-2.0
 *
 * k_iconv: convolution of 8-bit tensors, exact, as sums of 32 bits that wrap around. Operands are
 * widened to int16 without their zero points, as k_igemm.h has them; so what is outside the input
 * counts as zero. Data is channels-last; transposed convolutions are not served.
 */
#ifndef K_ICONV_H
#define K_ICONV_H

#include "k_conv.h"
#include "k_igemm.h"

/* Elements of a packed weight, and the packing from ONNX's order [m][c / groups][taps]; zero[m *
 * zero_step] is taken off. */
size_t k_iconv_packed(const struct conv_dims *d);
void k_iconv_pack(const struct conv_dims *d, enum dtype t, const void *w, const int32_t *zero,
                  int64_t zero_step, int16_t *packed);
/* Elements of scratch that k_iconv() needs. */
size_t k_iconv_scratch(const struct conv_dims *d);
/* One sample: x[in...][c] to y[out...][m]. */
void k_iconv(const struct conv_dims *d, const int16_t *x, const int16_t *packed, int32_t *y,
             int16_t *scratch);

#endif
