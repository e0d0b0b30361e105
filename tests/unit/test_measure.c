/* SPDX-License-Identifier: Apache-2.0
 *
 * measure: what is measured of outputs that are squashed.
 */
#include "measure.h"

#include "calibrate.h"
#include "infer.h"
#include "solve.h"
#include "text.h"
#include "unit.h"

/* dB of a Conv whose outputs are far from 0, by what stands behind it and ends in y. */
static double decibels_behind(const char *rest)
{
    double db;
    struct arena a = {0};
    struct err err = {0};
    struct str text = {0};
    struct tap tap[2];
    struct placement p;
    struct dataset_options o = {.path = "random", .samples = 4};
    str_printf(&text, "opset 13 g (float[1,2,4,4] x) => (float y)"
               "<float[2,2,1,1] w = {9, 7, -5, 8}, float[2] b = {40, 38}, int64[1] k = {5},"
               " float[5,2] none = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0},"
               " float[32,3] table = random(1), float[3,4] u = random(2), bool yes = 1>"
               "{ c = Conv(x, w, b) %s }", rest);
    struct model *m = text_model(text.text);
    struct dataset *d = dataset_open(m->graph, &o, &err);
    assert_int_equal(graph_infer(m->graph, &err), 0);
    assert_int_equal(place_model(m, target_find("openvino"), NULL, &a, &p, &err), 0);
    struct calibration *c = calibration_watch(m, &p, d, 0, 1, &tap[0]);
    struct measure *measure = measure_watch(m, d, 4, &a, &tap[1]);
    assert_int_equal(taps_run(m, tap, 2, d, 1, NULL, &err), 0);
    calibration_read(c, observer_find("min-max"));
    solve_model(m, &p, 1);
    assert_int_equal(measure_sqnr(measure, m, 1, &db, &err), 0);
    calibration_close(c);
    dataset_close(d);
    model_close(m);
    str_release(&text);
    arena_release(&a);
    return db;
}

static double decibels_of(const char *squash)
{
    struct str rest = {0};
    str_printf(&rest, "y = %s", squash);
    double db = decibels_behind(rest.text);
    str_release(&rest);
    return db;
}

/* Scores are judged in front of what makes probabilities or a choice of them. */
static void test_scores_are_judged_in_front(void **state)
{
    (void)state;
    double plain = decibels_of("Identity(c)");
    assert_true(plain > 20 && plain < 60);
    assert_true(decibels_of("Softmax(c) <axis = 1>") == plain);
    assert_true(decibels_of("ArgMax(c) <axis = 1>") == plain);
}

/* A probability of its own is what users read: here all are 1. */
static void test_sigmoid_is_judged_itself(void **state)
{
    (void)state;
    assert_true(decibels_of("Sigmoid(c)") > 90);
}

/* Elements that are picked by their numbers are judged where all of them are. */
static void test_picked_elements_are_judged_in_front(void **state)
{
    (void)state;
    double plain = decibels_of("Identity(c)");
    assert_true(decibels_behind("f = Flatten(c) y, i = TopK(f, k)") == plain);
    assert_true(decibels_behind("f = Flatten(c) v, i = TopK(f, k) g = Cast(i) <to = 1>"
                                "y = Add(g, v)") == plain);
    assert_true(decibels_behind("f = Flatten(c) v, i = TopK(f, k) u = Sqrt(v) y = Add(u, v)")
                == plain); /* by two ways */
    struct str chain = {0}; /* by 2^40 */
    str_add(&chain, "f = Flatten(c) a0, i = TopK(f, k)");
    for (int i = 0; i < 40; i++)
        str_printf(&chain, " a%d = Max(a%d, a%d)", i + 1, i, i);
    str_add(&chain, " y = Identity(a40)");
    assert_true(decibels_behind(chain.text) == plain);
    str_release(&chain);
    assert_true(decibels_behind("i = ArgMax(c) <axis = 3> y = Cast(i) <to = 1>") == plain);
    assert_true(decibels_behind("i = ArgMax(c) <axis = 3> g = Cast(i) <to = 1> y = Sqrt(g)")
                == plain);
    double peaks = decibels_behind("m = MaxPool(c) <kernel_shape = [3,3], pads = [1,1,1,1]>"
                                   "e = Equal(c, m) g = Cast(e) <to = 1> y = Mul(c, g)");
    assert_true(peaks > plain - 3 && peaks < plain + 3);
    /* in a branch, which captures them */
    assert_true(decibels_behind("f = Flatten(c)"
                                "i = If(yes) <then_branch = t () => (int64[1,5] j)"
                                "  { v, j = TopK(f, k) }, else_branch = e () => (int64[1,5] n)"
                                "  <int64[1,5] n = {0, 0, 0, 0, 0}> { }>"
                                "y = GatherElements(f, i) <axis = 1>") == plain);
}

/* Not behind a further layer: here its weights are zeros, and so is what it gives. */
static void test_layers_behind_a_choice_are_judged_themselves(void **state)
{
    (void)state;
    assert_true(decibels_behind("f = Flatten(c) v, i = TopK(f, k) y = MatMul(v, none)") > 90);
}

/* And they see what the float model picks: other rows of the table would be other numbers. */
static void test_layers_behind_a_choice_see_the_same(void **state)
{
    (void)state;
    assert_true(decibels_behind("f = Flatten(c) v, i = TopK(f, k) r = Gather(table, i)"
                                "y = MatMul(r, u)") > 30);
    assert_true(decibels_behind("f = Flatten(c)"
                                "i = If(yes) <then_branch = t () => (int64[1,5] j)"
                                "  { v, j = TopK(f, k) }, else_branch = e () => (int64[1,5] n)"
                                "  <int64[1,5] n = {0, 0, 0, 0, 0}> { }>"
                                "r = Gather(table, i) y = MatMul(r, u)") > 30);
    assert_true(decibels_behind("i = ArgMax(c) <axis = 3> r = Gather(table, i) y = MatMul(r, u)")
                > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_are_judged_in_front),
        cmocka_unit_test(test_sigmoid_is_judged_itself),
        cmocka_unit_test(test_picked_elements_are_judged_in_front),
        cmocka_unit_test(test_layers_behind_a_choice_are_judged_themselves),
        cmocka_unit_test(test_layers_behind_a_choice_see_the_same),
    };
    return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
