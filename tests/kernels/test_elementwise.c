/* SPDX-License-Identifier: Apache-2.0
 *
 * test_elementwise: functions of one and two numbers, conversion and rounding, each against one
 * line of plain C per element, in rows of all lengths around a vector's.
 */
#include "dtype.h"
#include "k_binary.h"
#include "k_convert.h"
#include "k_round.h"
#include "k_unary.h"
#include "ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { ROOM = 160 };

static double plain_unary(enum k_unary op, double x, double a, double b)
{
    switch (op) {
    case K_EXP: return exp(x);
    case K_TANH: return tanh(x);
    case K_SIGMOID: return 1 / (1 + exp(-x));
    case K_SWISH: return x / (1 + exp(-a * x));
    case K_SOFTPLUS: return log(1 + exp(x));
    case K_MISH: return x * tanh(log(1 + exp(x)));
    case K_ERF: return erf(x);
    case K_GELU: return x / 2 * (1 + erf(x / sqrt(2)));
    case K_GELU_TANH:
        return x / 2 * (1 + tanh(sqrt(2 / 3.14159265358979) * (x + 0.044715 * x * x * x)));
    case K_RELU: return x > 0 ? x : 0;
    case K_CLIP: return fmin(fmax(x, a), b);
    case K_LEAKY_RELU: return x < 0 ? a * x : x;
    case K_ELU: return x > 0 ? x : a * (exp(x) - 1);
    case K_HARD_SIGMOID: return fmax(0, fmin(1, a * x + b));
    case K_HARD_SWISH: return x * fmax(0, fmin(1, x / 6 + 0.5));
    case K_ROUND: return nearbyint(x);
    default: return sqrt(fabs(x));
    }
}

static void test_unary(void **state)
{
    (void)state;
    static const enum k_unary ops[] = {K_EXP,  K_TANH,      K_SIGMOID, K_SWISH,      K_SOFTPLUS,
                                       K_MISH, K_GELU,      K_RELU,    K_CLIP,       K_LEAKY_RELU,
                                       K_ELU,  K_GELU_TANH, K_ROUND,   K_HARD_SWISH,
                                       K_HARD_SIGMOID, K_ERF};
    struct random r = {1};
    float x[ROOM], y[ROOM];
    double x64[ROOM], y64[ROOM];
    for (int k = 0; k < 600; k++) {
        enum k_unary op = ops[k % (int)(sizeof ops / sizeof *ops)];
        int64_t n = random_int(&r, 0, ROOM);
        float a = 0.3f, b = 0.7f;
        for (int64_t i = 0; i < n; i++)
            x64[i] = (double)(x[i] = 20 * random_float(&r));
        k_unary_f32(op, x, y, n, a, b);
        k_unary_f64(op, x64, y64, n, (double)a, (double)b);
        for (int64_t i = 0; i < n; i++) {
            double want = plain_unary(op, x64[i], (double)a, (double)b);
            assert_true(fabs((double)y[i] - want) <= 2e-6 * fabs(want) + 1e-6);
            assert_true(fabs(y64[i] - want) <= 1e-9 * fabs(want) + 1e-9);
        }
        k_unary_f32(op, x, x, n, a, b);
        assert_memory_equal(x, y, (size_t)n * sizeof *x);
    }
}

