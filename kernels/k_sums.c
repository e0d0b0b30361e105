/* SPDX-License-Identifier: Apache-2.0
 *
 * k_sums: rows of few channels are taken several at a time, with bias and factor repeated, so that
 * the inner loops are long enough for vectors.
 */
#include "k_sums.h"

#include "k_math.h"
#include "k_simd.h"

enum { WIDTH = 512 }; /* elements of the repeated pattern, at most */

/* Bias and factor of n elements that follow each other. */
struct pattern {
    int64_t n;
    const uint32_t *bias;
    const float *factor;
};

static inline float real(int32_t sum, uint32_t bias, float factor)
{
    return (float)(int32_t)((uint32_t)sum + bias) * factor;
}

K_CLONES static void piece_f32(const struct pattern *p, const int32_t *sum, int64_t n, float *y)
{
    K_NO_CARRY
    for (int64_t i = 0; i < n; i++)
        y[i] = real(sum[i], p->bias[i], p->factor[i]);
}

#define CODES(type)                                                                                \
    do {                                                                                           \
        type *to = (type *)q;                                                                      \
        K_NO_CARRY                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                          \
            float v = real(sum[i], p->bias[i], p->factor[i]);                                      \
            v = v > lo ? v : lo;                                                                   \
            v = v < hi ? v : hi;                                                                   \
            to[i] = (type)((int32_t)k_rint(v) + zero);                                             \
        }                                                                                          \
    } while (0)

K_CLONES static void piece_codes(const struct pattern *p, const int32_t *sum, int64_t n, float lo,
                                 float hi, int32_t zero, enum dtype t, void *q)
{
    if (t == DTYPE_I8)
        CODES(int8_t);
    else
        CODES(uint8_t);
}

/* The pattern from element i on, which is the first of a row or, in long rows, of a piece. */
static struct pattern pattern_at(const struct sums *s, int64_t i, uint32_t bias[WIDTH],
                                 float factor[WIDTH])
{
    int64_t c = i % s->channels, left = s->rows * s->channels - i;
    int64_t n = s->channels <= WIDTH ? WIDTH / s->channels * s->channels : s->channels - c;
    n = n < WIDTH ? n : WIDTH;
    n = n < left ? n : left;
    for (int64_t k = 0; k < n; k++, c = c + 1 < s->channels ? c + 1 : 0) {
        bias[k] = s->bias ? (uint32_t)s->bias[c] : 0;
        factor[k] = s->factor[c];
    }
    return (struct pattern){n, bias, factor};
}

/* Calls for one piece of the sums after another. */
#define EACH_PIECE(call)                                                                           \
    do {                                                                                           \
        uint32_t bias[WIDTH];                                                                      \
        float factor[WIDTH];                                                                       \
        struct pattern p = {0};                                                                    \
        for (int64_t i = 0, n, all = s->rows * s->channels; i < all; i += n) {                     \
            if (!i || s->channels > WIDTH)                                                         \
                p = pattern_at(s, i, bias, factor);                                                \
            n = p.n < all - i ? p.n : all - i;                                                     \
            call;                                                                                  \
        }                                                                                          \
    } while (0)

void k_sums_f32(const struct sums *s, float *y)
{
    EACH_PIECE(piece_f32(&p, s->sum + i, n, y + i));
}

void k_sums_codes(const struct sums *s, float lo, float hi, int32_t zero, enum dtype t, void *q)
{
    EACH_PIECE(piece_codes(&p, s->sum + i, n, lo, hi, zero, t, (uint8_t *)q + i));
}
