/* SPDX-License-Identifier: Apache-2.0
 *
 * test_moments: columns of convolutions, their second moments, and the rounding of weights by
 * them, which must cost less than rounding to nearest.
 */
#include "arena.h"
#include "k_gram.h"
#include "k_rounding.h"
#include "k_startup.h"
#include "ref.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct conv_dims random_dims(struct random *r, bool depthwise)
{
    struct conv_dims d;
    memset(&d, 0, sizeof d);
    d.axes = 2;
    d.batch = random_int(r, 1, 2);
    d.groups = depthwise ? random_int(r, 1, 9) : random_int(r, 1, 3);
    d.c = depthwise ? d.groups : d.groups * random_int(r, 1, 5);
    d.m = d.groups;
    for (int a = 0; a < CONV_AXES; a++) {
        bool used = a > 0;
        d.kernel[a] = used ? random_int(r, 1, 3) : 1;
        d.stride[a] = used ? random_int(r, 1, 2) : 1;
        d.dilation[a] = used ? random_int(r, 1, 2) : 1;
        d.pad[a] = used ? random_int(r, 0, 2) : 0;
        d.in[a] = used ? random_int(r, 5, 8) : 1;
        d.out[a] = (d.in[a] + 2 * d.pad[a] - (d.kernel[a] - 1) * d.dilation[a] - 1) / d.stride[a]
                 + 1;
    }
    return d;
}

/* What tap t of output position p reads of channel c; x is plain. */
static float tap_of(const struct conv_dims *d, const float *x, int64_t p, int64_t c, int64_t t)
{
    int64_t at[CONV_AXES], place = 0, span = conv_in_span(d), batch = p / conv_out_span(d);
    p %= conv_out_span(d);
    for (int a = CONV_AXES - 1; a >= 0; a--) {
        at[a] = p % d->out[a] * d->stride[a] - d->pad[a] + t % d->kernel[a] * d->dilation[a];
        p /= d->out[a];
        t /= d->kernel[a];
        if (at[a] < 0 || at[a] >= d->in[a])
            return 0;
    }
    for (int a = 0; a < CONV_AXES; a++)
        place = place * d->in[a] + at[a];
    return x[(batch * d->c + c) * span + place];
}

static float *random_image(struct random *r, struct arena *a, const struct conv_dims *d,
                           float **last)
{
    int64_t n = d->batch * d->c * conv_in_span(d);
    float *x = NEW_ARRAY(a, n, float);
    *last = NEW_ARRAY(a, n, float);
    random_fill(r, x, n);
    ref_transpose(x, d->batch, d->c, conv_in_span(d), *last);
    return x;
}

static void test_columns(void **state)
{
    (void)state;
    struct random r = {21};
    struct arena a = {0};
    for (int n = 0; n < 60; n++) {
        struct conv_dims d = random_dims(&r, false);
        float *last, *x = random_image(&r, &a, &d, &last);
        int64_t taps = conv_taps(&d), k = d.c / d.groups * taps, positions = 3;
        float *column = NEW_ARRAY(&a, d.groups * positions * k, float);
        int64_t p = random_int(&r, 0, d.batch * conv_out_span(&d) - 1);
        k_gram_column(&d, n % 2 ? last : x, n % 2, p, column + k, positions);
        for (int64_t c = 0; c < d.c; c++)
            for (int64_t t = 0; t < taps; t++) {
                int64_t group = c / (d.c / d.groups), own = c % (d.c / d.groups);
                assert_true(column[k + group * positions * k + own * taps + t]
                            == tap_of(&d, x, p, c, t));
            }
        arena_reset(&a);
    }
    arena_release(&a);
}

static void test_taps(void **state)
{
    (void)state;
    struct random r = {22};
    struct arena a = {0};
    for (int n = 0; n < 60; n++) {
        struct conv_dims d = random_dims(&r, true);
        float *last, *x = random_image(&r, &a, &d, &last);
        int64_t taps = conv_taps(&d);
        float *column = NEW_ARRAY(&a, taps * d.c, float);
        int64_t p = random_int(&r, 0, d.batch * conv_out_span(&d) - 1);
        k_gram_taps(&d, n % 2 ? last : x, n % 2, p, column);
        for (int64_t c = 0; c < d.c; c++)
            for (int64_t t = 0; t < taps; t++)
                assert_true(column[t * d.c + c] == tap_of(&d, x, p, c, t));
        arena_reset(&a);
    }
    arena_release(&a);
}

enum { MOST = 40 };