/* What vector code must not lose. */
static void test_limits(void **state)
{
    (void)state;
    float x[19], y[19];
    for (int i = 0; i < 19; i++)
        x[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
    k_unary_f32(K_EXP, x, y, 19, 0, 0);
    for (int i = 0; i < 19; i++)
        assert_true(i % 3 == 0 ? isnan(y[i]) : y[i] == (i % 3 == 1 ? INFINITY : 0.0f));
    k_unary_f32(K_TANH, x, y, 19, 0, 0);
    for (int i = 0; i < 19; i++)
        assert_true(i % 3 == 0 ? isnan(y[i]) : y[i] == (i % 3 == 1 ? 1.0f : -1.0f));
    k_unary_f32(K_ERF, x, y, 19, 0, 0);
    for (int i = 0; i < 19; i++)
        assert_true(i % 3 == 0 ? isnan(y[i]) : y[i] == (i % 3 == 1 ? 1.0f : -1.0f));
    k_unary_f32(K_RELU, x, y, 19, 0, 0);
    for (int i = 0; i < 19; i++)
        assert_true(i % 3 == 0 ? isnan(y[i]) : y[i] == (i % 3 == 1 ? INFINITY : 0.0f));
}

static double plain_binary(enum k_binary op, double a, double b)
{
    switch (op) {
    case K_ADD: return a + b;
    case K_SUB: return a - b;
    case K_MUL: return a * b;
    case K_DIV: return a / b;
    case K_MAX: return a > b ? a : b;
    case K_MIN: return a < b ? a : b;
    case K_FMOD: return fmod(a, b);
    default: return a < 0 ? a * b : a;
    }
}

static void test_binary(void **state)
{
    (void)state;
    static const enum k_binary ops[] = {K_ADD, K_SUB, K_MUL, K_DIV, K_MAX, K_MIN, K_FMOD, K_PRELU};
    struct random r = {2};
    float a[3 * ROOM], b[3 * ROOM], y[ROOM];
    random_fill(&r, a, 3 * ROOM);
    random_fill(&r, b, 3 * ROOM);
    for (int k = 0; k < 600; k++) {
        enum k_binary op = ops[k % 8];
        int64_t n = random_int(&r, 0, ROOM), sa = random_int(&r, 0, 3), sb = random_int(&r, 0, 3);
        k_binary_f32(op, a, sa, b, sb, y, n);
        for (int64_t i = 0; i < n; i++) {
            float want = (float)plain_binary(op, (double)a[i * sa], (double)b[i * sb]);
            assert_true(fabsf(y[i] - want) <= 1e-6f * fabsf(want));
        }
    }
}

/* Integers never trap, and wrap as unsigned ones do. */
static void test_integers(void **state)
{
    (void)state;
    int64_t a[] = {INT64_MIN, -7, 7, -7, 5, INT64_MAX}, b[] = {-1, 2, -2, -2, 0, 1}, y[6];
    int64_t quotient[] = {INT64_MIN, -3, -3, 3, 0, INT64_MAX}, mod[] = {0, 1, -1, -1, 0, 0};
    int64_t fmod_want[] = {0, -1, 1, -1, 0, 0};
    k_binary_i64(K_DIV, a, 1, b, 1, y, 6);
    assert_memory_equal(y, quotient, sizeof y);
    k_binary_i64(K_MOD, a, 1, b, 1, y, 6);
    assert_memory_equal(y, mod, sizeof y);
    k_binary_i64(K_FMOD, a, 1, b, 1, y, 6);
    assert_memory_equal(y, fmod_want, sizeof y);
    k_binary_i64(K_ADD, &a[5], 0, &b[5], 0, y, 1);
    assert_true(y[0] == INT64_MIN);
    int64_t base[] = {3, -2, 2, -1}, power[] = {4, 3, -1, -3}, want[] = {81, -8, 0, -1};
    k_binary_i64(K_POW, base, 1, power, 1, y, 4);
    assert_memory_equal(y, want, sizeof want);
}

static void test_convert(void **state)
{
    (void)state;
    struct random r = {3};
    unsigned char from[ROOM * 8], to[ROOM * 8];
    float f[ROOM];
    double d[ROOM];
    int64_t w[ROOM];
    for (int t = 1; t < N_DTYPES; t++) {
        const struct dtype_info *info = dtype_info((enum dtype)t);
        if (!info->is_float && !info->is_integer)
            continue;
        for (size_t i = 0; i < sizeof from; i++)
            from[i] = (unsigned char)random_bits(&r);
        int64_t n = ROOM / 2, at = 3;
        k_load_f32((enum dtype)t, from, at, 1, n, f);
        k_load_f64((enum dtype)t, from, at, 1, n, d);
        for (int64_t i = 0; i < n; i++) {
            double want = dtype_load((enum dtype)t, from, at + i);
            assert_true(isnan(want) ? isnan(f[i]) && isnan(d[i])
                                    : f[i] == (float)want && d[i] == want);
        }
        if (!info->is_integer)
            continue;
        memcpy(to, from, sizeof to);
        k_load_i64((enum dtype)t, from, 0, 1, n, w);
        k_store_i64((enum dtype)t, to, 0, n, w);
        assert_memory_equal(to, from, dtype_size((enum dtype)t, n));
    }
}

/* k_round is k_quantize and k_dequantize, which are the formula of ONNX. */
static void test_round(void **state)
{
    (void)state;
    static const enum dtype types[] = {DTYPE_U8, DTYPE_I8, DTYPE_U16, DTYPE_I16, DTYPE_I32};
    struct random r = {4};
    float x[ROOM], y[ROOM], z[ROOM];
    int32_t q[ROOM];
    for (int k = 0; k < 1000; k++) {
        enum dtype t = types[k % 5];
        int64_t lo = dtype_info(t)->min, hi = dtype_info(t)->max, n = random_int(&r, 1, ROOM);
        int32_t zero = t == DTYPE_I32 ? 0 : (int32_t)random_int(&r, lo, hi);
        float scale = ldexpf(1 + fabsf(random_float(&r)), (int)random_int(&r, -20, 5));
        for (int64_t i = 0; i < n; i++)
            x[i] = i % 2 ? scale * (float)random_int(&r, -600, 600) / 2
                         : ldexpf(random_float(&r), (int)random_int(&r, -30, 60));
        x[0] = NAN;
        k_round_f32(x, y, n, scale, zero, lo, hi);
        k_quantize_f32(x, t, q, n, scale, zero, lo, hi);
        k_dequantize_f32(t, q, 0, z, n, scale, zero);
        assert_memory_equal(y, z, (size_t)n * sizeof *y);
        for (int64_t i = 0; i < n; i++) {
            double code = (double)rintf(x[i] / scale) + zero;
            code = code > (double)lo ? code < (double)hi ? code : (double)hi : (double)lo;
            assert_true(dtype_load_int(t, q, i) == (int64_t)code);
        }
    }
}

/* Rows, element by element. */
static void test_round_rows(void **state)
{
    (void)state;
    static const enum dtype types[] = {DTYPE_U8, DTYPE_I8, DTYPE_U16, DTYPE_I16, DTYPE_I32};
    enum { ROWS = 3 };
    struct random r = {6};
    float x[ROWS * ROOM], y[ROWS * ROOM], scale[ROOM], one;
    int32_t q[ROWS * ROOM], zero[ROOM], code;
    for (int k = 0; k < 300; k++) {
        enum dtype t = types[k % 5];
        int64_t lo = dtype_info(t)->min, hi = dtype_info(t)->max, n = random_int(&r, 1, ROOM);
        for (int64_t i = 0; i < n; i++) {
            zero[i] = t == DTYPE_I32 ? 0 : (int32_t)random_int(&r, lo, hi);
            scale[i] = ldexpf(1 + fabsf(random_float(&r)), (int)random_int(&r, -9, 5));
        }
        for (int64_t i = 0; i < ROWS * n; i++)
            x[i] = i % 7 == 6 ? NAN : ldexpf(random_float(&r), (int)random_int(&r, -9, 16));
        k_round_rows_f32(x, y, ROWS, n, scale, zero, lo, hi);
        k_quantize_rows_f32(x, t, q, ROWS, n, scale, zero, lo, hi);
        for (int64_t i = 0; i < ROWS * n; i++) {
            k_round_f32(x + i, &one, 1, scale[i % n], zero[i % n], lo, hi);
            assert_memory_equal(y + i, &one, sizeof one);
            k_quantize_f32(x + i, t, &code, 1, scale[i % n], zero[i % n], lo, hi);
            assert_true(dtype_load_int(t, q, i) == dtype_load_int(t, &code, 0));
        }
    }
}

static void test_greatest(void **state)
{
    (void)state;
    struct random r = {5};
    float x[ROOM];
    for (int k = 0; k < 200; k++) {
        int64_t n = random_int(&r, 0, ROOM);
        float most = 0;
        for (int64_t i = 0; i < n; i++) {
            x[i] = i == n / 2 && k % 3 == 0 ? NAN : random_float(&r);
            most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
        }
        assert_true(k_greatest_f32(x, n) == most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_binary),  cmocka_unit_test(test_integers),
        cmocka_unit_test(test_convert), cmocka_unit_test(test_round),
        cmocka_unit_test(test_round_rows),
        cmocka_unit_test(test_greatest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
