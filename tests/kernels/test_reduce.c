/* SPDX-License-Identifier: Apache-2.0
 *
 * test_reduce: reductions, arguments of extremes, softmax, parts of normalizations, products with a
 * vector by channel, each against plain loops, on axes from empty to longer than a vector.
 */
#include "arena.h"
#include "k_affine.h"
#include "k_move.h"
#include "k_norm.h"
#include "k_random.h"
#include "k_reduce.h"
#include "k_softmax.h"
#include "ref.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

struct trial { /* x[outer][n][inner], as three types */
    int64_t outer, n, inner, count, results;
    float *f;
    double *d;
    int64_t *i;
};

static struct trial trial_new(struct random *r, struct arena *a)
{
    struct trial t = {.outer = random_int(r, 0, 4), .n = random_int(r, 0, 70),
                      .inner = random_int(r, 0, 1) ? 1 : random_int(r, 1, 40)};
    t.count = t.outer * t.n * t.inner;
    t.results = t.outer * t.inner;
    t.f = NEW_ARRAY(a, t.count + 1, float);
    t.d = NEW_ARRAY(a, t.count + 1, double);
    t.i = NEW_ARRAY(a, t.count + 1, int64_t);
    for (int64_t k = 0; k < t.count; k++) {
        t.i[k] = random_int(r, -9, 9);
        t.f[k] = (float)t.i[k] / 8 + random_float(r) / 16;
        t.d[k] = (double)t.f[k];
    }
    return t;
}

static double start(enum k_reduce op)
{
    return op == K_REDUCE_PROD ? 1 : op == K_REDUCE_MAX ? -INFINITY
         : op == K_REDUCE_MIN ? INFINITY : 0;
}

static double step(enum k_reduce op, double y, double x)
{
    switch (op) {
    case K_REDUCE_MAX: return fmax(y, x);
    case K_REDUCE_MIN: return fmin(y, x);
    case K_REDUCE_PROD: return y * x;
    case K_REDUCE_L1: return y + fabs(x);
    case K_REDUCE_SUM_SQUARE: case K_REDUCE_L2: return y + x * x;
    case K_REDUCE_LOG_SUM_EXP: return y + exp(x);
    default: return y + x;
    }
}

static double plain(enum k_reduce op, const struct trial *t, int64_t result)
{
    double y = start(op);
    for (int64_t k = 0; k < t->n; k++)
        y = step(op, y, t->d[(result / t->inner * t->n + k) * t->inner + result % t->inner]);
    return op == K_REDUCE_MEAN ? y / (double)t->n : op == K_REDUCE_L2 ? sqrt(y)
         : op == K_REDUCE_LOG_SUM || op == K_REDUCE_LOG_SUM_EXP ? log(y) : y;
}

static bool is_near(double got, double want, double tolerance)
{
    return (isnan(got) && isnan(want)) || got == want
        || fabs(got - want) <= tolerance * fmax(1, fabs(want));
}

static void test_floats(void **state)
{
    (void)state;
    struct random r = {31};
    struct arena a = {0};
    for (int k = 0; k < 500; k++) {
        struct trial t = trial_new(&r, &a);
        enum k_reduce op = (enum k_reduce)(k % (K_REDUCE_LOG_SUM_EXP + 1));
        float *y = NEW_ARRAY(&a, t.results + 1, float);
        double *z = NEW_ARRAY(&a, t.results + 1, double);
        k_reduce_f32(op, t.f, y, t.outer, t.n, t.inner);
        k_reduce_f64(op, t.d, z, t.outer, t.n, t.inner);
        for (int64_t i = 0; i < t.results; i++) {
            double want = plain(op, &t, i);
            bool extreme = op == K_REDUCE_MAX || op == K_REDUCE_MIN;
            if (t.n == 0 && extreme)
                continue; /* the lowest and highest numbers of the types */
            assert_true(is_near((double)y[i], (double)(float)want, 2e-5));
            assert_true(is_near(z[i], want, 1e-11));
        }
        arena_reset(&a);
    }
    arena_release(&a);
}

