/* SPDX-License-Identifier: Apache-2.0
 *
 * k_linear_attention: all loops run along the rows of the state.
 */
#include "k_linear_attention.h"

#include "k_simd.h"

#include <math.h>
#include <string.h>

K_CLONES static void row_scale(float *x, int64_t n, float f)
{
    for (int64_t j = 0; j < n; j++)
        x[j] *= f;
}

K_CLONES static void row_add(float *y, const float *x, int64_t n, float f)
{
    K_NO_CARRY
    for (int64_t j = 0; j < n; j++)
        y[j] += f * x[j];
}

void k_linear_write(const struct k_linear *l, const float *k, const float *v, float *state,
                    float *scratch)
{
    const int64_t dv = l->dv;
    for (int64_t i = 0; i < l->d && l->decay; i++)
        row_scale(state + i * dv, dv, expf(l->decay[i * l->decay_step]));
    if (l->beta) {
        memcpy(scratch, v, (size_t)dv * sizeof *v);
        for (int64_t i = 0; i < l->d; i++)
            row_add(scratch, state + i * dv, dv, -k[i]);
        row_scale(scratch, dv, *l->beta);
        v = scratch;
    }
    for (int64_t i = 0; i < l->d; i++)
        row_add(state + i * dv, v, dv, k[i]);
}

void k_linear_read(const struct k_linear *l, const float *q, const float *state, float scale,
                   float *y)
{
    memset(y, 0, (size_t)l->dv * sizeof *y);
    for (int64_t i = 0; i < l->d; i++)
        row_add(y, state + i * l->dv, l->dv, scale * q[i]);
}
