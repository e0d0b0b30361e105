/* SPDX-License-Identifier: Apache-2.0
 *
 * test_pool: pooling on random windows, and the change of layout that brings data to it.
 */
#include "arena.h"
#include "k_layout.h"
#include "k_pool.h"
#include "ref.h"

#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* Windows may reach past the padded input, as they do with ceil_mode. */
static struct conv_dims random_window(struct random *r)
{
    struct conv_dims d = {.axes = 3, .batch = random_int(r, 1, 2)};
    d.c = d.m = d.groups = random_int(r, 1, 90);
    for (int a = 0; a < CONV_AXES; a++) {
        d.in[a] = random_int(r, 1, 7);
        d.kernel[a] = random_int(r, 1, 4);
        d.stride[a] = random_int(r, 1, 3);
        d.dilation[a] = random_int(r, 1, 2);
        d.pad[a] = random_int(r, 0, d.kernel[a] - 1);
        d.pad_end[a] = random_int(r, 0, d.kernel[a] - 1);
        d.out[a] = random_int(r, 1, (d.in[a] + d.pad[a] - 1) / d.stride[a] + 1);
    }
    return d;
}

static void test_windows(void **state)
{
    (void)state;
    struct random r = {5};
    struct arena a = {0};
    for (int k = 0; k < 200; k++) {
        struct conv_dims d = random_window(&r);
        int64_t n_in = d.batch * d.c * conv_in_span(&d), n = d.batch * d.c * conv_out_span(&d);
        float *x = NEW_ARRAY(&a, n_in, float), *last = NEW_ARRAY(&a, n_in, float);
        float *want = NEW_ARRAY(&a, n, float), *want_last = NEW_ARRAY(&a, n, float);
        float *got = NEW_ARRAY(&a, n, float);
        int64_t *index = NEW_ARRAY(&a, n, int64_t), *want_index = NEW_ARRAY(&a, n, int64_t);
        random_fill(&r, x, n_in);
        ref_transpose(x, d.batch, d.c, conv_in_span(&d), last);
        for (int kind = REF_MAX; kind <= REF_LP; kind++) {
            ref_pool(&d, (enum ref_pool)kind, 3, x, want);
            ref_transpose(want, d.batch, d.c, conv_out_span(&d), want_last);
            if (kind == REF_MAX)
                k_pool_max(&d, last, got);
            else if (kind == REF_LP)
                k_pool_lp(&d, 3, last, got);
            else
                k_pool_average(&d, kind == REF_AVERAGE_PADDED, last, got);
            assert_true(ref_error(got, want_last, n) < 1e-6);
            if (kind != REF_AVERAGE)
                continue;
            k_pool_average_float(&d, false, last, got);
            assert_true(ref_error(got, want_last, n) < 1e-6);
        }
        k_pool_max_index(&d, last, k & 1, index);
        ref_pool_index(&d, k & 1, x, want_index);
        assert_memory_equal(index, want_index, sizeof *index * (size_t)n);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* Doubles that are all the same as floats. */
static void test_doubles(void **state)
{
    (void)state;
    struct random r = {7};
    struct arena a = {0};
    for (int k = 0; k < 100; k++) {
        struct conv_dims d = random_window(&r);
        int64_t n_in = d.batch * d.c * conv_in_span(&d), n = d.batch * d.c * conv_out_span(&d);
        float *x = NEW_ARRAY(&a, n_in, float), *last = NEW_ARRAY(&a, n_in, float);
        float *want = NEW_ARRAY(&a, n, float);
        double *wide = NEW_ARRAY(&a, n_in, double), *got = NEW_ARRAY(&a, n, double);
        int64_t *index = NEW_ARRAY(&a, n, int64_t), *want_index = NEW_ARRAY(&a, n, int64_t);
        for (int64_t i = 0; i < n_in; i++)
            x[i] = (float)random_int(&r, -1000, 1000);
        ref_transpose(x, d.batch, d.c, conv_in_span(&d), last);
        for (int64_t i = 0; i < n_in; i++)
            wide[i] = 1 + (double)last[i] * 0x1p-50;
        k_pool_max(&d, last, want);
        k_pool_max_f64(&d, wide, got);
        for (int64_t i = 0; i < n; i++)
            assert_true(got[i] == (want[i] < -1000 ? -DBL_MAX : 1 + (double)want[i] * 0x1p-50));
        k_pool_max_index_f64(&d, wide, k & 1, index);
        ref_pool_index(&d, k & 1, x, want_index);
        assert_memory_equal(index, want_index, sizeof *index * (size_t)n);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* Items of each size, carried by bytes that tell where they came from. */
static void test_transpose(void **state)
{
    (void)state;
    struct random r = {6};
    unsigned char from[2 * 40 * 40 * 8], to[sizeof from];
    for (int k = 0; k < 200; k++) {
        size_t item = (size_t)1 << k % 4;
        int64_t batch = random_int(&r, 0, 2), rows = random_int(&r, 0, 40);
        int64_t columns = random_int(&r, 1, 40);
        for (size_t i = 0; i < sizeof from; i++)
            from[i] = (unsigned char)random_bits(&r);
        k_transpose(to, from, item, batch, rows, columns);
        for (int64_t b = 0; b < batch; b++)
            for (int64_t i = 0; i < rows; i++)
                for (int64_t j = 0; j < columns; j++)
                    assert_memory_equal(to + item * (size_t)((b * columns + j) * rows + i),
                                        from + item * (size_t)((b * rows + i) * columns + j),
                                        item);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_transpose),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
