/* SPDX-License-Identifier: Apache-2.0
 *
 * observe_mse: the range with the least squared error, rounding and clipping together.
 *
 * The elements of a bin are taken as spread evenly over it, exact zeros apart. With the moments
 *
 *     F_m(x) = integral of t^m h(t) dt up to x,  m = 0, 1, 2,
 *
 * known at any x from running sums over bins, the error of all elements that go to level v, those
 * between a and b, is [F_2 - 2 v F_1 + v^2 F_0] from a to b. So a candidate costs one step a
 * level, however many elements there were, and most candidates cut off so much that few steps
 * tell. Where levels are closer than half a bin, their error is the well-known step^2 / 12 an
 * element, and only the clipped ends are integrated.
 */
#include "observe_range.h"

#include <math.h>

struct moments {
    double m[3];
};

struct density {
    const struct qtype *type;
    double width; /* of a bin */
    double first; /* its number on the grid */
    int bins;
    double edge[STATS_BINS + 1], mass[STATS_BINS];
    struct moments below[STATS_BINS + 1]; /* up to edge i */
};

/* Of mass h, spread evenly from a to b. */
static struct moments even(double h, double a, double b)
{
    return (struct moments){{h, h * (a + b) / 2, h * (a * a + a * b + b * b) / 3}};
}

static void density_init(struct density *d, const struct stats *s, const struct qtype *t)
{
    d->type = t;
    d->width = ldexp(1, s->exponent);
    d->first = (double)s->first;
    d->bins = stats_bins(s);
    d->below[0] = (struct moments){{0}};
    for (int i = 0; i <= d->bins; i++)
        d->edge[i] = stats_edge(s, i);
    for (int i = 0; i < d->bins; i++) {
        d->mass[i] = stats_mass(s, i);
        struct moments m = even(d->mass[i], d->edge[i], d->edge[i + 1]);
        for (int k = 0; k < 3; k++)
            d->below[i + 1].m[k] = d->below[i].m[k] + m.m[k];
    }
}

static struct moments moments_below(const struct density *d, double x)
{
    if (x <= d->edge[0])
        return d->below[0];
    if (x >= d->edge[d->bins])
        return d->below[d->bins];
    int i = (int)(x / d->width - d->first);
    i = i < 0 ? 0 : i >= d->bins ? d->bins - 1 : i;
    double length = d->edge[i + 1] - d->edge[i];
    double h = length > 0 ? d->mass[i] * (x - d->edge[i]) / length : 0;
    struct moments m = even(h, d->edge[i], x), sum = d->below[i];
    for (int k = 0; k < 3; k++)
        sum.m[k] += m.m[k];
    return sum;
}

/* The squared distance from v of what lies between two points. */
static double error_from(double v, struct moments a, struct moments b)
{
    double m0 = b.m[0] - a.m[0], m1 = b.m[1] - a.m[1], m2 = b.m[2] - a.m[2];
    return fmax(m2 - 2 * v * m1 + v * v * m0, 0);
}

/* What is cut off above the highest level. */
static double error_above(const struct density *d, double highest, double step)
{
    return error_from(highest * step, moments_below(d, (highest + .5) * step),
                      d->below[d->bins]);
}

static double mse_cost(const void *data, struct range r, double limit)
{
    const struct density *d = data;
    float scale;
    int32_t zero;
    quant_solve_range(d->type, r, &scale, &zero);
    double step = (double)scale, lowest = (double)(quant_min(d->type) - zero);
    double highest = (double)(quant_max(d->type) - zero);
    struct moments from = d->below[0], all = d->below[d->bins];
    /* the levels that the lowest and the highest element go to */
    double k = fmin(fmax(rint(d->edge[0] / step), lowest), highest);
    double last = fmin(fmax(rint(d->edge[d->bins] / step), lowest), highest);
    if (step < d->width / 2) {
        struct moments low = moments_below(d, k * step), high = moments_below(d, last * step);
        return error_from(k * step, from, low) + error_from(last * step, high, all)
             + (high.m[0] - low.m[0]) * step * step / 12;
    }
    double cost = 0, cut = last == highest ? error_above(d, highest, step) : 0;
    for (; k < last && cost + cut <= limit; k++) {
        struct moments to = moments_below(d, (k + .5) * step);
        cost += error_from(k * step, from, to);
        from = to;
    }
    return k < last ? INFINITY : cost + error_from(last * step, from, all);
}

struct range observe_mse(const struct stats *s, const struct qtype *t, double parameter)
{
    (void)parameter;
    struct density d;
    if (!s->n || s->min == s->max)
        return stats_range(s);
    density_init(&d, s, t);
    return range_search(s, t, mse_cost, &d);
}
