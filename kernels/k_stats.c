/* SPDX-License-Identifier: Apache-2.0
 *
 * k_stats: lanes that run side by side, so that the order of additions is the same with vectors of
 * any width. Blocks with elements that are huge, infinite or NaN are rare and take a slow way, so
 * that the fast one needs no masks and may square in single precision.
 */
#include "k_stats.h"

#include "k_math.h"
#include "k_simd.h"

#include <math.h>
#include <stdbool.h>
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

/* What was found so far in each of up to PIECE columns; total: their sum, in which whatever is not
 * finite stays. */
enum { ROWS = 8, MANY = 64, PIECE = 256 };
struct columns {
    float lo[PIECE], hi[PIECE], sum[PIECE], total[PIECE];
};

/* n columns of x[rows][step]; bounded: what follows the last element is not to be read, and its sum
 * with that not wanted. Eight rows are compared with each other before what was found is read. */
K_CLONES static void widen_columns(const float *restrict x, int64_t rows, int64_t n, int64_t step,
                                   bool bounded, struct columns *restrict to)
{
    int64_t r = 0;
    for (; r + ROWS < rows; r += ROWS)
        for (int64_t i = 0; i < n; i++) {
            float lo = to->lo[i], hi = to->hi[i], sum = to->sum[i], total = to->total[i];
            for (int k = 0; k < ROWS; k++) {
                float v = x[(r + k) * step + i], two = v + x[(r + k) * step + i + 1];
                lo = v < lo ? v : lo;
                hi = v > hi ? v : hi;
                sum = two > sum ? two : sum;
                total += v;
            }
            to->lo[i] = lo;
            to->hi[i] = hi;
            to->sum[i] = sum;
            to->total[i] = total;
        }
    for (; r < rows; r++) {
        const float *row = x + r * step;
        for (int64_t i = 0; i < n; i++) {
            to->lo[i] = row[i] < to->lo[i] ? row[i] : to->lo[i];
            to->hi[i] = row[i] > to->hi[i] ? row[i] : to->hi[i];
            to->total[i] += row[i];
        }
        for (int64_t i = 0; i < n - (bounded && r == rows - 1); i++) {
            float two = row[i] + row[i + 1];
            to->sum[i] = two > to->sum[i] ? two : to->sum[i];
        }
    }
}

/* The n columns from `from` on hold the same channels as the first. */
static void join_columns(struct columns *to, int64_t from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        to->lo[i] = k_least(to->lo[i], to->lo[from + i]);
        to->hi[i] = k_most(to->hi[i], to->hi[from + i]);
        to->sum[i] = k_most(to->sum[i], to->sum[from + i]);
    }
}

/* Are all totals of the first n finite? */
static bool totals_finite(const struct columns *c, int64_t n)
{
    bool bad = false;
    for (int64_t i = 0; i < n; i++)
        bad |= !is_finite(c->total[i]);
    return !bad;
}

/* Channels first .. first + n - 1, of which `times` rows are one, so that vectors are filled.
 * False: there may be elements that are not finite. */
static bool widen_channels(const float *x, int64_t rows, int64_t channels, int64_t first,
                           int64_t n, int64_t times, struct k_channels *to)
{
    struct columns found;
    for (int64_t i = 0; i < n * times; i++) {
        found.lo[i] = INFINITY;
        found.hi[i] = found.sum[i] = -INFINITY;
        found.total[i] = 0;
    }
    bool last = first + n == channels;
    widen_columns(x + first, rows / times, n * times, channels * times,
                  last && rows % times == 0, &found);
    x += rows / times * times * channels;
    if (rows % times)
        widen_columns(x + first, rows % times, n, channels, last, &found);
    for (int64_t k = 1; k < times; k++)
        join_columns(&found, k * n, n);
    float min = to->min, max = to->max;
    for (int64_t i = 0, c = first; i < n; i++, c++) {
        to->lo[c] = k_least(to->lo[c], found.lo[i]);
        to->hi[c] = k_most(to->hi[c], found.hi[i]);
        to->sum[c] = k_most(to->sum[c], found.sum[i]);
        min = k_least(min, found.lo[i]);
        max = k_most(max, found.hi[i]);
    }
    to->min = min;
    to->max = max;
    return totals_finite(&found, n * times);
}

int64_t k_channels(const float *x, int64_t rows, int64_t channels, struct k_channels *to)
{
    int64_t times = channels < MANY ? 2 * MANY / channels : 1;
    bool finite = true;
    to->min = INFINITY;
    to->max = -INFINITY;
    for (int64_t c = 0; c < channels && rows; c += PIECE)
        finite &= widen_channels(x, rows, channels, c,
                                 channels - c < PIECE ? channels - c : PIECE, times, to);
    return finite ? 0 : k_extremes(x, rows * channels, &to->min, &to->max);
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
