/* SPDX-License-Identifier: Apache-2.0
 *
 * k_sort: sorting indices, stably.
 */
#ifndef K_SORT_H
#define K_SORT_H

#include <stdbool.h>
#include <stdint.h>

/* Is entry a after entry b? Neither where they are equal. */
typedef bool k_after(const void *data, int64_t a, int64_t b);
/* Puts n indices in order; those of equal entries keep theirs. spare: room for n. */
void k_sort(int64_t *index, int64_t *spare, int64_t n, k_after *after, const void *data);

#endif
