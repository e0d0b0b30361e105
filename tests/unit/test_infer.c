/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of operators, what a weight is, and the inference of types and shapes.
 */
#include "infer.h"
#include "op.h"
#include "text.h"
#include "unit.h"

#include <string.h>

static void test_find(void **state)
{
    (void)state;
    for (int op = OP_RESULT + 1; op < N_OPS; op++)
        assert_int_equal(op_find(op_table[op].domain, op_table[op].name), op);
    assert_int_equal(op_find("ai.onnx", "Conv"), OP_Conv);
    assert_int_equal(op_find("", "conv"), OP_OTHER);
    assert_int_equal(op_find("com.microsoft", "Conv"), OP_OTHER);
    assert_int_equal(op_find("org.openvinotoolkit", "FakeQuantize"), OP_FakeQuantize);
}

/* The last node's weight. */
static bool weight_of(const char *source, struct op_weight *w)
{
    struct model *m = text_model(source);
    bool found = op_weight(m->graph->last, w);
    model_close(m);
    return found;
}

static void test_weight(void **state)
{
    (void)state;
    struct op_weight w;
    assert_true(weight_of("ir 8 opset 13 g (float[1,4,5,5] x) => (float y)"
                          "<float[6,2,3,3] w = fill(1)> { y = Conv(x, w) <group = 2> }", &w));
    assert_true(w.slot == 1 && w.bias == 2 && w.axis == 0);
    assert_true(weight_of("ir 8 opset 13 g (float[1,4,5,5] x) => (float y)"
                          "<float[4,3,3,3] w = fill(1)> { y = ConvTranspose(x, w) <group = 2> }",
                          &w));
    assert_true(w.slot == 1 && w.axis == 1 && w.groups == 2);
    assert_true(weight_of("ir 8 opset 13 g (float[2,4] x) => (float y) <float[4,3] w = fill(1)>"
                          "{ y = Gemm(x, w) }", &w));
    assert_true(w.slot == 1 && w.axis == 1 && w.bias == 2);
    assert_true(weight_of("ir 8 opset 13 g (float[2,4] x) => (float y) <float[3,4] w = fill(1)>"
                          "{ y = Gemm(x, w) <transB = 1> }", &w));
    assert_true(w.slot == 1 && w.axis == 0);
    assert_true(weight_of("ir 8 opset 13 g (float[2,4] x) => (float y) <float[5,4,3] w = fill(1)>"
                          "{ y = MatMul(x, w) }", &w));
    assert_true(w.slot == 1 && w.axis == 2 && w.bias == -1);
    assert_true(weight_of("ir 8 opset 13 g (float[4,2] x) => (float y) <float[3,4] w = fill(1)>"
                          "{ y = MatMul(w, x) }", &w));
    assert_true(w.slot == 0 && w.axis == 0);
    assert_false(weight_of("ir 8 opset 13 g (float[2,4] x, float[4,3] w) => (float y)"
                           "{ y = MatMul(x, w) }", &w));
    assert_false(weight_of("ir 8 opset 13 g (float[2,4] x) => (float y) <float[2,4] w = fill(1)>"
                           "{ y = Add(x, w) }", &w));
}

/* The type of the only output, as text. */
static void check_type(const char *source, const char *dtype, const char *shape)
{
    struct model *m = text_model(source);
    struct err err = {0};
    char text[SHAPE_TEXT];
    if (graph_infer(m->graph, &err) < 0)
        fail_msg("%s", err.text);
    const struct tensor *t = &m->graph->result->in[0].value->type;
    assert_string_equal(dtype_info(t->dtype)->name, dtype);
    assert_string_equal(shape_text(&t->shape, text), shape);
    model_close(m);
}

static void check_error(const char *source, const char *why)
{
    struct model *m = text_model(source);
    struct err err = {0};
    assert_int_equal(graph_infer(m->graph, &err), -1);
    if (!strstr(err.text, why))
        fail_msg("%s", err.text);
    model_close(m);
}

/* What exporters write for x.view(x.size(0), -1), with everything known. */
static void test_shape_arithmetic(void **state)
{
    (void)state;
    check_type("ir 8 opset 13 g (float[2,3,4,5] x) => (float y)"
               "<int64 i = 0, int64[1] axes = {0}, int64[1] rest = {-1}>"
               "{ s = Shape(x) n = Gather(s, i) u = Unsqueeze(n, axes)"
               "  t = Concat(u, rest) <axis = 0> y = Reshape(x, t) }", "float", "[2,60]");
    check_type("ir 8 opset 13 g (float[1,8,6,6] x) => (float y)"
               "<int64 one = 1, int64 two = 2, int64[1] axes = {0}, int64[3] rest = {2,6,6}>"
               "{ s = Shape(x) c = Gather(s, one) h = Div(c, two) f = Cast(h) <to = 1>"
               "  k = Floor(f) q = Cast(k) <to = 7> u = Unsqueeze(q, axes)"
               "  t = Concat(u, rest) <axis = 0> y = Reshape(x, t) }", "float", "[4,2,6,6]");
    check_type("ir 8 opset 13 g (float[1,3,8,8] x) => (float y)"
               "<float[4] k = {1,1,2,2}, float[0] none = {}>"
               "{ y = Resize(x, none, k) }", "float", "[1,3,16,16]");
}

