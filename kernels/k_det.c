/* SPDX-License-Identifier: Apache-2.0
 *
 * k_det: Gauss' elimination, the largest of each column as its pivot.
 */
#include "k_det.h"

#include <math.h>

static void swap_rows(double *a, double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

double k_det(double *a, int64_t n)
{
    double det = 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t best = k;
        for (int64_t i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[best * n + k]))
                best = i;
        double pivot = a[best * n + k];
        if (pivot == 0)
            return 0;
        if (best != k) {
            swap_rows(a + k * n, a + best * n, n);
            det = -det;
        }
        det *= pivot;
        for (int64_t i = k + 1; i < n; i++) {
            double f = a[i * n + k] / pivot;
            for (int64_t j = k + 1; j < n; j++)
                a[i * n + j] -= f * a[k * n + j];
        }
    }
    return det;
}