static void test_integers(void **state)
{
    (void)state;
    static const enum k_reduce ops[] = {K_REDUCE_SUM, K_REDUCE_MAX, K_REDUCE_MIN, K_REDUCE_L1,
                                        K_REDUCE_SUM_SQUARE};
    struct random r = {32};
    struct arena a = {0};
    for (int k = 0; k < 300; k++) {
        struct trial t = trial_new(&r, &a);
        int64_t *y = NEW_ARRAY(&a, t.results + 1, int64_t);
        for (int64_t i = 0; i < t.count; i++)
            t.d[i] = (double)t.i[i];
        k_reduce_i64(ops[k % 5], t.i, y, t.outer, t.n, t.inner);
        for (int64_t i = 0; i < t.results && t.n; i++)
            assert_int_equal(y[i], (int64_t)plain(ops[k % 5], &t, i));
        arena_reset(&a);
    }
    arena_release(&a);
}

static int64_t plain_arg(const struct trial *t, int64_t result, bool smallest, bool last)
{
    int64_t best = 0;
    for (int64_t k = 1; k < t->n; k++) {
        int64_t x = t->i[(result / t->inner * t->n + k) * t->inner + result % t->inner];
        int64_t y = t->i[(result / t->inner * t->n + best) * t->inner + result % t->inner];
        if ((smallest ? x < y : x > y) || (last && x == y))
            best = k;
    }
    return best;
}

static void test_arguments(void **state)
{
    (void)state;
    struct random r = {33};
    struct arena a = {0};
    for (int k = 0; k < 300; k++) {
        struct trial t = trial_new(&r, &a);
        int64_t *y = NEW_ARRAY(&a, 3 * t.results + 1, int64_t);
        bool smallest = k & 1, last = k & 2;
        if (!t.n)
            continue;
        for (int64_t i = 0; i < t.count; i++) {
            t.f[i] = (float)t.i[i];
            t.d[i] = (double)t.i[i];
        }
        k_arg_f32(t.f, y, t.outer, t.n, t.inner, smallest, last);
        k_arg_f64(t.d, y + t.results, t.outer, t.n, t.inner, smallest, last);
        k_arg_i64(t.i, y + 2 * t.results, t.outer, t.n, t.inner, smallest, last);
        for (int64_t i = 0; i < 3 * t.results; i++)
            assert_int_equal(y[i], plain_arg(&t, i % t.results, smallest, last));
        arena_reset(&a);
    }
    arena_release(&a);
}

static void test_softmax(void **state)
{
    (void)state;
    struct random r = {34};
    struct arena a = {0};
    for (int k = 0; k < 200; k++) {
        struct trial t = trial_new(&r, &a);
        double *z = NEW_ARRAY(&a, t.count + 1, double);
        bool logs = k % 2;
        k_softmax_f64(t.d, z, t.outer, t.n, t.inner, logs);
        k_softmax_f32(t.f, t.f, t.outer, t.n, t.inner, logs);
        for (int64_t i = 0; i < t.count; i++) {
            int64_t first = i / (t.n * t.inner) * t.n * t.inner + i % t.inner;
            double sum = 0;
            for (int64_t j = 0; j < t.n; j++)
                sum += exp(t.d[first + j * t.inner]);
            double want = logs ? t.d[i] - log(sum) : exp(t.d[i]) / sum;
            assert_true(is_near(z[i], want, 1e-12));
            assert_true(is_near((double)t.f[i], want, 1e-5));
        }
        arena_reset(&a);
    }
    arena_release(&a);
}