/* A batch that is not known leaves the other dims known. */
static void test_part(void **state)
{
    (void)state;
    check_type("ir 8 opset 13 g (float[N,3,4,5] x) => (float y)"
               "<int64 i = 0, int64[1] axes = {0}, int64[2] rest = {12,5}>"
               "{ s = Shape(x) n = Gather(s, i) u = Unsqueeze(n, axes)"
               "  t = Concat(u, rest) <axis = 0> y = Reshape(x, t) }", "float", "[?,12,5]");
    check_type("ir 8 opset 13 g (float[N,3,4,5] x) => (float y)"
               "<int64[1] a = {0}, int64[1] b = {2}, int64[1] z = {0}, int64[2] rest = {4,5}>"
               "{ s = Shape(x) h = Slice(s, a, b, z) t = Concat(h, rest) <axis = 0>"
               "  e = ConstantOfShape(t) y = Relu(e) }", "float", "[?,3,4,5]");
    check_type("ir 8 opset 13 g (float[N,12] x) => (float y) <int64[3] t = {0,3,4}>"
               "{ y = Reshape(x, t) }", "float", "[?,3,4]");
    /* 0 copies what is not known, so -1 is what the other dims leave */
    check_type("ir 8 opset 13 g (float[S,B,2,48] x) => (float y) <int64[3] t = {0, 0, -1}>"
               "{ y = Reshape(x, t) }", "float", "[?,?,96]");
    check_type("ir 8 opset 13 g (float[S,B,2,48] x) => (float y) <int64[4] t = {0, -1, 32, 3}>"
               "{ y = Reshape(x, t) }", "float", "[?,?,32,3]");
    check_type("ir 8 opset 13 g (float[N,12] x, float[1,12] z) => (float y) { y = Add(x, z) }",
               "float", "[?,12]");
    check_type("ir 8 opset 13 g (float x) => (int64 y) { y = Shape(x) }", "int64", "[0]");
}

/* The file is believed where inference finds nothing, and not where it finds something else. */
static void test_annotations(void **state)
{
    (void)state;
    check_type("ir 8 opset 13 domain d 1 g (float[2,3] x) => (float y)"
               "{ float[2,7] z = d.Unknown(x) y = Relu(z) }", "float", "[2,7]");
    check_type("ir 8 opset 13 g (float[2,3] x) => (float y)"
               "{ float[2,7] z = Relu(x) y = Relu(z) }", "float", "[2,3]");
    check_type("ir 8 opset 13 g (float[N,3] x) => (float y)"
               "{ float[5,3] z = Relu(x) y = Relu(z) }", "float", "[5,3]");
    /* nor where it contradicts itself */
    check_type("ir 8 opset 13 g (float[N,3] x) => (float y) <float[2,3] w = fill(1)>"
               "{ float[5,3] z = Relu(x) y = Add(z, w) }", "float", "[2,3]");
    check_error("ir 8 opset 13 g (float[N,3] x) => (float y) <float[2,4] w = fill(1)>"
                "{ float[5,3] z = Relu(x) y = Add(z, w) }",
                "shapes [5,3] and [2,4] do not broadcast");
}

static void test_branches(void **state)
{
    (void)state;
    check_type("ir 8 opset 13 g (bool p, float[2,3] x) => (float y)"
               "{ z = If(p) <then_branch = t () => (float a) { a = Relu(x) },"
               "  else_branch = e () => (float b) <int64[2] s = {2,4}>"
               "  { k = ReduceSum(x) b = Expand(k, s) }>"
               "  y = Relu(z) }", "float", "[2,?]");
}

static void test_contradictions(void **state)
{
    (void)state;
    check_error("ir 8 opset 13 g (float[2,3] x, float[4] z) => (float y) { y = Add(x, z) }",
                "shapes [2,3] and [4] do not broadcast");
    check_error("ir 8 opset 13 g (float[2,3] x, int64[3] z) => (float y) { y = Add(x, z) }",
                "inputs 0 and 1 have different types, float and int64");
    check_error("ir 8 opset 13 g (float[2,3] x) => (float y) <int64[1] t = {7}>"
                "{ y = Reshape(x, t) }", "shape [2,3] does not fit into [7]");
    check_error("ir 8 opset 13 g (float[2,3] x) => (float y) { y = Softmax(x, x) }",
                "it has 2 inputs, at most 1 can be");
    check_error("ir 8 opset 13 g (float[2,3] x) => (float y) { y = Concat(x, , x) <axis = 0> }",
                "input 1 is left out");
    check_error("ir 8 opset 13 g (float[2,3] x) => (float y) { y = Transpose(x) <perm = [0,0]> }",
                "perm has axis 0 twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),        cmocka_unit_test(test_weight),
        cmocka_unit_test(test_shape_arithmetic), cmocka_unit_test(test_part),
        cmocka_unit_test(test_annotations), cmocka_unit_test(test_branches),
        cmocka_unit_test(test_contradictions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
