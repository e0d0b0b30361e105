/* SPDX-License-Identifier: Apache-2.0
 *
 * k_norm: two passes over the data for the variance, since one pass would cancel.
 */
#include "k_norm.h"

#include "k_simd.h"


enum { LANES = 16 };

static double lanes_sum(const double *lane)
{
    double sum = 0;
    for (int k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}

/* Sum of x - c (power 1) or of its square (power 2). */
K_CLONES static double distance_sum(const float *x, int64_t n, double c, int power)
{
    double lane[LANES] = {0};
    int64_t i = 0;
    if (power == 1) {
        for (; i + LANES <= n; i += LANES)
            for (int k = 0; k < LANES; k++)
                lane[k] += (double)x[i + k] - c;
        for (; i < n; i++)
            lane[0] += (double)x[i] - c;
        return lanes_sum(lane);
    }
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) {
            double d = (double)x[i + k] - c;
            lane[k] += d * d;
        }
    for (; i < n; i++) {
        double d = (double)x[i] - c;
        lane[0] += d * d;
    }
    return lanes_sum(lane);
}

void k_moments_f32(const float *x, int64_t n, double *mean, double *variance)
{
    *mean = distance_sum(x, n, 0, 1) / (double)n;
    *variance = distance_sum(x, n, *mean, 2) / (double)n;
}

double k_mean_square_f32(const float *x, int64_t n)
{
    return distance_sum(x, n, 0, 2) / (double)n;
}

K_CLONES void k_normalize_f32(const float *x, float *y, int64_t n, float mean, float factor,
                              const float *scale, int64_t ss, const float *bias, int64_t sb)
{
    static const float none = 0;
    if (!bias) {
        bias = &none;
        sb = 0;
    }
    if (ss == 1 && sb == 1) {
        K_NO_CARRY
        for (int64_t i = 0; i < n; i++)
            y[i] = (x[i] - mean) * factor * scale[i] + bias[i];
    } else if (ss == 0 && sb == 0) {
        const float s = *scale, b = *bias;
        K_NO_CARRY
        for (int64_t i = 0; i < n; i++)
            y[i] = (x[i] - mean) * factor * s + b;
    } else {
        K_NO_CARRY
        for (int64_t i = 0; i < n; i++)
            y[i] = (x[i] - mean) * factor * scale[i * ss] + bias[i * sb];
    }
}
