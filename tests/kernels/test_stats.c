/* SPDX-License-Identifier: Apache-2.0
 *
 * test_stats: statistics and histograms against loops of one line, with zeros, infinities, NaN and
 * huge numbers among the elements.
 */
#include "arena.h"
#include "k_stats.h"
#include "ref.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static float *random_data(struct random *r, struct arena *a, int64_t n)
{
    static const float odd[] = {0, -0.0f, NAN, INFINITY, -INFINITY, 1e30f, -1e30f, FLT_MIN};
    float *x = NEW_ARRAY(a, n + 1, float);
    random_fill(r, x, n);
    for (int64_t i = 0, k = random_int(r, 0, 3); i < k && n; i++)
        x[random_int(r, 0, n - 1)] = odd[random_int(r, 0, 7)];
    return x;
}

static struct k_stats plain_stats(const float *x, int64_t n, float *min, float *max)
{
    struct k_stats s = {.n = 0};
    *min = INFINITY;
    *max = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            continue;
        s.n++;
        s.zeros += x[i] == 0;
        *min = fminf(*min, x[i]);
        *max = fmaxf(*max, x[i]);
        s.sum += (double)x[i];
        s.sum2 += (double)x[i] * (double)x[i];
    }
    return s;
}

static double magnitude(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += isfinite(x[i]) ? fabs((double)x[i]) : 0;
    return sum;
}

static void test_sums(void **state)
{
    (void)state;
    struct random r = {11};
    struct arena a = {0};
    for (int k = 0; k < 400; k++) {
        int64_t n = random_int(&r, 0, 1500);
        const float *x = random_data(&r, &a, n);
        float min, max, least, most;
        struct k_stats got, want = plain_stats(x, n, &least, &most);
        k_stats(x, n, &got);
        assert_int_equal(got.n, want.n);
        assert_int_equal(got.zeros, want.zeros);
        assert_true(fabs(got.sum - want.sum) <= 1e-6 * magnitude(x, n));
        assert_true(fabs(got.sum2 - want.sum2) <= 1e-6 * want.sum2);
        assert_int_equal(k_extremes(x, n, &min, &max), n - want.n);
        assert_true(!n || (min == least && max == most));
        arena_reset(&a);
    }
    arena_release(&a);
}

static void test_histogram(void **state)
{
    (void)state;
    struct random r = {12};
    struct arena a = {0};
    static const int64_t sizes[] = {0, 1, 255, 257, 5000, 20000, 40001};
    for (int k = 0; k < 42; k++) {
        int64_t n = sizes[k % 7];
        float *x = NEW_ARRAY(&a, n + 1, float), inverse = ldexpf(1, (int)random_int(&r, 3, 9));
        random_fill(&r, x, n);
        if (n && k % 2)
            x[random_int(&r, 0, n - 1)] = k % 3 ? NAN : INFINITY;
        int32_t first = (int32_t)floorf(-inverse);
        uint64_t bin[K_BINS] = {0}, want[K_BINS] = {0};
        k_histogram(x, n, inverse, first, bin);
        for (int64_t i = 0; i < n; i++)
            if (isfinite(x[i]))
                want[(int32_t)floor((double)x[i] * (double)inverse) - first]++;
        assert_memory_equal(bin, want, sizeof bin);
        arena_reset(&a);
    }
    arena_release(&a);
}

static void test_channels(void **state)
{
    enum { MOST = 600 };
    (void)state;
    struct random r = {13};
    struct arena a = {0};
    for (int k = 0; k < 200; k++) {
        int64_t rows = random_int(&r, 0, 70), channels = random_int(&r, 1, k % 8 ? 40 : MOST);
        float *x = random_data(&r, &a, rows * channels), lo[MOST], hi[MOST], least[MOST];
        float most[MOST], sum[MOST] = {0}, largest[MOST] = {0}, min, max;
        for (int64_t c = 0; c < channels; c++) {
            lo[c] = least[c] = k % 2 ? FLT_MAX : -0.125f;
            hi[c] = most[c] = k % 2 ? -FLT_MAX : 0.125f;
        }
        if (k % 3 == 0 && rows)
            for (int64_t i = 0; i < rows; i++)
                x[i * channels] = NAN;
        struct k_channels all = {.lo = lo, .hi = hi, .sum = sum};
        assert_int_equal(k_channels(x, rows, channels, &all),
                         k_extremes(x, rows * channels, &min, &max));
        assert_true(!rows || (all.min == min && all.max == max));
        for (int64_t i = 0; i + 1 < rows * channels; i++)
            if (i % channels != channels - 1 && !isnan(x[i] + x[i + 1]))
                largest[i % channels] = fmaxf(largest[i % channels], x[i] + x[i + 1]);
        assert_memory_equal(sum, largest, (size_t)(channels - 1) * sizeof *sum);
        for (int64_t i = 0; i < rows * channels; i++) {
            least[i % channels] = fminf(least[i % channels], x[i]);
            most[i % channels] = fmaxf(most[i % channels], x[i]);
        }
        for (int64_t c = 0; c < channels; c++)
            assert_true(lo[c] == least[c] && hi[c] == most[c]);
        arena_reset(&a);
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_channels),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
