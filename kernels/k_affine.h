/* SPDX-License-Identifier: Apache-2.0
 *
 * k_affine: y = a[channel] * x + b[channel]; y may be x.
 */
#ifndef K_AFFINE_H
#define K_AFFINE_H

#include <stdint.h>

/* Channels-last: rows of `channels` elements. */
void k_affine_last(const float *a, const float *b, int64_t channels, const float *x, float *y,
                   int64_t rows);
/* Plain: batch * channels runs of `span` elements. */
void k_affine_plain(const float *a, const float *b, int64_t channels, const float *x, float *y,
                    int64_t batch, int64_t span);

#endif
