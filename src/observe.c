/* SPDX-License-Identifier: Apache-2.0
 *
 * observe: gathering statistics.
 *
 * The grid of a histogram is a function of min and max alone (see grid_of), and a coarser grid
 * joins whole bins of a finer one. So the counts are those of one histogram over all elements ever
 * added, in whatever order and through however many merges they came.
 *
 * The sums over samples take each sample's part rounded to 24 bits: adding doubles of so few bits
 * is exact until the parts span more than 2^29, so here too the order hardly ever shows.
 */
#include "observe.h"

#include "k_stats.h"

#include <math.h>
#include <string.h>

_Static_assert((int)STATS_BINS == (int)K_BINS, "the kernel counts into these bins");

/* An element times 2^-exponent stays within 2^21, where floats hold all integers and more; and
 * 2^100 is a float. */
enum { GRID_BITS = 20, GRID_LOWEST = -100 };

struct grid {
    int exponent;
    int64_t first;
};

/* The finest grid whose bins reach from min to max. */
static struct grid grid_of(float min, float max)
{
    double lo = (double)min, hi = (double)max, largest = fmax(-lo, hi);
    int e = GRID_LOWEST;
    if (largest > 0 && ilogb(largest) - GRID_BITS > e)
        e = ilogb(largest) - GRID_BITS;
    while (floor(ldexp(hi, -e)) - floor(ldexp(lo, -e)) >= STATS_BINS)
        e++;
    return (struct grid){e, (int64_t)floor(ldexp(lo, -e))};
}

/* Adds bins of one grid to those of another that is as coarse or coarser and reaches as far. */
static void bins_add(uint64_t *to, struct grid to_grid, const uint64_t *from, struct grid grid)
{
    int shift = to_grid.exponent - grid.exponent;
    shift = shift > 62 ? 62 : shift;
    for (int i = 0; i < STATS_BINS; i++)
        if (from[i])
            to[((grid.first + i) >> shift) - to_grid.first] += from[i];
}

static void widen(struct stats *s, float lo, float hi)
{
    s->min = lo < s->min ? lo : s->min;
    s->max = hi > s->max ? hi : s->max;
}

/* Widens the histogram so that it reaches from lo to hi as well. */
static void stats_reach(struct stats *s, struct arena *a, float lo, float hi)
{
    if (!s->bin) {
        struct grid g = grid_of(lo, hi);
        s->min = lo;
        s->max = hi;
        s->exponent = g.exponent;
        s->first = g.first;
        s->bin = NEW_ARRAY(a, STATS_BINS, uint64_t);
        return;
    }
    if (lo >= s->min && hi <= s->max)
        return;
    widen(s, lo, hi);
    struct grid old = {s->exponent, s->first}, new = grid_of(s->min, s->max);
    if (new.exponent == old.exponent && new.first == old.first)
        return;
    uint64_t bin[STATS_BINS];
    memcpy(bin, s->bin, sizeof bin);
    memset(s->bin, 0, sizeof bin);
    bins_add(s->bin, new, bin, old);
    s->exponent = new.exponent;
    s->first = new.first;
}

/* To 24 bits of mantissa, of whatever magnitude (Veltkamp's splitting). */
static double round_24(double v)
{
    double t = v * 0x1.00000002p29;
    return isfinite(t) ? t - (t - v) : v;
}

static void count(struct stats *s, const float *x, int64_t n)
{
    struct k_stats k;
    k_stats(x, n, &k);
    k_histogram(x, n, ldexpf(1, -s->exponent), (int32_t)s->first, s->bin);
    s->n += k.n;
    s->zeros += k.zeros;
    s->sum += round_24(k.sum);
    s->sum2 += round_24(k.sum2);
}

/* Blocks spread over x[n] side by side, so that they are counted at one go. */
static void count_spread(struct stats *s, const float *x, int64_t n, int64_t most)
{
    float part[STATS_COUNTED];
    int64_t blocks = most / STATS_BLOCK;
    for (int64_t i = 0; i < blocks; i++)
        memcpy(part + i * STATS_BLOCK, x + i * (n - STATS_BLOCK) / (blocks - 1),
               STATS_BLOCK * sizeof *part);
    count(s, part, most);
}

struct extremes extremes_of(const float *x, int64_t n)
{
    struct extremes e;
    e.bad = k_extremes(x, n, &e.min, &e.max);
    return e;
}

void stats_add(struct stats *s, struct arena *a, const float *x, int64_t n,
               const struct extremes *e, int64_t most)
{
    s->bad += e->bad;
    if (e->bad == n)
        return;
    s->samples++;
    s->sum_min += (double)e->min;
    s->sum_max += (double)e->max;
    if (!most) {
        widen(s, e->min, e->max);
        s->n += n - e->bad;
        return;
    }
    stats_reach(s, a, e->min, e->max);
    if (n <= most)
        count(s, x, n);
    else
        count_spread(s, x, n, most);
}

static void add_sums(struct stats *into, const struct stats *from)
{
    into->bad += from->bad;
    into->samples += from->samples;
    into->n += from->n;
    into->zeros += from->zeros;
    into->sum_min += from->sum_min;
    into->sum_max += from->sum_max;
    into->sum += from->sum;
    into->sum2 += from->sum2;
}

void stats_move_sums(struct stats *into, struct stats *from)
{
    add_sums(into, from);
    *from = (struct stats){.min = from->min, .max = from->max, .exponent = from->exponent,
                           .first = from->first, .bin = from->bin};
}

void stats_merge(struct stats *into, struct arena *a, const struct stats *from)
{
    add_sums(into, from);
    if (!from->bin && !into->bin)
        widen(into, from->min, from->max);
    if (!from->bin)
        return;
    stats_reach(into, a, from->min, from->max);
    bins_add(into->bin, (struct grid){into->exponent, into->first}, from->bin,
             (struct grid){from->exponent, from->first});
}
