/* SPDX-License-Identifier: Apache-2.0
 *
 * test_observe: histograms that do not depend on order, and ranges against what they should be.
 */
#include "observe.h"
#include "unit.h"

#include <math.h>
#include <string.h>

enum { N = 15000 };

static const struct qtype uint8 = {.dtype = DTYPE_U8}, uint4 = {.dtype = DTYPE_U4};
static const struct qtype int8 = {.dtype = DTYPE_I8, .symmetric = true};
static const struct qtype int4 = {.dtype = DTYPE_I4, .symmetric = true};
static const struct qtype narrow = {.dtype = DTYPE_I8, .symmetric = true, .narrow = true};
static const struct qtype middle = {.dtype = DTYPE_U8, .symmetric = true};
static const struct qtype uint16 = {.dtype = DTYPE_U16}, int16 = {.dtype = DTYPE_I16};
static const struct qtype *const types[] = {&uint8, &uint4, &int8, &int4, &narrow, &middle,
                                            &uint16, &int16};
enum { N_TYPES = sizeof types / sizeof types[0] };

/* Numerical Recipes' generator is random enough for a test, and the same everywhere. */
static double uniform(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) * 0x1p-24;
}

static double normal(uint32_t *seed)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += uniform(seed);
    return sum;
}

enum shape_of_data { NORMAL, RELU, RELU6, SILU, LAPLACE, UNIFORM, SPARSE, FAR, N_DATA };

static void fill(enum shape_of_data shape, float *x, int n)
{
    uint32_t seed = 7 + (uint32_t)shape;
    for (int i = 0; i < n; i++) {
        double v = normal(&seed), u = uniform(&seed);
        switch (shape) {
        case RELU: v = fmax(v, 0); break;
        case RELU6: v = fmin(fmax(3 * v + 2, 0), 6); break;
        case SILU: v = 2 * v / (1 + exp(-2 * v)); break;
        case LAPLACE: v = v < 0 ? log(u + 1e-9) : -log(u + 1e-9); break;
        case UNIFORM: v = 3 * u - 1; break;
        case SPARSE: v = u < .9 ? 0 : exp(v); break;
        case FAR: v = 100 + v; break;
        default: break;
        }
        x[i] = (float)v;
    }
}

static void add(struct stats *s, struct arena *a, const float *x, int64_t n)
{
    struct extremes e = extremes_of(x, n);
    stats_add(s, a, x, n, &e, STATS_COUNTED);
}

static struct stats stats_of(struct arena *a, const float *x, int n)
{
    struct stats s = {0};
    add(&s, a, x, n);
    return s;
}

static void assert_same(const struct stats *a, const struct stats *b)
{
    assert_int_equal(a->samples, b->samples);
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->zeros, b->zeros);
    assert_int_equal(a->bad, b->bad);
    assert_true(a->min == b->min && a->max == b->max);
    assert_true(a->sum_min == b->sum_min && a->sum_max == b->sum_max);
    assert_true(a->sum == b->sum && a->sum2 == b->sum2);
    assert_int_equal(a->exponent, b->exponent);
    assert_int_equal(a->first, b->first);
    assert_memory_equal(a->bin, b->bin, STATS_BINS * sizeof *a->bin);
}

static void figures_are_those_of_the_data(void **state)
{
    (void)state;
    static float x[N + 5];
    struct arena a = {0};
    fill(SPARSE, x, N);
    memcpy(x + N, (float[]){NAN, INFINITY, -INFINITY, -0.0F, -2e30F}, 5 * sizeof(float));
    double sum = 0, sum2 = 0;
    int64_t zeros = 0;
    float max = 0;
    for (int i = 0; i < N + 5; i++) {
        if (!isfinite(x[i]))
            continue;
        sum += (double)x[i];
        sum2 += (double)x[i] * (double)x[i];
        zeros += x[i] == 0;
        max = fmaxf(max, x[i]);
    }
    struct stats s = stats_of(&a, x, N + 5);
    assert_int_equal(s.samples, 1);
    assert_int_equal(s.n, N + 2);
    assert_int_equal(s.bad, 3);
    assert_int_equal(s.zeros, zeros);
    assert_true(s.min == -2e30F && s.max == max);
    assert_true(fabs(s.sum / sum - 1) < 1e-6 && fabs(s.sum2 / sum2 - 1) < 1e-6);
    s = stats_of(&a, x, N);
    uint64_t count = 0;
    for (int i = 0; i < STATS_BINS; i++)
        count += s.bin[i];
    assert_int_equal(count, N);
    for (int i = 0; i < N; i += 97) {
        int64_t k = (int64_t)floor(ldexp((double)x[i], -s.exponent)) - s.first;
        assert_in_range(k, 0, STATS_BINS - 1);
        assert_true(s.bin[k] > 0);
    }
    arena_release(&a);
}

