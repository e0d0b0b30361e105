/* SPDX-License-Identifier: Apache-2.0
 *
 * test_qlinear: arithmetic on codes against one formula for each operator, for all steps between
 * elements.
 */
#include "k_qlinear.h"
#include "k_startup.h"
#include "ref.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { ROOM = 256 };

static enum dtype random_type(struct random *r)
{
    return random_int(r, 0, 1) ? DTYPE_U8 : DTYPE_I8;
}
static int32_t random_zero(struct random *r, enum dtype t)
{
    return (int32_t)random_int(r, dtype_info(t)->min, dtype_info(t)->max);
}
/* Often one that makes ties. */
static float random_scale(struct random *r)
{
    if (random_int(r, 0, 1))
        return 0.05f * (float)random_int(r, 1, 20);
    return fabsf(random_float(r)) + 0.01f;
}
static int64_t clipped(float v, enum dtype t)
{
    float q = rintf(v), lo = (float)dtype_info(t)->min, hi = (float)dtype_info(t)->max;
    return (int64_t)fminf(fmaxf(q, lo), hi);
}

/* Two operands in one array of random bytes, and a result with room around it. */
struct trial {
    enum dtype t;
    uint8_t from[ROOM * 3], to[ROOM];
    struct k_codes a, b;
    int64_t at, n;
};

static struct trial trial_new(struct random *r)
{
    struct trial t = {.t = random_type(r), .at = random_int(r, 0, 5), .n = random_int(r, 0, 70)};
    for (int i = 0; i < ROOM * 3; i++)
        t.from[i] = (uint8_t)random_bits(r);
    memset(t.to, 0x55, sizeof t.to);
    t.a = (struct k_codes){NULL, random_int(r, 0, 9), random_int(r, 0, 2)};
    t.b = (struct k_codes){NULL, random_int(r, 0, 9), random_int(r, 0, 2)};
    return t;
}
static float operand(const struct trial *t, const struct k_codes *c, int64_t i)
{
    return (float)dtype_load_int(t->t, t->from, c->at + i * c->step);
}
/* Nothing outside the result was written. */
static void check_room(const struct trial *t)
{
    for (int64_t i = 0; i < ROOM; i++)
        if (i < t->at || i >= t->at + t->n)
            assert_int_equal(t->to[i], 0x55);
}

static void test_add(void **state)
{
    (void)state;
    struct random r = {1};
    for (int k = 0; k < 1000; k++) {
        struct trial t = trial_new(&r);
        float sa = random_scale(&r), sb = random_scale(&r), sy = random_scale(&r);
        int32_t za = random_zero(&r, t.t), zb = random_zero(&r, t.t), zy = random_zero(&r, t.t);
        bool a_first = random_int(&r, 0, 1);
        struct qadd q = k_qadd_init(sa, za, sb, zb, sy, zy, a_first);
        t.a.data = t.b.data = t.from;
        k_qadd(&q, t.t, t.a, t.b, t.to, t.at, t.n);
        for (int64_t i = 0; i < t.n; i++) {
            float a = operand(&t, &t.a, i), b = operand(&t, &t.b, i);
            float v = a_first ? fmaf(b, q.bc, fmaf(a, q.ac, q.fixed))
                              : fmaf(a, q.ac, fmaf(b, q.bc, q.fixed));
            assert_int_equal(dtype_load_int(t.t, t.to, t.at + i), clipped(v, t.t));
            double exact = ((double)a - za) * (double)sa + ((double)b - zb) * (double)sb;
            assert_true(fabs(exact / (double)sy + zy - (double)v) < 1e-2);
        }
        check_room(&t);
    }
}

static void test_mul(void **state)
{
    (void)state;
    struct random r = {2};
    for (int k = 0; k < 1000; k++) {
        struct trial t = trial_new(&r);
        struct qmul q = {random_scale(&r) * 0.1f, random_zero(&r, t.t), random_zero(&r, t.t),
                         random_zero(&r, t.t)};
        t.a.data = t.b.data = t.from;
        k_qmul(&q, t.t, t.a, t.b, t.to, t.at, t.n);
        for (int64_t i = 0; i < t.n; i++) {
            float product = (operand(&t, &t.a, i) - (float)q.a_zero)
                          * (operand(&t, &t.b, i) - (float)q.b_zero);
            int64_t want = clipped(product * q.scale + (float)q.y_zero, t.t);
            assert_int_equal(dtype_load_int(t.t, t.to, t.at + i), want);
        }
        check_room(&t);
    }
}

