/* SPDX-License-Identifier: Apache-2.0
 *
 * observe: statistics of floats, and the rules that read a range from them. No graphs here.
 *
 * One `struct stats` serves every observer: it holds extremes, means of the extremes over samples,
 * moments, and a histogram whose bins have a power of two as width and lie on a fixed grid, so that
 * it can grow by joining pairs of bins and merges exactly: counts do not depend on the order in
 * which samples came. Memory is O(1) a value, whatever the number of samples.
 */
#ifndef OBSERVE_H
#define OBSERVE_H

#include "quant.h"

enum {
    STATS_BINS = 2048,
    STATS_COUNTED = 1 << 14, /* elements of one value in one sample that are counted at most */
    STATS_BLOCK = 256,       /* where there are more: blocks of so many, spread evenly */
};

struct stats {
    int64_t samples; /* calls of stats_add with at least one finite element */
    int64_t n;       /* finite elements that were counted */
    int64_t zeros;   /* of these, exact zeros: they cost no rounding error at any scale */
    int64_t bad;     /* NaN and infinite elements, left out of everything else */
    float min, max;
    double sum_min, sum_max; /* over samples */
    double sum, sum2;        /* over elements */
    int exponent;            /* bins are 2^exponent wide ... */
    int64_t first;           /* ... and bin i holds [first + i, first + i + 1) times that */
    uint64_t *bin;           /* STATS_BINS; NULL until the first element */
};

/* Of the finite ones of some elements: +-INFINITY where there are none. */
struct extremes {
    float min, max;
    int64_t bad; /* how many are NaN or infinite */
};
struct extremes extremes_of(const float *x, int64_t n);

/* Starts with {0}. stats_add: the elements of one value in one sample and their extremes, of which
 * `most` are counted (a multiple of STATS_BLOCK, up to STATS_COUNTED). most 0, in all calls: only
 * extremes are wanted; there is neither a histogram nor sums over elements, and min and max reach
 * to 0. */
void stats_add(struct stats *s, struct arena *a, const float *x, int64_t n,
               const struct extremes *e, int64_t most);
/* As if from's samples had been added after into's. */
void stats_merge(struct stats *into, struct arena *a, const struct stats *from);
/* The first half of it, and what is left in `from` is the other: sums, whose order counts, from
 * bins and extremes, which are the bulk and may come later, in any order. */
void stats_move_sums(struct stats *into, struct stats *from);

/* Where little was seen, a range that further samples hardly leave: beyond the extremes of all by
 * twice as far as these are from the mean extremes of a sample. */
struct range stats_range_beyond(const struct stats *s);
/* How far the extremes of `times` as many samples are likely to reach. The few elements beyond a
 * level exceed it by m on average; if the tail is exponential, the largest of `times` as many lie
 * m ln(times) further out (return levels by peaks over a threshold: Coles, An Introduction to
 * Statistical Modeling of Extreme Values, 2001, chapter 4). Here half as much again, since elements
 * of one sample are alike; not further than twice what was seen; an end at 0 stays there. */
struct range stats_range_reach(const struct stats *s, double times);

struct observer {
    const char *name, *summary;
    struct range (*range)(const struct stats *s, const struct qtype *t, double parameter);
    double parameter;           /* default: percentile 99.99 ... */
    const char *parameter_help; /* NULL: the observer has none */
    bool extremes;              /* it reads nothing else */
    bool only_by_name;          /* 'auto' leaves it out: it costs a turn and hardly ever wins */
};
enum { N_OBSERVERS = 5 };
/* min-max, mean-min-max, percentile, entropy, mse. */
extern const struct observer observer_table[N_OBSERVERS];
const struct observer *observer_find(const char *name); /* NULL: none */
/* "percentile=99.9": the observer with this parameter, where it has one. False: there is none such,
 * or no such parameter. */
bool observer_read(const char *text, struct observer *o);

#endif
