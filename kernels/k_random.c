/* SPDX-License-Identifier: Apache-2.0
 *
 * k_random: S. Vigna's splitmix64, read at any position.
 */
#include "k_random.h"

#include <math.h>

uint64_t k_random_seed(uint64_t seed, const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    uint64_t hash = seed ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t bits(uint64_t seed, uint64_t i)
{
    uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

double k_random_uniform(uint64_t seed, int64_t i)
{
    return (double)(bits(seed, (uint64_t)i) >> 11) * 0x1p-53;
}

double k_random_normal(uint64_t seed, int64_t i)
{
    /* of each pair of numbers, the first is not 0 and gives the radius, the second the angle */
    double u = 1 - k_random_uniform(seed, i & ~(int64_t)1);
    double angle = 6.283185307179586 * k_random_uniform(seed, i | 1);
    return sqrt(-2 * log(u)) * (i & 1 ? sin(angle) : cos(angle));
}
