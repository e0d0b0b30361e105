/* SPDX-License-Identifier: Apache-2.0
 *
 * k_sort: merging runs of 1, 2, 4, ... indices.
 */
#include "k_sort.h"

#include <string.h>

static void merge(const int64_t *from, int64_t middle, int64_t n, k_after *after, const void *data,
                  int64_t *to)
{
    int64_t i = 0, k = middle;
    while (i < middle && k < n)
        *to++ = after(data, from[i], from[k]) ? from[k++] : from[i++];
    while (i < middle)
        *to++ = from[i++];
    while (k < n)
        *to++ = from[k++];
}

void k_sort(int64_t *index, int64_t *spare, int64_t n, k_after *after, const void *data)
{
    for (int64_t run = 1; run < n; run *= 2) {
        for (int64_t i = 0; i < n; i += 2 * run) {
            int64_t left = n - i, middle = run < left ? run : left;
            merge(index + i, middle, 2 * run < left ? 2 * run : left, after, data, spare + i);
        }
        memcpy(index, spare, (size_t)n * sizeof *index);
    }
}
