/* SPDX-License-Identifier: Apache-2.0
 *
 * activation: each kind is recognized behind a value, and its sums are those of the definition and
 * of its slope.
 */
#include "activation.h"

#include "text.h"
#include "unit.h"

#include <math.h>
#include <stdio.h>

enum { N = 301 };

static double identity(double y) { return y; }
static double relu(double y) { return fmax(y, 0); }
static double clip(double y) { return fmin(fmax(y, -1), 2.5); }
static double leaky(double y) { return y > 0 ? y : 0.2 * y; }
static double silu(double y) { return y / (1 + exp(-y)); }
static double hard_swish(double y) { return y * fmin(fmax(y + 3, 0), 6) / 6; }

static void check(const char *nodes, enum activation_kind kind, double f(double))
{
    enum { TEXT = 512 };
    char text[TEXT];
    snprintf(text, sizeof text, "opset 14 g (float[2] x) => (float[2] y)"
             "<float lo = fill(-1), float hi = fill(2.5)>{ a = Neg(x) %s }", nodes);
    struct model *m = text_model(text);
    struct activation a = activation_behind(m->graph->first->out[0]);
    assert_int_equal(a.kind, kind);
    assert_string_equal(a.out->name, kind == ACTIVATION_NONE ? "a" : "y");
    float x[N], value[N], slope[N];
    for (int i = 0; i < N; i++) {
        x[i] = (float)(i - N / 2) / 20 + 0.003f; /* beside the corners */
        value[i] = 1;
        slope[i] = 2;
    }
    activation_add(&a, x, N, value, slope);
    for (int i = 0; i < N; i++) {
        double y = (double)x[i], step = 1e-4, by = (f(y + step) - f(y - step)) / (2 * step);
        assert_float_equal(value[i] - 1, f(y), 2e-6 * (1 + fabs(y)));
        assert_float_equal(slope[i] - 2, by, 1e-5);
    }
    model_close(m);
}

static void test_kinds(void **state)
{
    (void)state;
    check("y = Abs(a)", ACTIVATION_NONE, identity);
    check("y = Relu(a)", ACTIVATION_CLIP, relu);
    check("y = Clip(a, lo, hi)", ACTIVATION_CLIP, clip);
    check("y = LeakyRelu(a) <alpha = 0.2>", ACTIVATION_LEAKY, leaky);
    check("y = HardSwish(a)", ACTIVATION_HARDSWISH, hard_swish);
    check("s = HardSigmoid(a) <alpha = 0.16666667, beta = 0.5> y = Mul(s, a)",
          ACTIVATION_HARDSWISH, hard_swish);
    check("s = Sigmoid(a) y = Mul(a, s)", ACTIVATION_SILU, silu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds)};
    return cmocka_run_group_tests_name("activation", tests, NULL, NULL);
}
