/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sums: what becomes of int32 sums, bit for bit, for rows from one channel to many.
 */
#include "arena.h"
#include "k_sums.h"
#include "ref.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

struct trial {
    struct sums s;
    int64_t n;
    float lo, hi;
    int32_t zero;
    enum dtype t;
};

static struct trial trial_new(struct random *r, struct arena *a)
{
    static const int64_t channels[] = {1, 3, 8, 511, 512, 513, 1280};
    struct trial t = {.s.channels = channels[random_int(r, 0, 6)], .s.rows = random_int(r, 0, 9)};
    t.n = t.s.rows * t.s.channels;
    int32_t *sum = NEW_ARRAY(a, t.n + 1, int32_t), *bias = NEW_ARRAY(a, t.s.channels, int32_t);
    float *factor = NEW_ARRAY(a, t.s.channels, float);
    for (int64_t i = 0; i < t.n; i++)
        sum[i] = (int32_t)random_bits(r) >> random_int(r, 0, 24);
    for (int64_t i = 0; i < t.s.channels; i++) {
        bias[i] = (int32_t)random_bits(r) >> random_int(r, 0, 24);
        factor[i] = ldexpf(random_float(r), (int)random_int(r, -24, 0));
    }
    t.s.sum = sum;
    t.s.bias = random_int(r, 0, 1) ? bias : NULL;
    t.s.factor = factor;
    t.t = random_int(r, 0, 1) ? DTYPE_U8 : DTYPE_I8;
    int least = t.t == DTYPE_U8 ? 0 : -128;
    t.zero = (int32_t)random_int(r, least, least + 255);
    t.lo = (float)(least - t.zero);
    t.hi = (float)(least + 255 - t.zero) - (float)random_int(r, 0, 1) / 2;
    return t;
}

static float expected(const struct trial *t, int64_t i)
{
    int64_t c = i % t->s.channels;
    uint32_t sum = (uint32_t)t->s.sum[i] + (t->s.bias ? (uint32_t)t->s.bias[c] : 0);
    return (float)(int32_t)sum * t->s.factor[c];
}

static void test_sums(void **state)
{
    (void)state;
    struct random r = {5};
    struct arena a = {0};
    for (int k = 0; k < 500; k++) {
        struct trial t = trial_new(&r, &a);
        int8_t *q = arena_alloc(&a, (size_t)t.n + 1);
        float *y = NEW_ARRAY(&a, t.n + 1, float);
        k_sums_codes(&t.s, t.lo, t.hi, t.zero, q);
        k_sums_f32(&t.s, y);
        for (int64_t i = 0; i < t.n; i++) {
            float v = expected(&t, i), code = rintf(fminf(fmaxf(v, t.lo), t.hi));
            assert_memory_equal(&y[i], &v, sizeof v);
            assert_int_equal(q[i], (int8_t)(uint8_t)((int)code + t.zero));
        }
        memcpy(y, t.s.sum, sizeof *y * (size_t)t.n);
        struct sums in_place = t.s;
        in_place.sum = (const int32_t *)(const void *)y;
        k_sums_f32(&in_place, y);
        for (int64_t i = 0; i < t.n; i++) {
            float v = expected(&t, i);
            assert_memory_equal(&y[i], &v, sizeof v);
        }
        arena_reset(&a);
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
    };
    return cmocka_run_group_tests_name("sums", tests, NULL, NULL);
}
