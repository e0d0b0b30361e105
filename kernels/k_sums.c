/* SPDX-License-Identifier: Apache-2.0
 *
 * k_sums: rows of few channels are taken several at a time, with bias and factor repeated, so that
 * the inner loops are long enough for vectors.
 */
#include "k_sums.h"

#include "k_math.h"
#include "k_simd.h"

#include <stdbool.h>

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
    const uint32_t *bias = p->bias;
    const float *factor = p->factor;
    K_NO_CARRY
    for (int64_t i = 0; i < n; i++)
        y[i] = real(sum[i], bias[i], factor[i]);
}

/* Codes are narrowed apart from the arithmetic: in one loop compilers do not make vectors of it. */
K_CLONES static void piece_codes(const struct pattern *p, const int32_t *restrict sum, int64_t n,
                                 float lo, float hi, int32_t zero, uint8_t *restrict q)
{
    const uint32_t *restrict bias = p->bias;
    const float *restrict factor = p->factor;
    int32_t code[WIDTH];
    for (int64_t i = 0; i < n; i++) {
        float v = real(sum[i], bias[i], factor[i]);
        v = v > lo ? v : lo;
        v = v < hi ? v : hi;
        code[i] = (int32_t)k_rint(v) + zero;
    }
    for (int64_t i = 0; i < n; i++)
        q[i] = (uint8_t)code[i];
}

/* Bias and factor of short rows, repeated as often as there is room. */
struct repeated {
    uint32_t bias[WIDTH];
    float factor[WIDTH];
};

static struct pattern repeat(const struct sums *s, struct repeated *r)
{
    int64_t n = 0, rows = s->channels ? WIDTH / s->channels : 0;
    for (int64_t row = 0; row < rows && row < s->rows; row++)
        for (int64_t c = 0; c < s->channels; c++, n++) {
            r->bias[n] = s->bias ? (uint32_t)s->bias[c] : 0;
            r->factor[n] = s->factor[c];
        }
    return (struct pattern){n, r->bias, r->factor};
}

/* The next part of a long row; i: an element. */
static struct pattern part_of_row(const struct sums *s, int64_t i, const uint32_t *zeros)
{
    int64_t c = i % s->channels, n = s->channels - c;
    const uint32_t *bias = s->bias ? (const uint32_t *)s->bias + c : zeros;
    return (struct pattern){n < WIDTH ? n : WIDTH, bias, s->factor + c};
}

/* Calls for one piece of the sums after another. */
#define EACH_PIECE(call)                                                                           \
    do {                                                                                           \
        static const uint32_t zeros[WIDTH];                                                        \
        struct repeated r;                                                                         \
        bool is_long = s->channels > WIDTH;                                                        \
        struct pattern p = is_long ? (struct pattern){0} : repeat(s, &r);                          \
        for (int64_t i = 0, n, all = s->rows * s->channels; i < all; i += n) {                     \
            if (is_long)                                                                           \
                p = part_of_row(s, i, zeros);                                                      \
            n = p.n < all - i ? p.n : all - i;                                                     \
            call;                                                                                  \
        }                                                                                          \
    } while (0)

void k_sums_f32(const struct sums *s, float *y)
{
    EACH_PIECE(piece_f32(&p, s->sum + i, n, y + i));
}

void k_sums_codes(const struct sums *s, float lo, float hi, int32_t zero, void *q)
{
    EACH_PIECE(piece_codes(&p, s->sum + i, n, lo, hi, zero, (uint8_t *)q + i));
}