static void large_tensors_are_counted_in_part(void **state)
{
    (void)state;
    enum { LARGE = 10 * STATS_COUNTED + 7 };
    struct arena a = {0};
    float *x = NEW_ARRAY(&a, LARGE, float);
    for (int i = 0; i < LARGE; i++)
        x[i] = (float)i / LARGE;
    x[LARGE / 2 + 1] = -3;
    x[LARGE - 1] = NAN;
    struct stats s = stats_of(&a, x, LARGE);
    assert_true(s.min == -3 && s.max == x[LARGE - 2]);
    assert_int_equal(s.bad, 1);
    assert_in_range(s.n, STATS_COUNTED - 1, STATS_COUNTED);
    assert_float_equal(s.sum / (double)s.n, 0.5, 0.01);
    arena_release(&a);
}

static void stats_of_nothing_are_empty(void **state)
{
    (void)state;
    struct arena a = {0};
    struct stats s = {0}, other = {0};
    add(&s, &a, NULL, 0);
    add(&s, &a, (float[]){NAN}, 1);
    stats_merge(&other, &a, &s);
    assert_int_equal(other.samples, 0);
    assert_int_equal(other.bad, 1);
    for (int o = 0; o < N_OBSERVERS; o++) {
        struct range r = observer_table[o].range(&s, &uint8, observer_table[o].parameter);
        assert_true(r.lo == 0 && r.hi == 0);
    }
    arena_release(&a);
}

/* Six samples, whose ranges grow, move and shrink, added forwards, backwards, and in pairs. */
static void order_does_not_matter(void **state)
{
    (void)state;
    enum { PARTS = 6, PART = N / PARTS };
    static float x[N];
    struct arena a = {0};
    fill(NORMAL, x, N);
    const float scale[PARTS] = {1, 1e-3F, 1e6F, 30, 1e-20F, 1}, shift[PARTS] = {0, 7, 1, -9, 0, 90};
    for (int i = 0; i < PARTS * PART; i++)
        x[i] = x[i] * scale[i / PART] + shift[i / PART];
    struct stats forwards = {0}, backwards = {0}, merged = {0}, pair[PARTS / 2] = {{0}};
    for (int i = 0; i < PARTS; i++) {
        add(&forwards, &a, x + i * PART, PART);
        add(&backwards, &a, x + (PARTS - 1 - i) * PART, PART);
        add(&pair[i / 2], &a, x + i * PART, PART);
    }
    for (int i = PARTS / 2 - 1; i >= 0; i--)
        stats_merge(&merged, &a, &pair[i]);
    struct stats in_order = {0}, worker[2] = {{0}};
    for (int i = 0; i < PARTS; i++) {
        add(&worker[i % 2], &a, x + i * PART, PART);
        stats_move_sums(&in_order, &worker[i % 2]);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(worker[i].n, 0);
        stats_merge(&in_order, &a, &worker[i]);
    }
    assert_same(&forwards, &backwards);
    assert_same(&forwards, &merged);
    assert_same(&forwards, &in_order);
    struct stats one = {0}, all = stats_of(&a, x, PARTS * PART);
    add(&one, &a, x, PARTS * PART);
    assert_int_equal(all.exponent, forwards.exponent);
    assert_memory_equal(all.bin, forwards.bin, STATS_BINS * sizeof *all.bin);
    arena_release(&a);
}

static void extreme_magnitudes_have_bins(void **state)
{
    (void)state;
    static const float cases[][2] = {{-3.4e38F, 3.4e38F}, {1e-45F, 1e-44F}, {0, 0}, {5, 5},
                                     {-1e-30F, 1e-35F}, {1e6F, 1000000.06F}, {0, 3.4e38F}};
    struct arena a = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stats s = stats_of(&a, cases[i], 2);
        uint64_t count = 0;
        for (int k = 0; k < STATS_BINS; k++)
            count += s.bin[k];
        assert_int_equal(count, 2);
        for (int o = 0; o < N_OBSERVERS; o++)
            for (int t = 0; t < N_TYPES; t++) {
                struct range r = observer_table[o].range(&s, types[t],
                                                         observer_table[o].parameter);
                assert_true(r.lo <= 0 && r.hi >= 0 && isfinite(r.lo) && isfinite(r.hi));
            }
    }
    arena_release(&a);
}