static void test_lookup(void **state)
{
    (void)state;
    uint8_t table[256], x[256], y[256];
    float values[256], f[256];
    for (int i = 0; i < 256; i++) {
        table[i] = (uint8_t)(i * 7 + 3);
        values[i] = (float)i * 0.5f;
        x[i] = (uint8_t)(255 - i);
    }
    k_lookup(table, x, 256, y);
    k_lookup_f32(values, x, 256, f);
    for (int i = 0; i < 256; i++) {
        assert_int_equal(y[i], table[255 - i]);
        assert_true(f[i] == values[255 - i]);
    }
}

/* 0.5 + 1 is a tie that goes up, where 0.5 rounded first would stay. */
static void test_codes_late(void **state)
{
    (void)state;
    const float x[] = {0.5f, 1.5f, -300, 300, -1};
    uint8_t y[5];
    const int want[] = {2, 2, 0, 255, 0}, want_signed[] = {2, 2, -128, 127, 0};
    k_codes_late(x, 5, 1, 1, DTYPE_U8, y);
    for (int i = 0; i < 5; i++)
        assert_int_equal(y[i], want[i]);
    k_codes_late(x, 5, 1, 1, DTYPE_I8, y);
    for (int i = 0; i < 5; i++)
        assert_int_equal((int8_t)y[i], want_signed[i]);
}

static void test_add_codes(void **state)
{
    (void)state;
    struct random r = {3};
    for (int k = 0; k < 300; k++) {
        struct trial t = trial_new(&r);
        int64_t step = random_int(&r, 0, 2);
        int32_t sum[ROOM] = {0}, want[ROOM] = {0}, zero = random_zero(&r, t.t);
        sum[0] = want[0] = INT32_MAX;
        k_add_codes(t.t, t.from, t.at, t.n, zero, sum, step);
        for (int64_t i = 0; i < t.n; i++) {
            uint32_t v = (uint32_t)(dtype_load_int(t.t, t.from, t.at + i) - zero);
            want[i * step] = (int32_t)((uint32_t)want[i * step] + v);
        }
        assert_memory_equal(sum, want, sizeof sum);
    }
}

static void test_softmax(void **state)
{
    (void)state;
    struct random r = {4};
    float table[256];
    for (int i = 0; i < 256; i++)
        table[i] = expf(0.05f * (float)(i - 255));
    for (int k = 0; k < 300; k++) {
        struct trial t = trial_new(&r);
        int64_t step = random_int(&r, 1, 3), top = dtype_info(t.t)->min;
        int32_t zero = random_zero(&r, t.t);
        double total = 0;
        t.n++;
        k_qsoftmax(table, t.t, t.from, t.at, t.n, step, 256, zero, t.to);
        for (int64_t i = 0; i < t.n; i++) {
            int64_t x = dtype_load_int(t.t, t.from, t.at + i * step);
            top = x > top ? x : top;
        }
        for (int64_t i = 0; i < t.n; i++)
            total += exp(0.05 * (double)(dtype_load_int(t.t, t.from, t.at + i * step) - top));
        for (int64_t i = 0; i < t.n; i++) {
            int64_t x = dtype_load_int(t.t, t.from, t.at + i * step);
            double v = 256 * exp(0.05 * (double)(x - top)) / total + zero;
            double want = fmin(v, (double)dtype_info(t.t)->max);
            assert_true(fabs((double)dtype_load_int(t.t, t.to, t.at + i * step) - want) < 0.51);
        }
    }
}

int main(void)
{
    kernels_enter();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),       cmocka_unit_test(test_mul),
        cmocka_unit_test(test_lookup),    cmocka_unit_test(test_codes_late),
        cmocka_unit_test(test_add_codes), cmocka_unit_test(test_softmax),
    };
    return cmocka_run_group_tests_name("qlinear", tests, NULL, NULL);
}