static void test_norms(void **state)
{
    (void)state;
    struct random r = {35};
    float x[200], y[200], scale[200], bias[200];
    for (int k = 0; k < 200; k++) {
        int64_t n = random_int(&r, 1, 200), step_scale = k % 2, step_bias = k / 2 % 2;
        double sum = 0, square = 0, variance = 0, mean, got;
        random_fill(&r, x, n);
        random_fill(&r, scale, n);
        random_fill(&r, bias, n);
        for (int64_t i = 0; i < n; i++) {
            sum += (double)x[i];
            square += (double)x[i] * (double)x[i];
        }
        for (int64_t i = 0; i < n; i++)
            variance += pow((double)x[i] - sum / (double)n, 2) / (double)n;
        k_moments_f32(x, n, &mean, &got);
        assert_true(is_near(mean, sum / (double)n, 1e-12) && is_near(got, variance, 1e-12));
        assert_true(is_near(k_mean_square_f32(x, n), square / (double)n, 1e-12));
        k_normalize_f32(x, y, n, 0.25f, 1.5f, scale, step_scale, k % 3 ? bias : NULL, step_bias);
        for (int64_t i = 0; i < n; i++) {
            double want = ((double)x[i] - 0.25) * 1.5 * (double)scale[i * step_scale]
                        + (k % 3 ? (double)bias[i * step_bias] : 0);
            assert_true(is_near((double)y[i], want, 1e-6));
        }
    }
}

static void test_affine(void **state)
{
    (void)state;
    struct random r = {36};
    struct arena arena = {0};
    for (int k = 0; k < 100; k++) {
        int64_t batch = random_int(&r, 1, 2), c = random_int(&r, 1, 40);
        int64_t span = random_int(&r, 0, 9), n = batch * c * span;
        float *a = NEW_ARRAY(&arena, c, float), *b = NEW_ARRAY(&arena, c, float);
        float *x = NEW_ARRAY(&arena, n + 1, float), *last = NEW_ARRAY(&arena, n + 1, float);
        float *y = NEW_ARRAY(&arena, n + 1, float), *back = NEW_ARRAY(&arena, n + 1, float);
        random_fill(&r, a, c);
        random_fill(&r, b, c);
        random_fill(&r, x, n);
        ref_transpose(x, batch, c, span, last);
        k_affine_plain(a, b, c, x, y, batch, span);
        k_affine_last(a, b, c, last, last, batch * span);
        ref_transpose(last, batch, span, c, back);
        for (int64_t i = 0; i < n; i++) {
            assert_true(is_near((double)y[i], (double)(a[i / span % c] * x[i] + b[i / span % c]),
                                1e-6));
            assert_true(y[i] == back[i]);
        }
        arena_reset(&arena);
    }
    arena_release(&arena);
}

static void test_fill(void **state)
{
    (void)state;
    uint8_t element[16], to[17 * 16 + 16];
    for (int i = 0; i < 16; i++)
        element[i] = (uint8_t)(i * 7 + 1);
    for (size_t item = 1; item <= 16; item *= 2)
        for (int64_t n = 0; n <= 17; n++) {
            memset(to, 0xee, sizeof to);
            k_fill(to, element, item, n);
            for (size_t i = 0; i < (size_t)n * item; i++)
                assert_int_equal(to[i], element[i % item]);
            assert_int_equal(to[(size_t)n * item], 0xee);
        }
}

/* Each number stands for its seed and position alone; means and deviations are those promised. */
static void test_random(void **state)
{
    (void)state;
    enum { N = 20000 };
    uint64_t seed = k_random_seed(1, "name", 4);
    double sum = 0, normal = 0, normal2 = 0;
    assert_true(seed != k_random_seed(1, "nama", 4) && seed != k_random_seed(2, "name", 4));
    for (int64_t i = 0; i < N; i++) {
        double u = k_random_uniform(seed, i), z = k_random_normal(seed, i);
        assert_true(u >= 0 && u < 1 && isfinite(z));
        sum += u;
        normal += z;
        normal2 += z * z;
    }
    assert_true(fabs(sum / N - 0.5) < 0.01);
    assert_true(fabs(normal / N) < 0.03 && fabs(normal2 / N - 1) < 0.05);
    assert_true(k_random_uniform(seed, 7) == k_random_uniform(seed, 7));
    assert_true(k_random_uniform(seed, 7) != k_random_uniform(seed, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_affine),
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("reduce", tests, NULL, NULL);
}
