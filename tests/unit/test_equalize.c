/* SPDX-License-Identifier: Apache-2.0
 *
 * equalize for activations: with peaks made up here, networks compute what they did, and only what
 * can be scaled is. (What equalize does for weights is in tests/passes/equalize.t.)
 */
#include "equalize.h"

#include "channel.h"
#include "infer.h"
#include "outcome.h"
#include "text.h"
#include "unit.h"

#include <math.h>
#include <string.h>

/* Channel c of n has the peak 2^-c: the first is the largest. */
static struct peaks make_peaks(struct arena *a, const struct model *m)
{
    struct channels *channels = channels_find(m, a);
    struct peaks peaks = {NEW_ARRAY(a, m->n_values, float *), NEW_ARRAY(a, m->n_values, float *),
                          NULL};
    for (int i = 0; i < m->n_values; i++) {
        peaks.lo[i] = NEW_ARRAY(a, channels[i].n, float);
        peaks.hi[i] = NEW_ARRAY(a, channels[i].n, float);
        for (int64_t c = 0; c < channels[i].n; c++)
            peaks.hi[i][c] = ldexpf(1, -(int)c);
    }
    return peaks;
}

static struct model *inferred(const char *source)
{
    struct err err = {0};
    struct model *m = text_model(source);
    assert_int_equal(graph_infer(m->graph, &err), 0);
    return m;
}

static struct model *equalized(const char *source, struct arena *a, int *changes)
{
    struct model *m = inferred(source);
    struct peaks peaks = make_peaks(a, m);
    *changes = equalize_activations(m, &peaks, GATES_APART, a);
    return m;
}

static void check(const char *source, int layers, const char *nodes)
{
    struct arena a = {0};
    struct err err = {0};
    int changes;
    struct model *before = text_model(source), *after = equalized(source, &a, &changes);
    struct sample sample = {0};
    struct outcome x = {0}, y = {0};
    struct str found = {0};
    assert_int_equal(changes, layers);
    graph_each(after->graph, n)
        str_printf(&found, "%s ", n->type);
    assert_string_equal(found.text, nodes);
    assert_int_equal(graph_infer(before->graph, &err), 0);
    assert_int_equal(sample_take(&sample, before->graph, NULL, &err), 0);
    assert_int_equal(outcome_take(&x, before, &sample, &err), 0);
    assert_int_equal(outcome_take(&y, after, &sample, &err), 0);
    assert_true(outcome_difference(&x, &y) < 1e-6);
    outcome_release(&x);
    outcome_release(&y);
    sample_release(&sample);
    str_release(&found);
    model_close(before);
    model_close(after);
    arena_release(&a);
}

#define WEIGHTS                                                                                    \
    "ir 8 opset 14 g (float[1,2,5,5] x) => (float y) <float[4,2,1,1] w = random(1),"               \
    " float[4] b = random(2), float[4,1,3,3] k = random(3), float[3,4,1,1] v = random(4),"         \
    " float zero = 0, float three = 3, float six = 6>"

static void test_relu(void **state)
{
    (void)state;
    check(WEIGHTS "{ c = Conv(x, w, b) d = Relu(c) y = Conv(d, v) }", 2, "Conv Relu Conv ");
}

static void test_silu(void **state)
{
    (void)state;
    check(WEIGHTS "{ c = Conv(x, w, b) s = Sigmoid(c) d = Mul(c, s) y = Conv(d, v) }", 2,
          "Conv Mul Sigmoid Mul Conv ");
}

static void test_hardswish_in_parts(void **state)
{
    (void)state;
    check(WEIGHTS "{ c = Conv(x, w, b) p = Add(c, three) q = Clip(p, zero, six) r = Div(q, six)"
                  "  d = Mul(c, r) y = Conv(d, v) }",
          2, "Conv Mul Add Clip Div Mul Conv ");
    check(WEIGHTS "{ c = Conv(x, w, b) p = Add(c, three) q = Clip(p, zero, six) r = Mul(c, q)"
                  "  d = Div(r, six) y = Conv(d, v) }",
          2, "Conv Mul Add Clip Mul Div Conv ");
}

static void test_hardswish(void **state)
{
    (void)state;
    check(WEIGHTS "{ c = Conv(x, w, b) d = HardSwish(c) y = Conv(d, v) }", 2,
          "Conv Mul HardSigmoid Mul Conv ");
}

