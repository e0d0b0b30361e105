/* SPDX-License-Identifier: Apache-2.0
 *
 * k_det: the determinant of a square matrix.
 */
#ifndef K_DET_H
#define K_DET_H

#include <stdint.h>

/* a is n x n and is used up; n = 0 gives 1. */
double k_det(double *a, int64_t n);

#endif
