/* SPDX-License-Identifier: Apache-2.0
 *
 * k_stats: lanes that run side by side, so that the order of additions is the same with vectors of
 * any width. Blocks with elements that are huge, infinite or NaN are rare and take a slow way, so
 * that the fast one needs no masks and may square in single precision.
 */
#include "k_stats.h"

#include "k_simd.h"

#include <math.h>
#include <string.h>

enum { LANES = 16, BLOCK = 256, GROUP = BLOCK / 2, TABLES = 4, CHUNK = 1 << 17 };
enum { TABLES_FROM = 1 << 11 };
enum { HUGE_BITS = 187 << 23 }; /* 2^60 as a float: few squares of less do not overflow */

typedef float floats __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t ints __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef double doubles __attribute__((vector_size(LANES * sizeof(double))));
struct lanes {
    ints zeros; /* counted downwards: a comparison gives -1 */
    doubles sum, sum2;
};

K_INLINE int32_t bits_of(float v)
{
    int32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline int is_finite(float v)
{
    return (bits_of(v) & 0x7f800000) != 0x7f800000;
}

/* Are all elements of a block below 2^60 in magnitude? */
K_INLINE int is_usual(const float *x)
{
    int32_t most = 0;
    for (int i = 0; i < BLOCK; i++) {
        int32_t magnitude = bits_of(x[i]) & 0x7fffffff;
        most = magnitude > most ? magnitude : most;
    }
    return most < HUGE_BITS;
}

/* Whole blocks, up to the first unusual one; returns how many elements were added. */
K_CLONES static int64_t add_blocks(struct lanes *to, const float *x, int64_t n)
{
    struct lanes l = *to;
    int64_t i = 0;
    for (; i + BLOCK <= n && is_usual(x + i); i += BLOCK)
        for (int64_t g = i; g < i + BLOCK; g += GROUP) {
            floats sum = {0}, sum2 = {0}, v;
            for (int64_t e = g; e < g + GROUP; e += LANES) {
                memcpy(&v, x + e, sizeof v);
                l.zeros += v == 0;
                sum += v;
                sum2 += v * v;
            }
            l.sum += __builtin_convertvector(sum, doubles);
            l.sum2 += __builtin_convertvector(sum2, doubles);
        }
    *to = l;
    return i;
}

/* The tail and unusual blocks, into the first lane. Returns how many elements are finite. */
static int64_t add_some(struct lanes *s, const float *x, int n)
{
    int finite = 0;
    for (int i = 0; i < n; i++) {
        float v = x[i];
        if (!is_finite(v))
            continue;
        finite++;
        s->zeros[0] -= v == 0;
        s->sum[0] += (double)v;
        s->sum2[0] += (double)v * (double)v;
    }
    return finite;
}

static void reduce(const struct lanes *l, struct k_stats *s)
{
    for (int k = 0; k < LANES; k++) {
        s->zeros -= l->zeros[k];
        s->sum += l->sum[k];
        s->sum2 += l->sum2[k];
    }
}

void k_stats(const float *x, int64_t n, struct k_stats *s)
{
    *s = (struct k_stats){.n = 0};
    while (n > 0) { /* in parts, so that no lane counts beyond 32 bits */
        struct lanes l = {{0}, {0}, {0}};
        int64_t part = n < INT32_MAX ? n : (int64_t)1 << 30, i = 0;
        while (i < part) {
            int64_t usual = add_blocks(&l, x + i, part - i), rest = part - i - usual;
            i += usual;
            rest = rest < BLOCK ? rest : BLOCK;
            s->n += usual + add_some(&l, x + i, (int)rest);
            i += rest;
        }
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
        int32_t v = bits_of(x[i]);
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

/* Of what is finite, whose number is returned. */
static int64_t finite_extremes(const float *x, int64_t n, float *min, float *max)
{
    int64_t finite = 0;
    *min = INFINITY;
    *max = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        if (!is_finite(x[i]))
            continue;
        finite++;
        *min = x[i] < *min ? x[i] : *min;
        *max = x[i] > *max ? x[i] : *max;
    }
    return finite;
}

int64_t k_extremes(const float *x, int64_t n, float *min, float *max)
{
    int32_t lo, hi;
    ordered_extremes(x, n, &lo, &hi);
    *min = ordered_float(lo);
    *max = ordered_float(hi);
    if (!n || (is_finite(*min) && is_finite(*max)))
        return 0;
    return n - finite_extremes(x, n, min, max);
}

/* Eight rows are compared with each other before what was found so far is read. */
K_CLONES static void widen_rows(const float *restrict x, int64_t rows, int64_t n,
                                float *restrict lo, float *restrict hi)
{
    enum { ROWS = 8 };
    int64_t r = 0;
    for (; r + ROWS <= rows; r += ROWS)
        for (int64_t i = 0; i < n; i++) {
            float least = lo[i], most = hi[i];
            for (int k = 0; k < ROWS; k++) {
                float v = x[(r + k) * n + i];
                least = v < least ? v : least;
                most = v > most ? v : most;
            }
            lo[i] = least;
            hi[i] = most;
        }
    for (; r < rows; r++)
        for (int64_t i = 0; i < n; i++) {
            float v = x[r * n + i];
            lo[i] = v < lo[i] ? v : lo[i];
            hi[i] = v > hi[i] ? v : hi[i];
        }
}

void k_channel_extremes(const float *x, int64_t rows, int64_t channels, float *lo, float *hi)
{
    enum { FEW = 16 }; /* channels; so many rows are one then, and a vector is filled */
    int64_t wide = channels < FEW ? FEW : 1, n = channels * wide;
    if (wide > 1 && rows >= wide) {
        float least[FEW * FEW], most[FEW * FEW];
        for (int64_t i = 0; i < n; i++) {
            least[i] = lo[i % channels];
            most[i] = hi[i % channels];
        }
        widen_rows(x, rows / wide, n, least, most);
        for (int64_t i = 0; i < n; i++) {
            lo[i % channels] = fminf(lo[i % channels], least[i]);
            hi[i % channels] = fmaxf(hi[i % channels], most[i]);
        }
        x += rows / wide * n;
        rows %= wide;
    }
    widen_rows(x, rows, channels, lo, hi);
}

/* The sum of each of n elements in a row and the one behind it, which for the last of a row is the
 * first of the next. */
K_CLONES static void raise_sums(const float *restrict x, int64_t rows, int64_t n,
                                float *restrict sum)
{
    enum { ROWS = 8 };
    int64_t r = 0;
    for (; r + ROWS < rows; r += ROWS)
        for (int64_t i = 0; i < n; i++) {
            float most = sum[i];
            for (int k = 0; k < ROWS; k++) {
                float v = x[(r + k) * n + i] + x[(r + k) * n + i + 1];
                most = v > most ? v : most;
            }
            sum[i] = most;
        }
    for (; r < rows; r++)
        for (int64_t i = 0; i < n - (r == rows - 1); i++) {
            float v = x[r * n + i] + x[r * n + i + 1];
            sum[i] = v > sum[i] ? v : sum[i];
        }
}

void k_neighbour_sums(const float *x, int64_t rows, int64_t channels, float *sum)
{
    enum { MANY = 64 }; /* elements in a row: fewer rows are one, so that vectors are filled */
    float wide[2 * MANY];
    int64_t times = channels < MANY ? 2 * MANY / channels : 1, n = channels * times;
    if (times > 1 && rows >= times) {
        for (int64_t i = 0; i < n; i++)
            wide[i] = -INFINITY;
        raise_sums(x, rows / times, n, wide);
        for (int64_t i = 0; i < n; i++)
            sum[i % channels] = fmaxf(sum[i % channels], wide[i]);
        x += rows / times * n;
        rows %= times;
    }
    raise_sums(x, rows, channels, sum);
}

/* floor() is a call where the processor is old; conversion cuts towards zero, which is one too high
 * where it raised the value. */
K_INLINE int32_t index_of(float v)
{
    int32_t k = (int32_t)v;
    return k - ((float)k > v);
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
K_CLONES static void count_chunk(const float *x, int n, float inverse, int32_t first,
                                 uint64_t *bin)
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
        for (int k = 0; k < BLOCK; k++)
            index[k] = index_of(x[i + k] * inverse) - first;
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
