/* SPDX-License-Identifier: Apache-2.0
 *
 * effort: operations of a run, and the numbers of samples that follow.
 */
#include "effort.h"
#include "text.h"
#include "unit.h"

/* A product of 2x3 by 3x4 is 24 multiply-adds; the loop's body runs three times. */
static void operations_are_counted_in_bodies_too(void **state)
{
    (void)state;
    struct arena a = {0};
    struct err err = {0};
    struct model *m = text_model(
        "opset 13\n"
        "g (float[2,3] x) => (float[...] y, float[...] z)\n"
        "<float[3,4] w = random(1), float[3,3] v = random(2), int64 n = 3>\n"
        "{ y = MatMul(x, w)\n"
        "  z = Loop(n, , x) <body = b (int64 i, bool g, float s) => (bool h = g, float r)\n"
        "    { r = MatMul(s, v) }> }");
    const struct dataset_options random = {.path = "random", .samples = 2};
    struct dataset *d = dataset_open(m->graph, &random, &err);
    assert_non_null(d);
    struct effort e;
    assert_int_equal(effort_measure(m, d, &a, &e, &err), 0);
    assert_float_equal(e.ops, 2 * (24 + 3 * 18), 0);
    assert_float_equal(e.of_node[m->graph->first->id], 48, 0);
    double ops = 0;
    assert_int_equal(effort_once(&ops, m, d, &err), 0);
    assert_float_equal(ops, e.ops, 0);
    ops = 5;
    assert_int_equal(effort_once(&ops, m, d, &err), 0);
    assert_float_equal(ops, 5, 0);
    dataset_close(d);
    model_close(m);
    arena_release(&a);
}

/* 2 filters of 3x2x2 at 3x4 places, once since the sample is one, and a product of 2x5 by 5x7. */
static void shapes_tell_operations(void **state)
{
    (void)state;
    struct arena a = {0};
    struct err err = {0};
    struct model *m = text_model(
        "opset 13\n"
        "g (float[N,3,4,5] x, float[2,5] a) => (float[...] y, float[2,7] z)\n"
        "<float[2,3,2,2] w = random(1), float[5,7] b = random(2)>\n"
        "{ c = Conv(x, w)\n"
        "  y = Relu(c)\n"
        "  z = Gemm(a, b) }");
    const struct dataset_options random = {.path = "random", .samples = 1};
    struct dataset *d = dataset_open(m->graph, &random, &err);
    assert_non_null(d);
    struct effort e;
    assert_int_equal(effort_measure(m, d, &a, &e, &err), 0);
    assert_float_equal(e.of_node[m->graph->first->id], 2 * 24 * 12, 0);
    assert_float_equal(e.of_node[m->graph->first->next->id], 0, 0);
    assert_float_equal(e.ops, 2 * (24 * 12 + 70), 0);
    dataset_close(d);
    model_close(m);
    arena_release(&a);
}

static void dear_runs_get_fewer_samples(void **state)
{
    (void)state;
    assert_int_equal(effort_samples(0, 16, 4), 16);
    assert_int_equal(effort_samples(EFFORT_DEAR, 16, 4), 16);
    assert_int_equal(effort_samples(4.0 * EFFORT_DEAR, 16, 4), 8);
    assert_int_equal(effort_samples(100.0 * EFFORT_DEAR, 16, 4), 4);
    assert_int_equal(effort_samples(100.0 * EFFORT_DEAR, 2, 4), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_tell_operations),
        cmocka_unit_test(operations_are_counted_in_bodies_too),
        cmocka_unit_test(dear_runs_get_fewer_samples),
    };
    return cmocka_run_group_tests_name("effort", tests, NULL, NULL);
}
