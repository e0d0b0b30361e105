/* SPDX-License-Identifier: Apache-2.0
 *
 * test_numbers: numbers one by one: packed codes, types of few bits, stores to every type, integers
 * that wrap around, and the functions that vector loops use in place of libm's.
 */
#include "k_convert.h"
#include "k_igemm.h"
#include "k_gate.h"
#include "k_math.h"
#include "k_nbits.h"
#include "k_round.h"
#include "k_unary.h"
#include "ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { ROOM = 300 };

/* Bit by bit: code i has bits i * bits and on. */
static unsigned code_of(const uint8_t *codes, int bits, int64_t i)
{
    unsigned v = 0;
    for (int b = 0; b < bits; b++) {
        int64_t at = i * bits + b;
        v |= (unsigned)(codes[at / 8] >> at % 8 & 1) << b;
    }
    return v;
}

static void test_nbits(void **state)
{
    (void)state;
    struct random r = {51};
    uint8_t codes[ROOM];
    float y[ROOM];
    for (int round = 0; round < 200; round++) {
        int bits = 2 << round % 3;
        int64_t n = random_int(&r, 0, ROOM);
        float scale = random_float(&r), zero = (float)random_int(&r, 0, (1 << bits) - 1);
        for (int i = 0; i < ROOM; i++)
            codes[i] = (uint8_t)random_bits(&r);
        k_nbits_f32(codes, bits, n, scale, zero, y);
        for (int64_t i = 0; i < n; i++) {
            unsigned want = code_of(codes, bits, i);
            assert_int_equal(k_nbits_code(codes, bits, i), want);
            assert_true(y[i] == ((float)want - zero) * scale);
        }
    }
}

static void test_widen(void **state)
{
    (void)state;
    struct random r = {52};
    int8_t x[ROOM];
    int16_t y[ROOM];
    for (int i = 0; i < ROOM; i++)
        x[i] = (int8_t)random_bits(&r);
    for (int round = 0; round < 500; round++) {
        bool is_signed = round % 2;
        int64_t n = random_int(&r, 0, 60), stride = random_int(&r, -2, 2), at = 120 + round % 60;
        int32_t zero = (int32_t)random_int(&r, is_signed ? -128 : 0, is_signed ? 127 : 255);
        k_widen(is_signed ? DTYPE_I8 : DTYPE_U8, x, at, stride, n, zero, y);
        for (int64_t i = 0; i < n; i++) {
            int v = x[at + i * stride];
            assert_int_equal(y[i], (is_signed ? v : v & 255) - zero);
        }
    }
}

/* The nearest multiple of the step between numbers of this size, an even one where two are. */
static double small_float(double v, const struct k_small_float *f)
{
    int exponent;
    frexp(v, &exponent); /* v is below 2^exponent */
    exponent = exponent - 1 < f->lowest ? f->lowest : exponent - 1;
    double step = ldexp(1, exponent - f->mantissa), y = rint(v / step) * step;
    return fabs(y) > (double)f->most ? copysign((double)f->most, v) : y;
}

static void test_round_small(void **state)
{
    (void)state;
    struct random r = {53};
    static const struct k_small_float types[] = {
        {3, -6, 448}, {2, -14, 57344}, {1, 0, 6}, {3, 0, 7.5f}, {2, -2, 28},
    };
    float x[ROOM], y[ROOM];
    for (int round = 0; round < 500; round++) {
        struct k_small_float f = types[round % 5];
        int64_t n = random_int(&r, 0, ROOM);
        float scale = ldexpf(1, (int)random_int(&r, -4, 4));
        for (int64_t i = 0; i < n; i++) {
            bool tie = random_int(&r, 0, 1); /* a few bits only, so that ties happen */
            float v = tie ? (float)random_int(&r, -64, 64) : 64 * random_float(&r);
            x[i] = ldexpf(v, (int)random_int(&r, -20, 12));
        }
        k_round_small(x, y, n, scale, f);
        for (int64_t i = 0; i < n; i++)
            assert_true((double)y[i] == small_float((double)(x[i] / scale), &f) * (double)scale);
    }
}

