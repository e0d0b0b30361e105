/* SPDX-License-Identifier: Apache-2.0
 *
 * ref_attention: one number at a time, in double.
 */
#include "ref_attention.h"

#include <math.h>

static bool sees(const struct k_attention *a, int64_t i, int64_t j)
{
    return j >= i + a->from && j < i + a->to && j < a->seen;
}

/* The score of row i and key j at a stage before softmax. */
static double score(const struct k_attention *a, const float *q, const float *k, int64_t i,
                    int64_t j, enum k_scores stage)
{
    double s = 0;
    for (int64_t e = 0; e < a->d; e++)
        s += (double)q[i * a->q_step + e] * (double)k[j * a->k_step + e];
    s *= (double)a->scale;
    if (stage >= K_SCORES_CAPPED && a->softcap > 0)
        s = (double)a->softcap * tanh(s / (double)a->softcap);
    if (stage >= K_SCORES_BIASED && a->bias)
        s += (double)a->bias[i * a->bias_row + j * a->bias_key];
    return stage >= K_SCORES_BIASED && !sees(a, i, j) ? -INFINITY : s;
}

/* The weight of key j for row i. */
static double weight(const struct k_attention *a, const float *q, const float *k, int64_t i,
                     int64_t j)
{
    double most = a->sink ? (double)*a->sink : -INFINITY, sum;
    for (int64_t m = 0; m < a->keys; m++)
        most = fmax(most, score(a, q, k, i, m, K_SCORES_BIASED));
    if (most == -INFINITY)
        return 0;
    sum = a->sink ? exp((double)*a->sink - most) : 0;
    for (int64_t m = 0; m < a->keys; m++)
        sum += exp(score(a, q, k, i, m, K_SCORES_BIASED) - most);
    return exp(score(a, q, k, i, j, K_SCORES_BIASED) - most) / sum;
}

void ref_attention(const struct k_attention *a, const float *q, const float *k, const float *v,
                   float *y, float *scores)
{
    for (int64_t i = 0; i < a->rows; i++) {
        for (int64_t e = 0; e < a->dv; e++)
            y[i * a->y_step + e] = 0;
        for (int64_t j = 0; j < a->keys; j++) {
            double w = weight(a, q, k, i, j);
            for (int64_t e = 0; e < a->dv; e++)
                y[i * a->y_step + e] += (float)(w * (double)v[j * a->v_step + e]);
            scores[i * a->keys + j] = (float)(a->stage == K_SCORES_SOFTMAX
                                                  ? w : score(a, q, k, i, j, a->stage));
        }
    }
}

void ref_rotary(const float *x, float *y, int64_t n, int64_t half, const float *cos,
                const float *sin, bool interleaved)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t pair = interleaved ? i / 2 : i % (half ? half : 1);
        bool second = interleaved ? i % 2 : i >= half;
        int64_t a = interleaved ? 2 * pair : pair, b = interleaved ? a + 1 : half + pair;
        if (i >= 2 * half)
            y[i] = x[i];
        else
            y[i] = second ? sin[pair] * x[a] + cos[pair] * x[b]
                          : cos[pair] * x[a] - sin[pair] * x[b];
    }
}

void ref_causal_conv(const float *x, const float *w, int64_t taps, float bias, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double sum = (double)bias;
        for (int64_t t = 0; t < taps; t++)
            sum += (double)w[t] * (double)x[i + t];
        y[i] = (float)sum;
    }
}

void ref_linear_write(const struct k_linear *l, const float *k, const float *v, float *state)
{
    for (int64_t j = 0; j < l->dv; j++) {
        double found = 0, u = (double)v[j];
        for (int64_t i = 0; i < l->d; i++) {
            double decay = l->decay ? exp((double)l->decay[i * l->decay_step]) : 1;
            state[i * l->dv + j] = (float)(decay * (double)state[i * l->dv + j]);
            found += (double)state[i * l->dv + j] * (double)k[i];
        }
        if (l->beta)
            u = (double)*l->beta * (u - found);
        for (int64_t i = 0; i < l->d; i++)
            state[i * l->dv + j] += (float)((double)k[i] * u);
    }
}

void ref_linear_read(const struct k_linear *l, const float *q, const float *state, float scale,
                     float *y)
{
    for (int64_t j = 0; j < l->dv; j++) {
        double sum = 0;
        for (int64_t i = 0; i < l->d; i++)
            sum += (double)q[i] * (double)state[i * l->dv + j];
        y[j] = (float)((double)scale * sum);
    }
}
