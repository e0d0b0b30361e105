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

/* Lower triangles and sums of x[positions][k], a step of `step` elements from column to column. */
static void check_sums(int64_t k, int64_t positions, const float *x, int64_t row, int64_t step,
                       const float *packed, const double *sum)
{
    float xx[MOST * MOST];
    k_gram_unpack(k, packed, xx);
    for (int64_t i = 0; i < k; i++) {
        double all = 0;
        for (int64_t p = 0; p < positions; p++)
            all += (double)x[p * row + i * step];
        assert_true(fabs(sum[i] - all) < 1e-5);
        for (int64_t j = 0; j <= i; j++) {
            double product = 0;
            for (int64_t p = 0; p < positions; p++)
                product += (double)x[p * row + i * step] * (double)x[p * row + j * step];
            assert_true(fabs((double)xx[i * k + j] - product) < 1e-4);
        }
    }
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

/* (d q - w) C (d q - w)^T of one row. */
static double cost(int64_t k, const float *q, const float *w, float d, const float *c)
{
    double sum = 0;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < k; j++)
            sum += ((double)d * (double)q[i] - (double)w[i]) * (double)c[i * k + j]
                 * ((double)d * (double)q[j] - (double)w[j]);
    return sum;
}

/* Codes are whole and within limits, no row costs more than its nearest codes, and all together
 * cost much less where inputs are alike. */
static void test_rounding(void **state)
{
    (void)state;
    struct random r = {24};
    struct arena a = {0};
    double before = 0, after = 0;
    for (int n = 0; n < 30; n++) {
        int64_t k = random_int(&r, 1, 24), rows = random_int(&r, 1, 4), columns = 200;
        float *x = NEW_ARRAY(&a, k * columns, float), *xx = NEW_ARRAY(&a, k * (k + 1) / 2, float);
        float *c = NEW_ARRAY(&a, k * k, float), *w = NEW_ARRAY(&a, rows * k, float);
        float *q = NEW_ARRAY(&a, rows * k, float), *scale = NEW_ARRAY(&a, rows, float);
        double *sum = NEW_ARRAY(&a, k, double);
        random_fill(&r, x, k * columns);
        random_fill(&r, w, rows * k);
        for (int64_t p = 0; p < columns; p++) /* neighbours are alike */
            for (int64_t i = 1; i < k; i++)
                x[p * k + i] = 0.9f * x[p * k + i - 1] + 0.2f * x[p * k + i];
        for (int64_t i = 0; i < rows; i++)
            scale[i] = 1 / 7.0f;
        k_gram_add(k, columns, x, xx, sum);
        k_gram_unpack(k, xx, c);
        assert_true(k_rounding_moments(k, columns, sum, n % 2, c));
        struct k_rounding p = {rows, k, w, scale, -8, 7, c, q};
        assert_true(k_rounding_solve(&p, NEW_ARRAY(&a, k_rounding_scratch(k), float)));
        for (int64_t i = 0; i < rows; i++) {
            float nearest[24];
            for (int64_t j = 0; j < k; j++) {
                float code = q[i * k + j];
                assert_true(code == rintf(code) && code >= -8 && code <= 7);
                nearest[j] = fminf(fmaxf(rintf(w[i * k + j] / scale[i]), -8), 7);
            }
            double plain = cost(k, nearest, w + i * k, scale[i], c);
            double chosen = cost(k, q + i * k, w + i * k, scale[i], c);
            assert_true(chosen <= plain * (1 + 1e-5));
            before += plain;
            after += chosen;
        }
        arena_reset(&a);
    }
    assert_true(after < before / 2);
    arena_release(&a);
}

static void test_nothing_to_learn(void **state)
{
    (void)state;
    float c[4] = {0};
    double sum[2] = {0};
    assert_false(k_rounding_moments(2, 0, sum, true, c));
    assert_false(k_rounding_moments(2, 10, sum, true, c));
}

int main(void)
{
    kernels_enter();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_taps),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_nothing_to_learn),
    };
    return cmocka_run_group_tests_name("moments", tests, NULL, NULL);
}
