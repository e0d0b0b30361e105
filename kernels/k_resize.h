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

/* Linear interpolation along two neighbouring axes of x[outer][rows][columns][inner] at once. Each
 * of four elements is multiplied by the product of its two weights, and the products are added row
 * by row: so results equal ONNX Runtime's to the bit, where the weights do. */
struct k_pair { /* between which two elements, and their weights */
    int64_t index[2];
    float weight[2];
};
void k_resize_bilinear_f32(const float *x, float *y, int64_t outer, int64_t rows, int64_t columns,
                           int64_t inner, const struct k_pair *row, int64_t to_rows,
                           const struct k_pair *column, int64_t to_columns);

#endif
