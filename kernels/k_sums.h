/* SPDX-License-Identifier: Apache-2.0
 *
 * k_sums: what becomes of the int32 sums of a convolution or matrix product of codes. Rows of
 * `channels` elements, the channel varying fastest; sums and biases add as two's complement.
 *
 *     y = (float)(sum + bias) * factor
 *     q = rint(clip((float)(sum + bias) * factor, lo, hi)) + zero      ties to even
 *
 * with factor = s_x s_w, or s_x s_w / s_y for codes: the arithmetic of ONNX Runtime's QLinearConv.
 */
#ifndef K_SUMS_H
#define K_SUMS_H

#include <stdint.h>

struct sums {
    const int32_t *sum;
    int64_t rows, channels;
    const int32_t *bias; /* one a channel; NULL: none */
    const float *factor; /* one a channel */
};

/* y may lie where the sums are. */
void k_sums_f32(const struct sums *s, float *y);
/* Codes of a type of 8 bits, signed or not; lo and hi leave room for zero within it. */
void k_sums_codes(const struct sums *s, float lo, float hi, int32_t zero, void *q);

#endif
