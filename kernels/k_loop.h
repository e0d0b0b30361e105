/* SPDX-License-Identifier: Apache-2.0
 *
 * k_loop: walking several strided arrays of the same logical shape together.
 *
 * Axes are put in the order of operand 0's strides (largest first), those of length 1 are dropped,
 * and neighbours that are contiguous in every operand become one. What is left is walked as rows
 * along the last axis. Strides count elements and may be 0 or negative. It works for any layout,
 * since logical axes have no order of their own.
 */
#ifndef K_LOOP_H
#define K_LOOP_H

#include <stdbool.h>
#include <stdint.h>

enum { K_LOOP_RANK = 16, K_LOOP_OPERANDS = 6 };

struct k_loop {
    int rank, n_operands; /* rank >= 1 */
    int64_t dim[K_LOOP_RANK];
    int64_t stride[K_LOOP_OPERANDS][K_LOOP_RANK];
    /* the walk */
    int64_t index[K_LOOP_RANK];
    int64_t at[K_LOOP_OPERANDS]; /* where the current row starts in each operand */
};

/* stride[k] holds the strides of operand k. */
void k_loop_init(struct k_loop *l, int rank, const int64_t *dim, int n_operands,
                 const int64_t *const *stride);
/* False: there is no element at all. */
bool k_loop_first(struct k_loop *l);
/* To the next row; false after the last. */
bool k_loop_next(struct k_loop *l);

#endif