static void test_gate_of_another_value(void **state)
{
    (void)state;
    check(WEIGHTS "{ c = Conv(x, w, b) e = Conv(x, w) s = Sigmoid(e) d = Mul(c, s)"
                  "  y = Conv(d, v) }",
          2, "Conv Conv Sigmoid Mul Conv ");
}

/* A limit for each channel would cost an operator that no runtime has in integers. */
static void test_limits_stay(void **state)
{
    (void)state;
    check(WEIGHTS "{ c = Conv(x, w, b) d = Clip(c, zero, six) y = Conv(d, v) }", 0,
          "Conv Clip Conv ");
}

/* The factors themselves: where layers mix channels, and where depthwise ones alone read them. */
static void test_strength(void **state)
{
    struct arena a = {0};
    int changes;
    (void)state;
    struct model *m = equalized(WEIGHTS "{ c = Conv(x, w, b) d = Relu(c)"
                                        "  e = Conv <group = 4> (d, k) f = Relu(e)"
                                        "  y = Conv(f, v) }", &a, &changes);
    const struct node *first = m->graph->first, *last = m->graph->last;
    struct model *old = text_model(WEIGHTS "{ y = Conv(x, w, b) z = Conv(y, v) }");
    const struct tensor *b = node_constant(old->graph->first, 2);
    const struct tensor *v = node_constant(old->graph->last, 1);
    for (int c = 0; c < 4; c++) {
        double depthwise = pow(2, -0.6 * c), mixed = pow(2, -0.3 * c);
        double bias = tensor_get(node_constant(first, 2), c) * depthwise;
        double weight = tensor_get(node_constant(last, 1), c) / mixed;
        assert_true(fabs(bias - tensor_get(b, c)) < 1e-6);
        assert_true(fabs(weight - tensor_get(v, c)) < 1e-6);
    }
    model_close(m);
    model_close(old);
    arena_release(&a);
}

/* By how much the last channel grows in front of a gate, whose first channel reaches down to `lo`:
 * 2^(0.3 * 3) if the first reaches upwards only, as make_peaks() has it. */
static double growth(const char *gate, enum equalize_gates gates, float lo)
{
    enum { LAST = 3 };
    struct arena a = {0};
    struct str source = {0};
    str_printf(&source, WEIGHTS "{ c = Conv(x, w, b) %s y = Conv(d, v) }", gate);
    struct model *m = inferred(source.text), *old = text_model(source.text);
    struct peaks peaks = make_peaks(&a, m);
    peaks.lo[m->graph->first->out[0]->id][0] = lo;
    equalize_activations(m, &peaks, gates, &a);
    double now = tensor_get(node_constant(m->graph->first, 2), LAST);
    double before = tensor_get(node_constant(old->graph->first, 2), LAST);
    model_close(m);
    model_close(old);
    str_release(&source);
    arena_release(&a);
    return now / before;
}

/* Where what a gate reads is rounded, a channel needs room below zero as far as that is open. */
static void test_room_below_gates(void **state)
{
    (void)state;
    static const struct {
        const char *nodes;
        double depth;
    } gate[] = {
        {"d = HardSwish(c)", 3},
        {"s = Sigmoid(c) d = Mul(c, s)", 5},
        {"s = HardSigmoid<alpha = 0.25>(c) d = Mul(c, s)", 2},
        {"s = Add(c, three) r = Clip(s, zero, six) t = Div(r, six) d = Mul(c, t)", 3},
        {"d = Relu(c)", 1}, /* not below zero at all: the peak upwards */
    };
    for (size_t i = 0; i < sizeof gate / sizeof *gate; i++) {
        const char *nodes = gate[i].nodes;
        double least = pow(8, 0.3), most = pow(8 * gate[i].depth, 0.3);
        assert_true(fabs(growth(nodes, GATES_APART, -10) - least) < 1e-5);
        assert_true(fabs(growth(nodes, GATES_APART_ROUNDED, -10) - most) < 1e-5);
        assert_true(fabs(growth(nodes, GATES_APART_ROUNDED, -0.5f) - least) < 1e-5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relu),
        cmocka_unit_test(test_silu),
        cmocka_unit_test(test_hardswish_in_parts),
        cmocka_unit_test(test_hardswish),
        cmocka_unit_test(test_gate_of_another_value),
        cmocka_unit_test(test_limits_stay),
        cmocka_unit_test(test_strength),
        cmocka_unit_test(test_room_below_gates),
    };
    return cmocka_run_group_tests_name("equalize", tests, NULL, NULL);
}
