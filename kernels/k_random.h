/* SPDX-License-Identifier: Apache-2.0
 *
 * k_random: random numbers that depend on a seed and on their position, and on nothing else: number
 * i is the i-th output of splitmix64, so any of them can be had without those before.
 */
#ifndef K_RANDOM_H
#define K_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* A seed from bytes (FNV-1a), going on from `seed`. */
uint64_t k_random_seed(uint64_t seed, const void *bytes, size_t n);
/* 0 <= result < 1, a multiple of 2^-53. */
double k_random_uniform(uint64_t seed, int64_t i);
/* Mean 0, standard deviation 1 (Box and Muller). */
double k_random_normal(uint64_t seed, int64_t i);

#endif
