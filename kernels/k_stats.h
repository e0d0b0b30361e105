/* SPDX-License-Identifier: Apache-2.0
 *
 * k_stats: one pass over floats for sums, one for extremes, one for a histogram.
 *
 * The order of additions is fixed, so that sums do not depend on the processor. Groups of eight are
 * added in single precision, else in double: sums are good to 1e-6 of the sum of magnitudes, and
 * squares below 2^-126 count as 0.
 */
#ifndef K_STATS_H
#define K_STATS_H

#include <stdint.h>

struct k_stats {
    int64_t n;     /* finite elements */
    int64_t zeros; /* of these, equal to 0 */
    double sum, sum2;
};

void k_stats(const float *x, int64_t n, struct k_stats *s);
/* Of the finite elements, INFINITY and -INFINITY where there are none; returns how many are NaN or
 * infinite. */
int64_t k_extremes(const float *x, int64_t n, float *min, float *max);

/* Widens lo[c] .. hi[c] by the elements of x[rows][c] that are in channel c; NaN is left out. */
void k_channel_extremes(const float *x, int64_t rows, int64_t channels, float *lo, float *hi);
/* Raises sum[c] to the largest x[row][c] + x[row][c + 1], for c + 1 < channels; sum[channels - 1]
 * may be anything afterwards. */
void k_neighbour_sums(const float *x, int64_t rows, int64_t channels, float *sum);

enum { K_BINS = 2048 };
/* Adds 1 to bin[floor(x * inverse) - first] for each finite x. inverse is a power of two; every
 * product must lie within +-2^22 and every index within the bins. */
void k_histogram(const float *x, int64_t n, float inverse, int32_t first, uint64_t bin[K_BINS]);

#endif
