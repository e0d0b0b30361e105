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

/* What channels are in all calls, and the extremes of all elements in one: as of k_extremes(). */
struct k_channels {
    float *lo, *hi; /* [channel]; NaN is left out */
    float *sum;     /* [channel]: the largest of an element and the next channel's; of the last
                       channel it may be anything */
    float min, max;
};
/* Widens them by x[rows][channels], in one pass; returns what k_extremes() does. */
int64_t k_channels(const float *x, int64_t rows, int64_t channels, struct k_channels *to);

enum { K_BINS = 2048 };
/* Adds 1 to bin[floor(x * inverse) - first] for each finite x. inverse is a power of two; every
 * product must lie within +-2^22 and every index within the bins. */
void k_histogram(const float *x, int64_t n, float inverse, int32_t first, uint64_t bin[K_BINS]);

#endif
