/* SPDX-License-Identifier: Apache-2.0
 *
 * k_layout: between plain (N, C, spatial) and channels-last (N, spatial, C) storage.
 */
#ifndef K_LAYOUT_H
#define K_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/* dst[b][j][i] = src[b][i][j] for b < batch, i < rows, j < columns; items of 1, 2, 4 or 8 bytes.
 * Plain to channels-last: rows = C, columns = spatial; back: rows = spatial, columns = C. */
void k_transpose(void *dst, const void *src, size_t item, int64_t batch, int64_t rows,
                 int64_t columns);

#endif
