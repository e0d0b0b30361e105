/* SPDX-License-Identifier: Apache-2.0
 *
 * observe_entropy: the range that keeps the shape of the distribution best, after S. Migacz,
 * "8-bit inference with TensorRT", GTC 2017.
 *
 * For a range, P is the histogram within it, where the bins at its ends take in all that lies
 * beyond; Q gives each bin that is not empty an equal part of what its level holds, without the
 * elements beyond. The cost is sum P log(P / Q), both scaled to 1. Unlike the original, ranges may
 * have two different ends, bins belong to the level that their centre is rounded to, and exact
 * zeros are left out: any range keeps them, and a spike of them would hide the rest.
 *
 * With running sums over bins a candidate costs one logarithm a level. Levels narrower than a bin
 * cannot be told apart, so such candidates are not taken; for types of 16 bits none is left and the
 * range is the observed one.
 */
#include "observe_range.h"

#include <math.h>

struct shape_sums {
    const struct qtype *type;
    double width, first;
    int bins;
    double mass[STATS_BINS];
    double below[STATS_BINS + 1]; /* sums up to bin i: of mass, of mass log mass, ... */
    double log_below[STATS_BINS + 1];
    int used_below[STATS_BINS + 1]; /* ... of bins that are not empty */
};

static double x_log_x(double x)
{
    return x > 0 ? x * log(x) : 0;
}

static void sums_init(struct shape_sums *d, const struct stats *s, const struct qtype *t)
{
    d->type = t;
    d->width = ldexp(1, s->exponent);
    d->first = (double)s->first;
    d->bins = stats_bins(s);
    d->below[0] = d->log_below[0] = 0;
    d->used_below[0] = 0;
    for (int i = 0; i < d->bins; i++) {
        double h = d->mass[i] = stats_mass(s, i);
        d->below[i + 1] = d->below[i] + h;
        d->log_below[i + 1] = d->log_below[i] + x_log_x(h);
        d->used_below[i + 1] = d->used_below[i] + (h > 0);
    }
}

/* The first bin whose centre is not below x. */
static int bin_from(const struct shape_sums *d, double x)
{
    double i = ceil(x / d->width - d->first - .5);
    return i < 0 ? 0 : i > d->bins ? d->bins : (int)i;
}

/* Sum of P log Q of the bins a..b-1 of one level, whose ends also take in `beyond`. */
static double level_cost(const struct shape_sums *d, int a, int b, double beyond, int more_used)
{
    double held = d->below[b] - d->below[a];
    int used = d->used_below[b] - d->used_below[a] + more_used;
    if (held + beyond <= 0)
        return 0;
    return held > 0 ? (held + beyond) * log(held / used) : -INFINITY;
}

static double entropy_cost(const void *data, struct range r, double limit)
{
    (void)limit;
    const struct shape_sums *d = data;
    float scale;
    int32_t zero;
    quant_solve_range(d->type, r, &scale, &zero);
    double step = (double)scale, lowest = (double)(quant_min(d->type) - zero);
    double highest = (double)(quant_max(d->type) - zero);
    int a = bin_from(d, (lowest - .5) * step), b = bin_from(d, (highest + .5) * step);
    double kept = d->below[b] - d->below[a], all = d->below[d->bins];
    if (step < d->width || b - a < 2 || kept <= 0)
        return INFINITY;
    double under = d->below[a], over = all - d->below[b]; /* beyond the ends */
    double p_log_p = d->log_below[b] - d->log_below[a];
    int left = under > 0 && d->mass[a] <= 0, right = over > 0 && d->mass[b - 1] <= 0;
    p_log_p += x_log_x(d->mass[a] + under) - x_log_x(d->mass[a]);
    p_log_p += x_log_x(d->mass[b - 1] + over) - x_log_x(d->mass[b - 1]);
    double p_log_q = 0;
    double k = floor((d->first + a + .5) * d->width / step + .5);
    for (int from = a; from < b; k++) {
        int to = bin_from(d, (k + .5) * step);
        to = to < b ? to : b;
        if (to > from)
            p_log_q += level_cost(d, from, to, (from == a ? under : 0) + (to == b ? over : 0),
                                  (from == a ? left : 0) + (to == b ? right : 0));
        from = to;
    }
    return (p_log_p - p_log_q) / all + log(kept / all);
}

struct range observe_entropy(const struct stats *s, const struct qtype *t, double parameter)
{
    (void)parameter;
    struct shape_sums d;
    if (!s->n || s->min == s->max || s->zeros == s->n)
        return stats_range(s);
    sums_init(&d, s, t);
    return range_search(s, t, entropy_cost, &d);
}