/* Products and sums of x[positions][k], a step of `step` elements from column to column. */
static void check_sums(int64_t k, int64_t positions, const float *x, int64_t row, int64_t step,
                       const float *packed, const double *sum)
{
    float xx[MOST * MOST];
    k_gram_rows(k, packed, 0, k, xx);
    for (int64_t i = 0; i < k; i++) {
        double all = 0;
        for (int64_t p = 0; p < positions; p++)
            all += (double)x[p * row + i * step];
        assert_true(fabs(sum[i] - all) < 1e-5);
        for (int64_t j = 0; j < k; j++) {
            double product = 0;
            for (int64_t p = 0; p < positions; p++)
                product += (double)x[p * row + i * step] * (double)x[p * row + j * step];
            assert_true(fabs((double)xx[i * k + j] - product) < 1e-4);
        }
    }
}

/* Some rows of the whole are those of all of it, and lie where k_gram_at() says. */
static void test_rows(void **state)
{
    (void)state;
    struct random r = {25};
    struct arena a = {0};
    for (int n = 0; n < 100; n++) {
        int64_t k = random_int(&r, 1, 80), first = random_int(&r, 0, k - 1);
        int64_t rows = random_int(&r, 1, k - first);
        float *packed = NEW_ARRAY(&a, k_gram_size(k), float);
        float *some = NEW_ARRAY(&a, rows * k, float);
        random_fill(&r, packed, k_gram_size(k));
        k_gram_rows(k, packed, first, rows, some);
        for (int64_t i = first; i < first + rows; i++)
            for (int64_t j = 0; j < k; j++)
                assert_true(some[(i - first) * k + j]
                            == packed[k_gram_at(k, i > j ? i : j, i > j ? j : i)]);
        arena_reset(&a);
    }
    arena_release(&a);
}

