/* SPDX-License-Identifier: Apache-2.0
 *
 * k_linear_attention: one step of the recurrence of one head. With the state S, d x dv:
 *
 *     S = exp(decay) S;  u = beta (v - S'k) where there is a beta, else v;  S = S + k u'
 */
#ifndef K_LINEAR_ATTENTION_H
#define K_LINEAR_ATTENTION_H

#include <stdint.h>

struct k_linear {
    int64_t d, dv;
    const float *decay;  /* NULL: none */
    int64_t decay_step;  /* 0: one for all rows of the state; 1: one each */
    const float *beta;   /* NULL: none */
};

/* scratch: dv elements. */
void k_linear_write(const struct k_linear *l, const float *k, const float *v, float *state,
                    float *scratch);
/* y = scale * S' q */
void k_linear_read(const struct k_linear *l, const float *q, const float *state, float scale,
                   float *y);

#endif
