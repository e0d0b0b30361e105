/* SPDX-License-Identifier: Apache-2.0
 *
 * The tests' own language: what it says becomes a sound model, and a difference between two models
 * is seen.
 */
#include "text.h"
#include "unit.h"
#include "verify.h"

#include <string.h>

#define BODY "c = Conv <pads = [1,1]> (x, w)  y = Relu(c)"
#define HEAD "g (float[1,1,3] x) => (float y) <float[1,1,3] w = {1, 2, 3}>"

static void everything_is_read(void **state)
{
    (void)state;
    struct str text = {0};
    struct model *m = text_model(
        "# a comment\n"
        "ir 4 opset 11 domain com.microsoft 1\n"
        "g (float[1,?,N] x, float[2] w, ? any) => (float y, float out = a)\n"
        "<float[2] w = {1, -2.5}, int8 z = 3, float[4] f = fill(0.5),"
        " float[9] r = random(1, 2, 3)>\n"
        "{ [first] float[...] a, , b = com.microsoft.Op <alpha = 1.0, k = [1,2], s = \"text\">"
        "                                               (x, , w)\n"
        "  y = If(any) <then_branch = t () => (float q) { q = Add(b, w) },\n"
        "               value = int64[2] {7, 8}> }");
    const struct graph *g = m->graph;
    const struct node *n = g->first;
    assert_int_equal(model_verify(m, &text), 0);
    assert_int_equal(m->ir_version, 4);
    assert_int_equal(model_opset(m, ""), 11);
    assert_int_equal(model_opset(m, "com.microsoft"), 1);
    assert_int_equal(g->n_input, 3);
    assert_int_equal(g->input[0]->type.shape.dim[2], -1);
    assert_true(g->input[1]->is_input && g->input[1]->constant);
    assert_true(tensor_get(g->constant[0]->constant, 1) == -2.5);
    assert_int_equal(g->constant[1]->constant->shape.rank, 0);
    for (int i = 0; i < 9; i++)
        assert_true(tensor_get(g->constant[3]->constant, i) >= 2);
    assert_string_equal(n->name, "first");
    assert_string_equal(n->domain, "com.microsoft");
    assert_int_equal(n->out[0]->type.dtype, DTYPE_F32);
    assert_int_equal(n->out[0]->type.shape.rank, -1);
    assert_true(!n->out[1] && !n->in[1].value && n->in[2].value == g->input[1]);
    assert_int_equal(node_attr(n, "alpha")->kind, ATTR_FLOAT);
    assert_int_equal(node_attr(n, "k")->kind, ATTR_INTS);
    assert_true(node_string_is(n, "s", "", "text"));
    assert_int_equal(tensor_get(node_attr(n->next, "value")->t, 1), 8);
    assert_ptr_equal(node_attr(n->next, "then_branch")->g->outer, g);
    assert_string_equal(g->output_name[1], "out");
    assert_ptr_equal(g->result->in[1].value, n->out[0]);
    model_close(m);
}

static void assert_same(bool wanted, const char *expectation)
{
    static const char head[] = HEAD;
    struct str why = {0};
    struct model *actual = text_model(HEAD "{" BODY "}"), *expected = model_new("expected");
    struct scan t = {"expected", expectation, 1};
    text_expectation(&t, (struct scan){"head", head, 1}, expected);
    if (text_same(actual, expected, &why) != wanted)
        fail_msg("%s: %s", expectation, why.text ? why.text : "no difference");
    str_release(&why);
    model_close(actual);
    model_close(expected);
}

static void differences_are_seen(void **state)
{
    (void)state;
    assert_same(true, "{" BODY "}");
    assert_same(true, "{ other = Conv(x, anything) <pads = [1,1]>  y = Relu(other) }");
    assert_same(true, "<float[1,1,3] w = {1, 2, 3.00001}> {" BODY "}");
    assert_same(true, "<float[1,1,3] w> {" BODY "}");
    assert_same(false, "<float[1,1,3] w = {1, 2, 3.1}> {" BODY "}");
    assert_same(false, "<float[1,3,1] w> {" BODY "}");
    assert_same(false, "{ c = Conv <pads = [1,2]> (x, w)  y = Relu(c) }");
    assert_same(false, "{ c = Conv <pads = [1,1], group = 1> (x, w)  y = Relu(c) }");
    assert_same(false, "{ c = Conv(x, w)  y = Relu(c) }");
    assert_same(false, "{ c = Conv <pads = [1,1]> (x, x)  y = Relu(c) }");
    assert_same(false, "{ c = Conv <pads = [1,1]> (x, w, b)  y = Relu(c) }");
    assert_same(false, "{ c = Conv <pads = [1,1]> (x, w)  y = Exp(c) }");
    assert_same(false, "{ c = Conv <pads = [1,1]> (x, w)  y = Relu(x) }");
    assert_same(false, "{" BODY " z = Relu(y) }");
    assert_same(false, "{ y = Conv <pads = [1,1]> (x, w) }");
    assert_same(false, "g (float[1,1,3] x) => (float z = y) <float[1,1,3] w> {" BODY "}");
    assert_same(false, "g (float[1,1,3] x) => (float y = c) <float[1,1,3] w> {" BODY "}");
    assert_same(false, "g (float[1,1,3] u) => (float y) { c = Conv <pads = [1,1]> (u, w)"
                       "  y = Relu(c) }");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(differences_are_seen),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
