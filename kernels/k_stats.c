/* SPDX-License-Identifier: Apache-2.0
 *
 * k_stats: written with the compiler's vectors, 4 floats wide, which every processor has. Blocks
 * with elements that are huge, infinite or NaN are rare and take a slow way, so that the fast one
 * needs no masks and may square in single precision.
 */
#include "k_stats.h"

#include "k_simd.h"

#include <math.h>
#include <string.h>

enum { LANES = 4, GROUP = 32, BLOCK = 256, TABLES = 4, CHUNK = 1 << 17, TABLES_FROM = 1 << 11 };
enum { HUGE_BITS = 187 << 23 }; /* 2^60 as a float: 32 squares of less do not overflow */

typedef float f4 __attribute__((vector_size(16)));
typedef int32_t i4 __attribute__((vector_size(16)));

/* Running results; two vectors where one would make each step wait for the one before. */
struct lanes {
    f4 min[2], max[2];
    i4 zeros[2]; /* counted downwards: a comparison gives -1 */
    double sum[LANES], sum2[LANES];
};

static inline f4 load(const float *x)
{
    f4 v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline f4 choose(i4 mask, f4 a, f4 b)
{
    return (f4)(((i4)a & mask) | ((i4)b & ~mask));
}

static inline int is_finite(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (bits & 0x7f800000) != 0x7f800000;
}

/* Are all elements of a block below 2^60 in magnitude? */
static inline int is_usual(const float *x)
{
    i4 unusual = {0};
    for (int i = 0; i < BLOCK; i += LANES)
        unusual |= ((i4)load(x + i) & 0x7fffffff) >= HUGE_BITS;
    return !(unusual[0] | unusual[1] | unusual[2] | unusual[3]);
}

static inline void add_block(struct lanes *s, const float *x)
{
    f4 min0 = s->min[0], min1 = s->min[1], max0 = s->max[0], max1 = s->max[1];
    i4 zeros0 = s->zeros[0], zeros1 = s->zeros[1];
    for (int g = 0; g < BLOCK; g += GROUP) {
        f4 sum = {0}, sum2 = {0};
        for (int i = g; i < g + GROUP; i += 2 * LANES) {
            f4 v = load(x + i), w = load(x + i + LANES);
            min0 = choose(v < min0, v, min0);
            min1 = choose(w < min1, w, min1);
            max0 = choose(v > max0, v, max0);
            max1 = choose(w > max1, w, max1);
            zeros0 += v == 0;
            zeros1 += w == 0;
            sum += v + w;
            sum2 += v * v + w * w;
        }
        for (int k = 0; k < LANES; k++) {
            s->sum[k] += (double)sum[k];
            s->sum2[k] += (double)sum2[k];
        }
    }
    s->min[0] = min0, s->min[1] = min1;
    s->max[0] = max0, s->max[1] = max1;
    s->zeros[0] = zeros0, s->zeros[1] = zeros1;
}

/* The tail and unusual blocks, into the first lane. Returns how many elements are finite. */
static int64_t add_some(struct lanes *s, const float *x, int n)
{
    float min = s->min[0][0], max = s->max[0][0];
    double sum = 0, sum2 = 0;
    int finite = 0, zeros = 0;
    for (int i = 0; i < n; i++) {
        float v = x[i];
        if (!is_finite(v))
            continue;
        finite++;
        zeros += v == 0;
        min = v < min ? v : min;
        max = v > max ? v : max;
        sum += (double)v;
        sum2 += (double)v * (double)v;
    }
    s->min[0][0] = min;
    s->max[0][0] = max;
    s->zeros[0][0] -= zeros;
    s->sum[0] += sum;
    s->sum2[0] += sum2;
    return finite;
}

static void reduce(const struct lanes *l, struct k_stats *s)
{
    f4 min = choose(l->min[0] < l->min[1], l->min[0], l->min[1]);
    f4 max = choose(l->max[0] > l->max[1], l->max[0], l->max[1]);
    for (int k = 0; k < LANES; k++) {
        s->min = min[k] < s->min ? min[k] : s->min;
        s->max = max[k] > s->max ? max[k] : s->max;
        s->zeros -= (int64_t)l->zeros[0][k] + l->zeros[1][k];
        s->sum += l->sum[k];
        s->sum2 += l->sum2[k];
    }
}

void k_stats(const float *x, int64_t n, struct k_stats *s)
{
    const f4 high = {INFINITY, INFINITY, INFINITY, INFINITY};
    *s = (struct k_stats){.min = INFINITY, .max = -INFINITY};
    while (n > 0) { /* in parts, so that no lane counts beyond 32 bits */
        struct lanes l = {.min = {high, high}, .max = {-high, -high}};
        int64_t part = n < INT32_MAX ? n : (int64_t)1 << 30, i = 0;
        for (; i + BLOCK <= part; i += BLOCK) {
            if (is_usual(x + i)) {
                add_block(&l, x + i);
                s->n += BLOCK;
            } else {
                s->n += add_some(&l, x + i, BLOCK);
            }
        }
        s->n += add_some(&l, x + i, (int)(part - i));
        reduce(&l, s);
        x += part;
        n -= part;
    }
}

/* Floats order like the integers of their bits once those of negative ones are turned over; minima
 * of integers are what compilers make vectors of. NaN and infinity end up outside +-`finite`. */
K_CLONES static void ordered_extremes(const float *x, int64_t n, int32_t *min, int32_t *max)
{
    int32_t lo = INT32_MAX, hi = INT32_MIN;
    for (int64_t i = 0; i < n; i++) {
        int32_t v;
        memcpy(&v, &x[i], sizeof v);
        v ^= (v >> 31) & INT32_MAX;
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
    }
    *min = lo;
    *max = hi;
}

static float ordered_float(int32_t v)
{
    float f;
    v ^= (v >> 31) & INT32_MAX;
    memcpy(&f, &v, sizeof f);
    return f;
}

int64_t k_extremes(const float *x, int64_t n, float *min, float *max)
{
    int32_t lo, hi;
    ordered_extremes(x, n, &lo, &hi);
    *min = ordered_float(lo);
    *max = ordered_float(hi);
    if (!n || (is_finite(*min) && is_finite(*max)))
        return 0;
    struct k_stats s;
    k_stats(x, n, &s);
    *min = s.min;
    *max = s.max;
    return n - s.n;
}

/* floor() is a call where the processor is old; conversion cuts towards zero, which is one too high
 * where it raised the value. */
static inline int32_t index_of(float v)
{
    int32_t k = (int32_t)v;
    return k - ((float)k > v);
}

static inline void index_block(const float *x, float inverse, int32_t first, int32_t *index)
{
    for (int i = 0; i < BLOCK; i += LANES) {
        f4 v = load(x + i) * inverse;
        i4 k = __builtin_convertvector(v, i4);
        k += __builtin_convertvector(k, f4) > v;
        k -= first;
        memcpy(index + i, &k, sizeof k);
    }
}

static void count_some(const float *x, int64_t n, float inverse, int32_t first, uint64_t *bin)
{
    for (int64_t i = 0; i < n; i++)
        if (is_finite(x[i]))
            bin[index_of(x[i] * inverse) - first]++;
}

K_CLONES static void add_tables(uint16_t table[TABLES][K_BINS], uint64_t *bin)
{
    for (int k = 0; k < K_BINS; k++)
        bin[k] += (uint64_t)((uint32_t)table[0][k] + table[1][k] + table[2][k] + table[3][k]);
}

/* Counts into four tables in turn: equal neighbours do not wait for each other's store. */
static void count_chunk(const float *x, int n, float inverse, int32_t first, uint64_t *bin)
{
    _Static_assert(CHUNK / TABLES <= UINT16_MAX, "so much fits a count");
    uint16_t table[TABLES][K_BINS] = {{0}};
    int32_t index[BLOCK];
    int i = 0;
    for (; i + BLOCK <= n; i += BLOCK) {
        if (!is_usual(x + i)) {
            count_some(x + i, BLOCK, inverse, first, bin);
            continue;
        }
        index_block(x + i, inverse, first, index);
        for (int k = 0; k < BLOCK; k += TABLES) {
            table[0][index[k]]++;
            table[1][index[k + 1]]++;
            table[2][index[k + 2]]++;
            table[3][index[k + 3]]++;
        }
    }
    count_some(x + i, n - i, inverse, first, bin);
    add_tables(table, bin);
}

void k_histogram(const float *x, int64_t n, float inverse, int32_t first, uint64_t bin[K_BINS])
{
    if (n < TABLES_FROM) {
        count_some(x, n, inverse, first, bin);
        return;
    }
    for (int64_t i = 0; i < n; i += CHUNK)
        count_chunk(x + i, (int)(n - i < CHUNK ? n - i : CHUNK), inverse, first, bin);
}
