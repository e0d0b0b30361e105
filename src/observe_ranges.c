/* SPDX-License-Identifier: Apache-2.0
 *
 * observe_ranges: the table of observers, those that only read a range, and the search that the
 * others use. Every range includes 0, as ONNX's zero point demands; those of observers are within
 * the observed one.
 */
#include "observe_range.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct range stats_range(const struct stats *s)
{
    if (!s->n)
        return (struct range){0, 0};
    return (struct range){s->min < 0 ? s->min : 0, s->max > 0 ? s->max : 0};
}

int stats_bins(const struct stats *s)
{
    return s->n ? (int)(floor(ldexp((double)s->max, -s->exponent)) - (double)s->first) + 1 : 0;
}

double stats_edge(const struct stats *s, int i)
{
    double edge = ldexp((double)(s->first + i), s->exponent);
    return fmin(fmax(edge, (double)s->min), (double)s->max);
}

double stats_mass(const struct stats *s, int i)
{
    return (double)(s->bin[i] - (s->first + i == 0 ? (uint64_t)s->zeros : 0));
}

struct range stats_range_beyond(const struct stats *s)
{
    static const double beyond = 2;
    struct range r = stats_range(s);
    double lo = (double)r.lo, hi = (double)r.hi, n = (double)s->samples;
    if (lo < 0)
        r.lo = (float)fmax(lo + beyond * (lo - s->sum_min / n), -FLT_MAX);
    if (hi > 0)
        r.hi = (float)fmin(hi + beyond * (hi - s->sum_max / n), FLT_MAX);
    return r;
}

/* How much the elements of one tail exceed, on average, the level that a thousandth of all lies
 * beyond; of few elements 16, or a quarter. */
static double mean_excess(const struct stats *s, bool above)
{
    enum { FEW = 16 };
    double all = (double)s->n, count = 0, sum = 0, level = 0;
    double wanted = fmax(all / 1000, fmin(FEW, all / 4));
    int n = stats_bins(s);
    for (int k = 0; k < n && count < wanted; k++) {
        int i = above ? n - 1 - k : k;
        double lo = stats_edge(s, i), hi = stats_edge(s, i + 1);
        count += (double)s->bin[i];
        sum += (double)s->bin[i] * (lo + hi) / 2;
        level = above ? lo : hi;
    }
    return count > 0 ? fabs(sum / count - level) : 0;
}

struct range stats_range_reach(const struct stats *s, double times)
{
    static const double most = 2; /* times the end that was seen */
    static const double alike = 1.5;
    struct range r = stats_range(s);
    double lo = (double)r.lo, hi = (double)r.hi, steps = alike * log(times);
    if (lo < 0)
        r.lo = (float)fmax(fmax(lo - mean_excess(s, false) * steps, most * lo), -FLT_MAX);
    if (hi > 0)
        r.hi = (float)fmin(fmin(hi + mean_excess(s, true) * steps, most * hi), FLT_MAX);
    return r;
}

static struct range observe_min_max(const struct stats *s, const struct qtype *t,
                                    double parameter)
{
    (void)t, (void)parameter;
    return stats_range(s);
}

static struct range observe_mean_min_max(const struct stats *s, const struct qtype *t,
                                         double parameter)
{
    (void)t, (void)parameter;
    if (!s->n)
        return (struct range){0, 0};
    float lo = (float)(s->sum_min / (double)s->samples);
    float hi = (float)(s->sum_max / (double)s->samples);
    return (struct range){lo < 0 ? lo : 0, hi > 0 ? hi : 0};
}

/* The value that `cut` elements lie beyond, counted from one end; within a bin by proportion. */
static double quantile(const struct stats *s, double cut, bool from_above)
{
    int n = stats_bins(s);
    for (int k = 0; k < n; k++) {
        int i = from_above ? n - 1 - k : k;
        double h = (double)s->bin[i], lo = stats_edge(s, i), hi = stats_edge(s, i + 1);
        if (h > 0 && cut <= h)
            return from_above ? hi - (hi - lo) * cut / h : lo + (hi - lo) * cut / h;
        cut -= h;
    }
    return 0;
}