static void test_products(void **state)
{
    (void)state;
    struct random r = {23};
    struct arena a = {0};
    for (int n = 0; n < 60; n++) {
        int64_t k = random_int(&r, 1, MOST), positions = random_int(&r, 0, 50);
        float *x = NEW_ARRAY(&a, k * positions + 1, float);
        float *xx = NEW_ARRAY(&a, k_gram_size(k), float);
        double *sum = NEW_ARRAY(&a, k, double);
        random_fill(&r, x, k * positions);
        k_gram_add(k, positions, x, xx, sum);
        check_sums(k, positions, x, k, 1, xx, sum);
        arena_reset(&a);
    }
    for (int n = 0; n < 60; n++) {
        int64_t channels = random_int(&r, 1, 40), taps = random_int(&r, 1, 9);
        int64_t positions = random_int(&r, 0, 50), count = positions * taps * channels;
        float *x = NEW_ARRAY(&a, count + 1, float);
        float *products = NEW_ARRAY(&a, channels * taps * (taps + 3) / 2, float);
        float *xx = NEW_ARRAY(&a, channels * k_gram_size(taps), float);
        double *sum = NEW_ARRAY(&a, channels * taps, double);
        random_fill(&r, x, count);
        k_gram_add_taps(channels, taps, positions, x, products, xx, sum);
        for (int64_t c = 0; c < channels; c++)
            check_sums(taps, positions, x + c, taps * channels, channels,
                       xx + c * k_gram_size(taps), sum + c * taps);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* More than two of the panels that k_rounding_solve() takes columns in. */
enum { MOST_K = 160 };

/* One problem: columns whose neighbours are alike, C as a whole and packed. */
struct problem {
    struct k_rounding r;
    float *w, *c, *packed, *factor, *scale;
};

static struct problem random_problem(struct random *r, struct arena *a, bool centred, int64_t most)
{
    int64_t k = random_int(r, 1, most), rows = random_int(r, 1, 5), columns = 2 * MOST_K;
    float *x = NEW_ARRAY(a, k * columns, float);
    double *sum = NEW_ARRAY(a, k, double);
    struct problem p = {.w = NEW_ARRAY(a, rows * k, float), .c = NEW_ARRAY(a, k * k, float),
                        .packed = NEW_ARRAY(a, k_gram_size(k), float),
                        .factor = NEW_ARRAY(a, k_gram_size(k), float),
                        .scale = NEW_ARRAY(a, rows, float)};
    random_fill(r, x, k * columns);
    random_fill(r, p.w, rows * k);
    for (int64_t i = 0; i < columns; i++)
        for (int64_t j = 1; j < k; j++)
            x[i * k + j] = 0.9f * x[i * k + j - 1] + 0.2f * x[i * k + j];
    for (int64_t i = 0; i < rows; i++)
        p.scale[i] = 1 / (6.5f + (float)i);
    k_gram_add(k, columns, x, p.packed, sum);
    assert_true(k_rounding_moments(k, columns, sum, centred, p.packed));
    assert_true(k_rounding_factor(k, p.packed, p.factor));
    k_gram_rows(k, p.packed, 0, k, p.c);
    p.r = (struct k_rounding){rows, k, p.w, p.scale, -8, 7, p.packed, p.factor,
                              NEW_ARRAY(a, rows * k, float)};
    return p;
}

enum { THREADS = 3, SIZES = 6, REPEATED = 3000, LARGEST = 144, LONG = 128 };
static const int64_t thread_size[SIZES] = {9, 16, 33, 64, 100, LARGEST};

struct share { /* what one thread adds up */
    const float *x;
    float *const *want;
    int wrong;
};

static void moments_of(int64_t k, const float *x, float *xx)
{
    double sum[LARGEST] = {0};
    memset(xx, 0, sizeof *xx * (size_t)k_gram_size(k));
    k_gram_add(k, LONG, x, xx, sum);
}

static void *work_share(void *data)
{
    struct share *s = data;
    struct random r = {(uint64_t)(uintptr_t)s};
    float *xx = mem_alloc(sizeof *xx * (size_t)k_gram_size(LARGEST));
    for (int i = 0; i < REPEATED; i++) {
        int64_t size = random_int(&r, 0, SIZES - 1), k = thread_size[size];
        moments_of(k, s->x, xx);
        s->wrong += memcmp(xx, s->want[size], sizeof *xx * (size_t)k_gram_size(k)) != 0;
    }
    mem_free(xx);
    return NULL;
}

/* A BLAS whose buffers have no locks mixes up the products of threads now and then. */
static void test_threads_get_the_same(void **state)
{
    (void)state;
    struct arena a = {0};
    struct random r = {77};
    float *x = NEW_ARRAY(&a, LARGEST * LONG, float), *want[SIZES];
    struct share share[THREADS];
    pthread_t thread[THREADS];
    if (!kernels_may_run_in_threads())
        skip();
    random_fill(&r, x, LARGEST * LONG);
    for (int i = 0; i < SIZES; i++) {
        want[i] = NEW_ARRAY(&a, k_gram_size(thread_size[i]), float);
        moments_of(thread_size[i], x, want[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        share[i] = (struct share){x, want, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, work_share, &share[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(share[i].wrong, 0);
    }
    arena_release(&a);
}

/* The factor U, upper, has U C U^T = I. */
static void test_factor(void **state)
{
    (void)state;
    struct random r = {26};
    struct arena a = {0};
    for (int n = 0; n < 20; n++) {
        struct problem p = random_problem(&r, &a, n % 2, 90);
        int64_t k = p.r.k;
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j <= i; j++) {
                double sum = 0;
                for (int64_t s = i; s < k; s++)
                    for (int64_t t = j; t < k; t++)
                        sum += (double)p.factor[k_gram_at(k, k - 1 - i, k - 1 - s)]
                             * (double)p.c[s * k + t]
                             * (double)p.factor[k_gram_at(k, k - 1 - j, k - 1 - t)];
                assert_true(fabs(sum - (i == j)) < 1e-2);
            }
        arena_reset(&a);
    }
    arena_release(&a);
}

/* e C e^T for the errors of one row. */
static double cost(int64_t k, const double *q, const float *w, float d, const float *c)
{
    double sum = 0;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < k; j++)
            sum += ((double)d * q[i] - (double)w[i]) * (double)c[i * k + j]
                 * ((double)d * q[j] - (double)w[j]);
    return sum;
}

static double code_of(const struct problem *p, double w, double d)
{
    return fmin(fmax(rint(w / d), (double)p->r.qmin), (double)p->r.qmax);
}

/* GPTQ and the sweep for row o as they are written down, one column after another. */
static void reference_row(const struct problem *p, int64_t o, double *q)
{
    int64_t k = p->r.k;
    double t[MOST_K], d = (double)p->scale[o];
    for (int64_t i = 0; i < k; i++)
        t[i] = (double)p->w[o * k + i];
    for (int64_t i = 0; i < k; i++) {
        q[i] = code_of(p, t[i], d);
        double e = (t[i] - q[i] * d) / (double)p->factor[k_gram_at(k, k - 1 - i, k - 1 - i)];
        for (int64_t j = i + 1; j < k; j++)
            t[j] -= e * (double)p->factor[k_gram_at(k, k - 1 - i, k - 1 - j)];
    }
    for (int64_t i = 0; i < k; i++) {
        double g = 0;
        for (int64_t j = 0; j < k; j++)
            g += (double)p->c[i * k + j] * ((double)p->w[o * k + j] - q[j] * d);
        q[i] = code_of(p, q[i] * d + g / (double)p->c[i * k + i], d);
    }
}

/* Codes are whole and within limits, no row costs more than its nearest codes; all together cost
 * much less where inputs are alike, and what the reference's cost: some codes differ, since a
 * rounding that falls to the other side changes all that follow. */
static void test_rounding(void **state)
{
    (void)state;
    struct random r = {24};
    struct arena a = {0};
    double before = 0, after = 0, wanted = 0, same = 0, all = 0;
    for (int n = 0; n < 60; n++) {
        struct problem p = random_problem(&r, &a, n % 2, MOST_K);
        int64_t k = p.r.k;
        k_rounding_solve(&p.r, NEW_ARRAY(&a, k_rounding_scratch(p.r.rows, k), float));
        for (int64_t o = 0; o < p.r.rows; o++) {
            double nearest[MOST_K], chosen[MOST_K], reference[MOST_K];
            const float *w = p.w + o * k;
            reference_row(&p, o, reference);
            for (int64_t j = 0; j < k; j++, all++) {
                chosen[j] = (double)p.r.q[o * k + j];
                assert_true(chosen[j] == rint(chosen[j]) && chosen[j] >= -8 && chosen[j] <= 7);
                nearest[j] = code_of(&p, (double)w[j], (double)p.scale[o]);
                same += chosen[j] == reference[j];
            }
            double plain = cost(k, nearest, w, p.scale[o], p.c);
            double best = cost(k, chosen, w, p.scale[o], p.c);
            assert_true(best <= plain * (1 + 1e-5));
            before += plain;
            after += best;
            wanted += fmin(cost(k, reference, w, p.scale[o], p.c), plain);
        }
        arena_reset(&a);
    }
    assert_true(after < before / 2);
    assert_true(fabs(after - wanted) < wanted / 100);
    assert_true(same > all * 0.95);
    arena_release(&a);
}

/* All inputs are nearly the same, and what rounding adds to the first half of a row it takes from
 * the second: nearest codes cost least, as only products between far columns can tell. */
static void test_halves_that_cancel(void **state)
{
    (void)state;
    enum { K = 128, COLUMNS = 300 };
    struct random r = {28};
    struct arena a = {0};
    float *x = NEW_ARRAY(&a, K * COLUMNS, float), *w = NEW_ARRAY(&a, K, float), scale = 0.5f;
    float *c = NEW_ARRAY(&a, k_gram_size(K), float), *factor = NEW_ARRAY(&a, k_gram_size(K), float);
    float *q = NEW_ARRAY(&a, K, float);
    double *sum = NEW_ARRAY(&a, K, double);
    random_fill(&r, x, K * COLUMNS);
    for (int i = 0; i < K * COLUMNS; i++)
        x[i] = x[i / K * K] + (i % K ? 0.05f * x[i] : 0);
    for (int i = 0; i < K; i++)
        w[i] = scale * ((float)(i % 3) + (i < K / 2 ? 0.3f : -0.3f));
    k_gram_add(K, COLUMNS, x, c, sum);
    assert_true(k_rounding_moments(K, COLUMNS, sum, false, c));
    assert_true(k_rounding_factor(K, c, factor));
    struct k_rounding rounding = {1, K, w, &scale, -8, 7, c, factor, q};
    k_rounding_solve(&rounding, NEW_ARRAY(&a, k_rounding_scratch(1, K), float));
    for (int i = 0; i < K; i++)
        assert_true(q[i] == (float)(i % 3));
    arena_release(&a);
}

static void test_nothing_to_learn(void **state)
{
    (void)state;
    float c[3] = {0};
    double sum[2] = {0};
    assert_false(k_rounding_moments(2, 0, sum, true, c));
    assert_false(k_rounding_moments(2, 10, sum, true, c));
    const float indefinite[3] = {-1, 1, 0};
    assert_false(k_rounding_factor(2, indefinite, c));
}

int main(void)
{
    kernels_enter();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_taps),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_threads_get_the_same),
        cmocka_unit_test(test_factor),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_halves_that_cancel),
        cmocka_unit_test(test_nothing_to_learn),
    };
    return cmocka_run_group_tests_name("moments", tests, NULL, NULL);
}
