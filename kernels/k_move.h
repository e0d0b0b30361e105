/* SPDX-License-Identifier: Apache-2.0
 *
 * k_move: copying between strided arrays, by element size. Transpose, Slice, Concat, Pad, Expand,
 * Tile and the change of layout are all this.
 */
#ifndef K_MOVE_H
#define K_MOVE_H

#include <stddef.h>
#include <stdint.h>

/* dim[i] elements of `item` bytes (1, 2, 4, 8 or 16) along each of `rank` axes; strides count
 * elements; source strides may be 0 or negative. The two do not overlap. */
void k_move(void *dst, const void *src, size_t item, int rank, const int64_t *dim,
            const int64_t *dst_stride, const int64_t *src_stride);
/* Element (i, j, ...) of the destination is at offset[0][i] + offset[1][j] + ... of the source. */
void k_pick(void *dst, const void *src, size_t item, int rank, const int64_t *dim,
            const int64_t *dst_stride, const int64_t *const *offset);
/* The same element everywhere. */
void k_fill(void *dst, const void *element, size_t item, int64_t n);

#endif
