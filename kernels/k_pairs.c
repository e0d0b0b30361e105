/* SPDX-License-Identifier: Apache-2.0
 *
 * k_pairs: lanes that keep their own largest scale, which vectors of any width agree on.
 */
#include "k_pairs.h"

#include "k_math.h"
#include "k_simd.h"

enum { LANES = 16 };

K_INLINE float part_of(const struct k_pairs *p, int64_t i, int which, float w)
{
    return k_most(w * p->hi[which][i], w * p->lo[which][i]);
}

/* The largest sum upwards: of two weights of one sign, the larger takes its largest code, and what
 * the sum of both leaves is for the other. */
K_INLINE float sum_of(const struct k_pairs *p, int64_t i, float a, float b)
{
    float apart = part_of(p, i, 0, a) + part_of(p, i, 1, b);
    float of_a = a * p->hi[0][i] + b * k_most(p->sum[i] - p->hi[0][i], p->lo[1][i]);
    float of_b = b * p->hi[1][i] + a * k_most(p->sum[i] - p->hi[1][i], p->lo[0][i]);
    float together = k_least(apart, a >= b ? of_a : of_b);
    return k_least(a, b) > 0 ? together : apart;
}

/* What is left for the sum where both codes are rounded to nearest. */
K_INLINE float room_of(const struct k_pairs *p, int64_t i, float limit)
{
    return limit - 0.5f * k_least(p->hi[0][i] + p->hi[1][i], p->sum[i]);
}

K_INLINE float scale_of(const struct k_pairs *p, int64_t i, float a, float b, float limit)
{
    return k_most(sum_of(p, i, a, b), sum_of(p, i, -a, -b)) / room_of(p, i, limit);
}

K_CLONES float k_pairs_lowest_scale(const struct k_pairs *p, int64_t first, int64_t n,
                                    const float *a, const float *b, float limit)
{
    const struct k_pairs from = {{p->lo[0] + first, p->lo[1] + first},
                                 {p->hi[0] + first, p->hi[1] + first}, p->sum + first};
    float lane[LANES] = {0}, low = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] = k_most(lane[k], scale_of(&from, i + k, a[i + k], b[i + k], limit));
    for (; i < n; i++)
        low = k_most(low, scale_of(&from, i, a[i], b[i], limit));
    for (int k = 0; k < LANES; k++)
        low = k_most(low, lane[k]);
    return low;
}

float k_pair_sum(const struct k_pairs *p, int64_t i, float a, float b)
{
    return sum_of(p, i, a, b);
}

float k_pair_room(const struct k_pairs *p, int64_t i, float limit)
{
    return room_of(p, i, limit);
}

float k_pair_part(const struct k_pairs *p, int64_t i, int which, float w)
{
    return part_of(p, i, which, w);
}