static void ranges_hold_zero_and_lie_within(void **state)
{
    (void)state;
    static float x[N];
    struct arena a = {0};
    for (int d = 0; d < N_DATA; d++) {
        fill((enum shape_of_data)d, x, N);
        struct stats s = stats_of(&a, x, N);
        for (int o = 0; o < N_OBSERVERS; o++)
            for (int t = 0; t < N_TYPES; t++) {
                struct range r = observer_table[o].range(&s, types[t],
                                                         observer_table[o].parameter);
                assert_true(r.lo <= 0 && r.hi >= 0 && r.hi > r.lo);
                assert_true(r.lo >= fminf(s.min, 0) && r.hi <= fmaxf(s.max, 0));
            }
    }
    arena_release(&a);
}

static struct range observe(const char *name, const struct stats *s, const struct qtype *t,
                            double parameter)
{
    return observer_find(name)->range(s, t, parameter);
}

static void min_max_and_its_mean(void **state)
{
    (void)state;
    struct arena a = {0};
    struct stats s = {0};
    add(&s, &a, (float[]){-1, 4, 2}, 3);
    add(&s, &a, (float[]){-3, 8}, 2);
    struct range r = observe("min-max", &s, &uint8, 0);
    assert_true(r.lo == -3 && r.hi == 8);
    r = observe("mean-min-max", &s, &uint8, 0);
    assert_true(r.lo == -2 && r.hi == 6);
    assert_null(observer_find("max"));
    arena_release(&a);
}

static void beyond_what_few_samples_show(void **state)
{
    (void)state;
    struct arena a = {0};
    struct stats s = {0}, positive = {0}, large = {0};
    add(&s, &a, (float[]){-1, 4, 2}, 3);
    struct range r = stats_range_beyond(&s);
    assert_true(r.lo == -1 && r.hi == 4); /* nothing is known of how samples differ */
    add(&s, &a, (float[]){-3, 8}, 2);
    r = stats_range_beyond(&s);
    assert_true(r.lo == -5 && r.hi == 12);
    add(&positive, &a, (float[]){1, 4}, 2);
    add(&positive, &a, (float[]){3, 4}, 2);
    r = stats_range_beyond(&positive);
    assert_true(r.lo == 0 && r.hi == 4);
    add(&large, &a, (float[]){-3e38F, 3e38F}, 2);
    add(&large, &a, (float[]){-1, 1}, 2);
    r = stats_range_beyond(&large);
    assert_true(isfinite(r.lo) && isfinite(r.hi));
    arena_release(&a);
}

/* A part of the data tells about how far all of them go. */
static void reach_of_a_part(void **state)
{
    (void)state;
    enum { TIMES = 10 };
    static const enum shape_of_data shapes[] = {NORMAL, RELU, SILU, LAPLACE, UNIFORM, RELU6};
    static float x[N];
    struct arena a = {0};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        fill(shapes[i], x, N);
        struct stats part = stats_of(&a, x, N / TIMES), all = stats_of(&a, x, N);
        struct range seen = stats_range_reach(&part, 1), reach = stats_range_reach(&part, TIMES);
        struct range whole = stats_range_reach(&all, 1);
        assert_true(reach.lo <= seen.lo && reach.hi >= seen.hi);
        assert_true(reach.hi >= .9F * whole.hi && reach.hi <= 1.7F * whole.hi);
        assert_true(reach.lo <= .9F * whole.lo && reach.lo >= 1.7F * whole.lo);
    }
    fill(LAPLACE, x, N);
    struct stats s = stats_of(&a, x, N);
    struct range r = stats_range_reach(&s, exp(1)); /* the mean excess is 1 at any level */
    assert_float_equal(r.hi - s.max, 1.5, .75);
    assert_float_equal(s.min - r.lo, 1.5, .75);
    r = stats_range_reach(&s, 1e9);
    assert_true(r.hi == 2 * s.max && r.lo == 2 * s.min);
    for (int i = 0; i < N; i++)
        x[i] = fminf(fabsf(x[i]), 1); /* many at the very end */
    s = stats_of(&a, x, N);
    r = stats_range_reach(&s, 64);
    assert_true(r.lo == 0 && r.hi < 1.01F);
    struct stats large = stats_of(&a, (float[]){-3e38F, 3e38F}, 2);
    r = stats_range_reach(&large, 64);
    assert_true(isfinite(r.lo) && isfinite(r.hi));
    struct stats none = {0};
    r = stats_range_reach(&none, 64);
    assert_true(r.lo == 0 && r.hi == 0);
    arena_release(&a);
}

