/* SPDX-License-Identifier: Apache-2.0
 *
 * k_iconv: convolution of 8-bit tensors, exact, as sums of 32 bits that wrap around. Codes count
 * without their zero points, so that what is outside the input is zero. Data is channels-last;
 * transposed convolutions are not served.
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
/* One sample, [in...][c] from element `at` on. */
struct k_iconv_input {
    enum dtype dtype;
    const void *data;
    int64_t at;
    int32_t zero;
};

enum { K_ICONV_BLOCK = 64 };
/* Elements of scratch that k_iconv() needs. */
size_t k_iconv_scratch(const struct conv_dims *d);
/* The sums of n output positions from `first` on, at most K_ICONV_BLOCK: y[n][m]. */
void k_iconv(const struct conv_dims *d, const struct k_iconv_input *x, const int16_t *packed,
             int64_t first, int64_t n, int32_t *y, int16_t *scratch);

#endif