/* Each side loses (100 - p) / 2 percent of all elements; a side that ends at 0 loses nothing. */
static struct range observe_percentile(const struct stats *s, const struct qtype *t,
                                       double parameter)
{
    (void)t;
    struct range r = stats_range(s);
    double cut = (100 - parameter) / 200 * (double)s->n;
    if (r.lo < 0)
        r.lo = fminf((float)quantile(s, cut, false), 0);
    if (r.hi > 0)
        r.hi = fmaxf((float)quantile(s, cut, true), 0);
    return r;
}

const struct observer observer_table[N_OBSERVERS] = {
    {"min-max", "smallest and largest element of all samples", observe_min_max, 0, NULL,
     true, false},
    {"mean-min-max", "mean over samples of their smallest and largest element",
     observe_mean_min_max, 0, NULL, true, false},
    {"percentile", "leaves out the same small share of elements on each side",
     observe_percentile, 99.99, "percent of the elements kept", false, false},
    {"entropy", "least Kullback-Leibler divergence between the histograms before and after",
     observe_entropy, 0, NULL, false, true},
    {"mse", "least mean squared error of rounding and clipping", observe_mse, 0, NULL, false,
     false},
};

const struct observer *observer_find(const char *name)
{
    for (int i = 0; i < N_OBSERVERS; i++)
        if (!strcmp(observer_table[i].name, name))
            return &observer_table[i];
    return NULL;
}

bool observer_read(const char *text, struct observer *o)
{
    char name[32], *end;
    size_t n = strcspn(text, "=");
    snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name), text);
    const struct observer *row = observer_find(name);
    if (!row)
        return false;
    *o = *row;
    if (!text[n])
        return true;
    o->parameter = strtod(text + n + 1, &end);
    return row->parameter_help && end != text + n + 1 && !*end && o->parameter >= 50
        && o->parameter <= 100; /* percent */
}

/* A point of the search: the range is the observed one with its ends scaled by lo and hi. */
struct search {
    struct range whole;
    bool symmetric;
    range_cost *cost;
    const void *data;
    double fraction[2]; /* best so far: of lo, of hi */
    double best;
};

static struct range range_at(const struct search *s, const double fraction[2])
{
    struct range w = s->whole;
    if (!s->symmetric)
        return (struct range){(float)((double)w.lo * fraction[0]),
                              (float)((double)w.hi * fraction[1])};
    float limit = (float)((double)fmaxf(-w.lo, w.hi) * fraction[1]);
    return (struct range){fmaxf(w.lo, -limit), fminf(w.hi, limit)};
}

/* Was that better? */
static int try_fraction(struct search *s, int end, double f)
{
    double at[2] = {s->fraction[0], s->fraction[1]};
    at[end] = fmin(f, 1);
    double cost = s->cost(s->data, range_at(s, at), s->best);
    if (!(cost < s->best))
        return 0;
    s->fraction[end] = at[end];
    s->best = cost;
    return 1;
}

struct range range_search(const struct stats *stats, const struct qtype *t, range_cost *cost,
                          const void *data)
{
    enum { COARSE = 32, MOVES = 32 };
    static const double steps[] = {.12, .06, .03};
    struct search s = {stats_range(stats), t->symmetric, cost, data, {1, 1}, 0};
    s.best = cost(data, s.whole, INFINITY);
    bool moves[2] = {!t->symmetric && s.whole.lo < 0, t->symmetric || s.whole.hi > 0};
    int rounds = moves[0] && moves[1] ? 2 : 1; /* one end may only show what the other can do */
    for (int r = 0; r < rounds; r++)
        for (int end = 1; end >= 0; end--)
            for (int i = 0; moves[end] && i < COARSE; i++)
                try_fraction(&s, end, pow(.8, i));
    for (int i = 0; i < 3; i++)
        for (int n = 0, better = 1; better && n < MOVES; n++) {
            better = 0;
            for (int end = 0; end < 2; end++)
                if (moves[end])
                    better |= try_fraction(&s, end, s.fraction[end] * (1 - steps[i]))
                            | try_fraction(&s, end, s.fraction[end] * (1 + steps[i]));
        }
    return range_at(&s, s.fraction);
}