/* As dtype_store(), which handles one element, and nothing before `at`. */
static void test_store(void **state)
{
    (void)state;
    struct random r = {54};
    float f[ROOM];
    double d[ROOM];
    uint8_t got[ROOM * 16], want[ROOM * 16];
    for (int round = 0; round < 40; round++)
        for (int t = 1; t < N_DTYPES; t++) {
            int64_t at = random_int(&r, 0, 9), n = random_int(&r, 0, ROOM - 10);
            if (t == DTYPE_STRING)
                continue;
            for (int64_t i = 0; i < n; i++) {
                f[i] = ldexpf(random_float(&r), (int)random_int(&r, -30, 30));
                d[i] = i % 7 ? (double)f[i] * (1 + 0x1p-40) : rint((double)f[i]);
            }
            for (int wide = 0; wide < 2; wide++) {
                memset(got, 0x5a, sizeof got);
                memset(want, 0x5a, sizeof want);
                for (int64_t i = 0; i < n; i++)
                    dtype_store((enum dtype)t, want, at + i, wide ? d[i] : (double)f[i]);
                if (wide)
                    k_store_f64((enum dtype)t, got, at, n, d);
                else
                    k_store_f32((enum dtype)t, got, at, n, f);
                assert_memory_equal(got, want, sizeof got);
            }
        }
}

/* Floats of every exponent, those around numbers half-way between two halves, and all edges. */
static void test_store_halves(void **state)
{
    (void)state;
    struct random r = {57};
    static const float edges[] = {0, -0.0f, 65504, 65519.996f, 65520, 1e30f, INFINITY, -INFINITY,
                                  NAN, -NAN, 0x1p-14f, 0x1.ffcp-15f, 0x1.fffp-15f, 0x1p-24f,
                                  0x1p-25f, 0x1.000002p-25f, 0x1.8p-24f, 0x1.fffffep127f};
    enum { EDGES = sizeof edges / sizeof edges[0] };
    float x[ROOM];
    uint16_t got[ROOM], want[ROOM];
    for (int round = 0; round < 4000; round++) {
        enum dtype t = round % 2 ? DTYPE_F16 : DTYPE_BF16;
        int64_t n = random_int(&r, 0, ROOM);
        for (int64_t i = 0; i < n; i++) {
            float v = dtype_f16_to_f32((uint16_t)random_bits(&r));
            float next = nextafterf(v, INFINITY), half = v * (1 + 0x1p-11f);
            uint32_t bits = (uint32_t)random_bits(&r);
            memcpy(&x[i], &bits, sizeof bits);
            if (i % 4 && isfinite(v))
                x[i] = i % 4 == 1 ? half : i % 4 == 2 ? nextafterf(half, v) : next;
        }
        for (int64_t i = 0; i < n && i < EDGES; i++)
            x[i] = edges[i];
        for (int64_t i = 0; i < n; i++)
            dtype_store(t, want, i, (double)x[i]);
        k_store_f32(t, got, 0, n, x);
        for (int64_t i = 0; i < n; i++)
            if (got[i] != want[i])
                fail_msg("%a in %s: %04x, not %04x", (double)x[i], dtype_info(t)->name, got[i],
                         want[i]);
    }
}

static int64_t whole(enum k_unary op, int64_t v, int64_t a, int64_t b)
{
    uint64_t minus = 0 - (uint64_t)v; /* wraps around */
    switch (op) {
    case K_ABS: return v < 0 ? (int64_t)minus : v;
    case K_NEG: return (int64_t)minus;
    case K_RELU: return v < 0 ? 0 : v;
    case K_SIGN: return v < 0 ? -1 : v > 0;
    default:
        v = v < a ? a : v;
        return v > b ? b : v;
    }
}

