/* SPDX-License-Identifier: Apache-2.0
 *
 * k_pairs: what sums of two products come to. Two weights are multiplied by codes within
 * lo[0] .. hi[0] and lo[1] .. hi[1], of at least 0, whose own sum is at most `sum`; how weights
 * come to be neighbours is pairs.h's.
 */
#ifndef K_PAIRS_H
#define K_PAIRS_H

#include <stdint.h>

struct k_pairs {
    float *lo[2], *hi[2], *sum; /* [pair] */
};

/* The lowest scale with which the sums of all pairs from `first` on fit `limit` in magnitude, if
 * the codes of weights are rounded to nearest. a, b: the n pairs of weights. */
float k_pairs_lowest_scale(const struct k_pairs *p, int64_t first, int64_t n, const float *a,
                           const float *b, float limit);
/* The largest sum that weights a and b of pair i make, upwards, and what it may be. */
float k_pair_sum(const struct k_pairs *p, int64_t i, float a, float b);
float k_pair_room(const struct k_pairs *p, int64_t i, float limit);
/* The largest product, upwards, of weight w that is the first or second of pair i. */
float k_pair_part(const struct k_pairs *p, int64_t i, int which, float w);

#endif
