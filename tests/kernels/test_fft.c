/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fft: Fourier transforms of all short lengths and some long ones, against the sum itself.
 */
#include "k_fft.h"
#include "ref.h"

#include "arena.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* sum over k of x[k] exp(-2 pi i j k / n), of one row */
static void check_row(int64_t n, int64_t rows, int64_t row, const double *x, const double *re,
                      const double *im)
{
    for (int64_t j = 0; j < n; j++) {
        double want_re = 0, want_im = 0;
        for (int64_t k = 0; k < n; k++) {
            double angle = -2 * acos(-1) * (double)(j * k % n) / (double)n;
            double x_re = x[k * rows + row], x_im = x[(n + k) * rows + row];
            want_re += x_re * cos(angle) - x_im * sin(angle);
            want_im += x_re * sin(angle) + x_im * cos(angle);
        }
        double limit = 2e-14 * (double)(n + 10);
        assert_true(fabs(re[j * rows + row] - want_re) < limit);
        assert_true(fabs(im[j * rows + row] - want_im) < limit);
    }
}

static void check(struct arena *a, struct random *r, int64_t n, int64_t rows)
{
    struct k_fft f;
    size_t size = (size_t)(2 * n * rows) * sizeof(double);
    double *x = NEW_ARRAY(a, 2 * n * rows, double);
    double *scratch = NEW_ARRAY(a, k_fft_scratch(n, rows), double);
    memset(scratch, 0xff, k_fft_scratch(n, rows) * sizeof *scratch); /* NaN */
    for (int64_t i = 0; i < 2 * n * rows; i++)
        x[i] = (double)random_float(r);
    double *re = arena_copy(a, x, size), *im = re + n * rows;
    k_fft_init(&f, n, NEW_ARRAY(a, k_fft_table(n), double), scratch);
    k_fft(&f, rows, re, im, scratch);
    for (int64_t row = 0; row < rows; row++)
        check_row(n, rows, row, x, re, im);
    k_fft(&f, rows, im, re, scratch); /* and back */
    for (int64_t i = 0; i < 2 * n * rows; i++)
        assert_true(fabs(re[i] / (double)n - x[i]) < 1e-14 * (double)(n + 10));
    arena_reset(a);
}

static void test_lengths(void **state)
{
    (void)state;
    struct random r = {1};
    struct arena arena = {0};
    for (int64_t n = 1; n <= 130; n++)
        check(&arena, &r, n, random_int(&r, 1, 3));
    static const int64_t more[] = {47 * 47, 512, 1009, 1024, 53 * 4, 480, 1000, 2 * 1009};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        check(&arena, &r, more[i], 1);
    check(&arena, &r, 240, 17);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests_name("fft", tests, NULL, NULL);
}