static void test_whole_numbers(void **state)
{
    (void)state;
    static const enum k_unary ops[] = {K_ABS, K_NEG, K_RELU, K_SIGN, K_CLIP};
    static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX};
    struct random r = {55};
    int64_t x[ROOM], y[ROOM];
    for (int round = 0; round < 200; round++) {
        enum k_unary op = ops[round % 5];
        int64_t n = random_int(&r, 0, ROOM);
        int64_t a = random_int(&r, -50, 50), b = random_int(&r, -50, 50);
        for (int64_t i = 0; i < n; i++)
            x[i] = i % 9 == 0 ? edges[i / 9 % 6] : random_int(&r, -100, 100);
        assert_true(k_unary_i64(op, x, y, n, a, b));
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(y[i], whole(op, x[i], a, b));
        assert_true(k_unary_i64(op, x, x, n, a, b));
        assert_memory_equal(x, y, (size_t)n * sizeof *x);
    }
    assert_false(k_unary_i64(K_EXP, x, y, 1, 0, 0));
}

/* Between neighbours of a float in units of its last place; both may be infinite. */
static double ulps(float got, double want)
{
    float near = (float)want;
    if (got == near || (isnan(got) && isnan(near)))
        return 0;
    double step = (double)nextafterf(fabsf(near), INFINITY) - fabs((double)near);
    return fabs((double)got - want) / step;
}

/* Below -87 a sigmoid stays where it is there. */
static void check_math(float x)
{
    double v = (double)x, sigmoid = 1 / (1 + exp(-v));
    bool tiny = v < -87 && k_sigmoid(x) == k_sigmoid(-87.0f);
    if (ulps(k_exp(x), exp(v)) > 2 || ulps(k_tanh(x), tanh(v)) > 4
        || (!tiny && ulps(k_sigmoid(x), sigmoid) > 4))
        fail_msg("at %a: exp %a, tanh %a, sigmoid %a", v, (double)k_exp(x), (double)k_tanh(x),
                 (double)k_sigmoid(x));
}

static void test_math(void **state)
{
    (void)state;
    struct random r = {56};
    static const float edges[] = {0, -0.0f, 1, -1, 88.7f, 88.8f, 100, -87.4f, -103.9f, -104, -200,
                                  0x1p-149f, 0x1p-126f, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        check_math(edges[i]);
    for (int round = 0; round < 300000; round++) {
        float x = ldexpf(random_float(&r), (int)random_int(&r, -20, 7));
        check_math(x);
        assert_true(k_rint(x) == rintf(x));
    }
    for (int n = -126; n <= 127; n++)
        assert_true(k_power_of_two(n) == ldexpf(1, n));
}

/* Rows of all widths, against the formula and, with one alpha, against the other form. */
static void test_gates(void **state)
{
    (void)state;
    struct random r = {57};
    static const float edges[] = {0, -0.0f, 86.9f, -86.9f, 88, 1e9f, INFINITY, NAN};
    enum { EDGES = sizeof edges / sizeof edges[0] };
    float x[ROOM], y[ROOM], s[ROOM], alpha[ROOM];
    for (int round = 0; round < 20000; round++) {
        int64_t channels = random_int(&r, 1, 40), rows = random_int(&r, 0, ROOM / channels);
        int64_t n = rows * channels;
        for (int64_t i = 0; i < n; i++)
            x[i] = i < EDGES ? edges[i] : ldexpf(random_float(&r), (int)random_int(&r, -20, 6));
        for (int64_t i = 0; i < channels; i++)
            alpha[i] = random_float(&r);
        k_gate_sigmoid(x, s, n);
        k_gate_swish_rows(x, y, rows, channels, alpha);
        for (int64_t i = 0; i < n; i++) {
            double v = (double)x[i], t = (double)(alpha[i % channels] * x[i]);
            bool tiny = v < -87 && s[i] >= 0 && s[i] < 2e-38f;
            assert_true(tiny || ulps(s[i], 1 / (1 + exp(-v))) <= 4);
            assert_true(isinf(x[i]) || fabs(t) > 87 || ulps(y[i], v / (1 + exp(-t))) <= 4);
        }
        k_gate_swish(x, y, n, alpha[0]);
        for (int64_t i = 0; i < channels; i++)
            alpha[i] = alpha[0];
        k_gate_swish_rows(x, x, rows, channels, alpha);
        assert_memory_equal(x, y, (size_t)n * sizeof *x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nbits), cmocka_unit_test(test_widen),
        cmocka_unit_test(test_round_small), cmocka_unit_test(test_store),
        cmocka_unit_test(test_store_halves), cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_math), cmocka_unit_test(test_gates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
