/* SPDX-License-Identifier: Apache-2.0
 *
 * k_resize: interpolation along one axis of x[outer][from][inner] into y[outer][to][inner].
 */
#ifndef K_RESIZE_H
#define K_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

struct k_taps { /* y[i] = sum over k of weight[i * n + k] * x[index[i * n + k]] */
    int64_t n;
    int64_t *index;
    float *weight;
    bool *outside; /* of element i; then it is `value`. NULL: none is */
    float value;
};

void k_resize_axis_f32(const float *x, float *y, int64_t outer, int64_t from, int64_t to,
                       int64_t inner, const struct k_taps *t);

#endif