static void percentiles_cut_known_shares(void **state)
{
    (void)state;
    static float x[N];
    struct arena a = {0};
    for (int i = 0; i < N; i++)
        x[i] = (float)i / N * 10 - 2; /* even from -2 to 8 */
    struct stats s = stats_of(&a, x, N);
    struct range r = observe("percentile", &s, &uint8, 90);
    assert_float_equal(r.lo, -1.5F, .005F);
    assert_float_equal(r.hi, 7.5F, .005F);
    r = observe("percentile", &s, &uint8, 100);
    assert_true(r.lo == s.min && r.hi == s.max);
    r = observe("percentile", &s, &uint8, 50); /* the lower cut is beyond 0 */
    assert_true(r.lo == 0);
    assert_float_equal(r.hi, 5.5F, .005F);
    for (int i = 0; i < N; i++)
        x[i] += 2;
    s = stats_of(&a, x, N);
    r = observe("percentile", &s, &uint8, 90);
    assert_true(r.lo == 0);
    assert_float_equal(r.hi, 9.5F, .005F);
    assert_true(observer_find("percentile")->parameter == 99.99);
    arena_release(&a);
}

/* Mean squared error of rounding and clipping, element by element. */
static double error_of(const float *x, int n, const struct qtype *t, struct range r)
{
    float scale;
    int32_t zero;
    quant_solve_range(t, r, &scale, &zero);
    double sum = 0, lo = (double)(quant_min(t) - zero), hi = (double)(quant_max(t) - zero);
    for (int i = 0; i < n; i++) {
        double q = fmin(fmax(rint((double)x[i] / (double)scale), lo), hi);
        double e = (double)x[i] - q * (double)scale;
        sum += e * e;
    }
    return sum / n;
}

static double brute_force(const float *x, int n, const struct qtype *t, struct range whole)
{
    double best = INFINITY;
    for (int i = 0; i < 40; i++)
        for (int k = 0; k < 40; k++) {
            float hi = (float)pow(.91, i), lo = (float)pow(.91, k);
            struct range r = {whole.lo * lo, whole.hi * hi};
            best = fmin(best, error_of(x, n, t, r));
            if (whole.lo == 0)
                break;
        }
    return best;
}

static void mse_is_as_good_as_trying_all(void **state)
{
    (void)state;
    enum { FEW = 4000 };
    static float x[FEW];
    struct arena a = {0};
    for (int d = 0; d < N_DATA; d++)
        for (int t = 0; t < 4; t++) {
            fill((enum shape_of_data)d, x, FEW);
            struct stats s = stats_of(&a, x, FEW);
            struct range whole = observe("min-max", &s, types[t], 0);
            double best = brute_force(x, FEW, types[t], whole);
            double got = error_of(x, FEW, types[t], observe("mse", &s, types[t], 0));
            if (got > best * 1.05)
                fail_msg("data %d, type %d: error %g, but %g is possible", d, t, got, best);
        }
    arena_release(&a);
}

static void entropy_keeps_the_bulk(void **state)
{
    (void)state;
    static float x[N];
    struct arena a = {0};
    fill(UNIFORM, x, N);
    struct stats s = stats_of(&a, x, N);
    struct range r = observe("entropy", &s, &uint8, 0);
    assert_true(r.lo == s.min && r.hi == s.max); /* nothing to gain from clipping */
    fill(NORMAL, x, N);
    x[0] = 40; /* one outlier among all */
    s = stats_of(&a, x, N);
    r = observe("entropy", &s, &uint4, 0);
    assert_true(r.hi > 2 && r.hi < 8 && r.lo < -2);
    fill(RELU, x, N);
    s = stats_of(&a, x, N);
    r = observe("entropy", &s, &int8, 0);
    assert_true(r.lo == 0 && r.hi > 2.5F); /* the spike at 0 does not pull the range down */
    r = observe("entropy", &s, &uint16, 0);
    assert_true(r.hi == s.max);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_the_data),
        cmocka_unit_test(large_tensors_are_counted_in_part),
        cmocka_unit_test(stats_of_nothing_are_empty),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(extreme_magnitudes_have_bins),
        cmocka_unit_test(ranges_hold_zero_and_lie_within),
        cmocka_unit_test(min_max_and_its_mean),
        cmocka_unit_test(beyond_what_few_samples_show),
        cmocka_unit_test(reach_of_a_part),
        cmocka_unit_test(percentiles_cut_known_shares),
        cmocka_unit_test(mse_is_as_good_as_trying_all),
        cmocka_unit_test(entropy_keeps_the_bulk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
