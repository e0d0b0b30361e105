/* SPDX-License-Identifier: Apache-2.0
 *
 * test_gemm: matrix products of every element type, sizes from 0 up; and the tail.
 */
#include "k_dnnl.h"
#include "k_gemm.h"
#include "k_startup.h"
#include "ref.h"

#include "arena.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

struct trial {
    struct gemm g;
    int64_t n_a, n_b, n_c;
    float *a, *b, *c, *want;
};

/* ldb: of b; 0: any. */
static struct trial trial_new(struct random *r, struct arena *arena, int64_t most, int64_t ldb)
{
    struct gemm g = {.m = random_int(r, 0, most), .n = random_int(r, 0, most),
                     .k = random_int(r, 0, most), .ta = random_int(r, 0, 1),
                     .tb = !ldb && random_int(r, 0, 1), .alpha = 1};
    g.lda = (g.ta ? g.m : g.k) + random_int(r, 0, 3);
    g.ldb = ldb ? ldb : (g.tb ? g.k : g.n) + random_int(r, 0, 3);
    g.ldc = g.n + random_int(r, 0, 3);
    if (random_int(r, 0, 1)) {
        g.alpha = 0.5f;
        g.beta = -2;
    }
    struct trial t = {.g = g, .n_a = g.lda * (g.ta ? g.k : g.m), .n_b = g.ldb * (g.tb ? g.n : g.k),
                      .n_c = g.ldc * g.m};
    t.a = NEW_ARRAY(arena, t.n_a, float);
    t.b = NEW_ARRAY(arena, t.n_b, float);
    t.c = NEW_ARRAY(arena, t.n_c, float);
    t.want = NEW_ARRAY(arena, t.n_c, float);
    random_fill(r, t.a, t.n_a);
    random_fill(r, t.b, t.n_b);
    random_fill(r, t.c, t.n_c);
    for (int64_t i = 0; g.beta == 0 && i < t.n_c; i++)
        if (i % (g.ldc ? g.ldc : 1) < g.n)
            t.c[i] = NAN; /* must not be read */
    if (t.n_c)
        memcpy(t.want, t.c, sizeof *t.c * (size_t)t.n_c);
    ref_gemm(&t.g, t.a, t.b, t.want);
    return t;
}

static void test_f32(void **state)
{
    (void)state;
    struct random r = {1};
    struct arena arena = {0};
    for (int i = 0; i < 460; i++) {
        /* The last have rows of b whose places in a cache are the same. */
        struct trial t = i < 400 ? trial_new(&r, &arena, 40, 0)
                                 : trial_new(&r, &arena, 500, 256 * random_int(&r, 2, 4));
        k_gemm_f32(&t.g, t.a, t.b, t.c);
        assert_true(ref_error(t.c, t.want, t.n_c) < 1e-5);
        arena_reset(&arena);
    }
    arena_release(&arena);
}

static void test_f64(void **state)
{
    (void)state;
    struct random r = {2};
    struct arena arena = {0};
    for (int i = 0; i < 100; i++) {
        struct trial t = trial_new(&r, &arena, 40, 0);
        double *a = NEW_ARRAY(&arena, t.n_a, double), *b = NEW_ARRAY(&arena, t.n_b, double);
        double *c = NEW_ARRAY(&arena, t.n_c, double);
        for (int64_t k = 0; k < t.n_a; k++)
            a[k] = (double)t.a[k];
        for (int64_t k = 0; k < t.n_b; k++)
            b[k] = (double)t.b[k];
        for (int64_t k = 0; k < t.n_c; k++)
            c[k] = (double)t.c[k];
        k_gemm_f64(&t.g, a, b, c);
        for (int64_t k = 0; k < t.n_c; k++)
            t.c[k] = (float)c[k];
        assert_true(ref_error(t.c, t.want, t.n_c) < 1e-6);
        arena_reset(&arena);
    }
    arena_release(&arena);
}

static void test_i64(void **state)
{
    (void)state;
    const int64_t a[] = {1, -2, 3, INT64_MAX, 5, 6}, b[] = {7, 8, 9, 10, 11, 2};
    int64_t c[4], transposed[4];
    struct gemm g = gemm_dense(2, 2, 3);
    k_gemm_i64(&g, a, b, c);
    assert_int_equal(c[0], 7 - 18 + 33);
    assert_int_equal(c[1], 8 - 20 + 6);
    assert_true((uint64_t)c[3] == (uint64_t)INT64_MAX * 8 + 5 * 10 + 6 * 2);
    const int64_t at[] = {1, INT64_MAX, -2, 5, 3, 6}, bt[] = {7, 9, 11, 8, 10, 2};
    g.ta = g.tb = true;
    g.lda = 2;
    g.ldb = 3;
    k_gemm_i64(&g, at, bt, transposed);
    assert_memory_equal(c, transposed, sizeof c);
}

static void test_tail(void **state)
{
    (void)state;
    struct random r = {3};
    float bias[7], alpha[7], add[35], y[35], want[35];
    random_fill(&r, bias, 7);
    random_fill(&r, alpha, 7);
    random_fill(&r, add, 35);
    for (int k = 0; k < 8 * (TAIL_GELU + 1); k++) {
        enum tail_kind kind = (enum tail_kind)(k / 8);
        struct tail t = {.bias = k & 1 ? bias : NULL, .add = k & 2 ? add : NULL, .kind = kind,
                         .alpha = k & 4 && kind == TAIL_SWISH ? alpha : NULL,
                         .lo = k < 16 ? -0.25f : 0.1f, .hi = 0.5f};
        random_fill(&r, y, 35);
        for (int i = 0; i < 35; i++)
            want[i] = ref_limit(&t, y[i] + (t.bias ? bias[i % 7] : 0) + (t.add ? add[i] : 0),
                                i % 7);
        k_tail(&t, y, 5, 7);
        assert_true(ref_error(y, want, 35) < 3e-7);
    }
}

/* A sum that is written over itself. */
static void test_tail_in_place(void **state)
{
    (void)state;
    float y[] = {1, 2, 3};
    k_tail(&(struct tail){.add = y}, y, 1, 3);
    assert_true(y[0] == 2 && y[1] == 4 && y[2] == 6);
}

int main(void)
{
    kernels_enter();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32),  cmocka_unit_test(test_f64),
        cmocka_unit_test(test_i64),  cmocka_unit_test(test_tail),
        cmocka_unit_test(test_tail_in_place),
    };
    return cmocka_run_group_tests_name("gemm", tests, NULL, NULL);
}
