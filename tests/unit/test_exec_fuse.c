/* SPDX-License-Identifier: Apache-2.0
 *
 * exec: followers that run with their head give what they give as steps of their own.
 */
#include "exec_fixture.h"

/* On a square image, for all outputs. */
static void assert_fused_as_unfused(const char *text, int64_t channels, int64_t size)
{
    struct fixture f = fixture_new(text);
    const struct tensor *x = image(&f.arena, channels, size);
    struct exec *fused = open_exec(&f, NULL);
    struct exec *plain = open_exec(&f, exec_want_all(&f.arena, f.m));
    struct run *a = run_open(fused), *b = run_open(plain);
    run_one(a, x, &f.err);
    run_one(b, x, &f.err);
    for (int i = 0; i < f.m->graph->result->n_in; i++)
        assert_close(run_output(a, i), run_output(b, i));
    run_close(a);
    run_close(b);
    exec_close(fused);
    exec_close(plain);
    fixture_free(&f);
}

static void fused_gives_what_unfused_gives(void **state)
{
    (void)state;
    assert_fused_as_unfused(block(), 3, 9);
}

/* Both gates, in both orders of the factors; a gate of another value; a value that is read thrice;
 * a HardSigmoid of other numbers. */
static void gates_are_fused(void **state)
{
    (void)state;
    assert_fused_as_unfused(
        "opset 20\n"
        "g (float[1,3,N,N] x) => (float[1,8,N,N] y, float[1,8,N,N] z)\n"
        "<float[8,3,1,1] w = random(1), float[8,8,1,1] v = random(2)>\n"
        "{ c1 = Conv(x, w)  s1 = Sigmoid(c1)  a1 = Mul(s1, c1)\n"
        "  c2 = Conv(a1, v)  h2 = HardSigmoid(c2) <alpha = 0.16666667, beta = 0.5>\n"
        "  a2 = Mul(c2, h2)  c3 = Conv(a2, v)  s3 = Sigmoid(c3)  a3 = Mul(s3, a2)\n"
        "  c4 = Conv(a3, v)  s4 = Sigmoid(c4)  a4 = Mul(s4, c4)  y = Add(a4, c4)\n"
        "  c5 = Conv(y, v)  h5 = HardSigmoid(c5)  a5 = Mul(c5, h5)\n"
        "  c6 = Conv(a5, v)  d6 = Add(c6, a2)  a6 = HardSwish(d6)\n"
        "  c7 = Conv(a6, v)  z = Gelu(c7) }", 3, 9);
}

/* A number for each channel within the gate: behind a convolution, behind others in both layouts,
 * and where the value is read elsewhere too (a3). Not: numbers for each column, a product that is
 * read twice, a factor that is computed, a gate of another value, a HardSigmoid. */
static const char *const scaled_gates =
    "opset 13\n"
    "g (float[1,3,9,9] x) => (float[1,8,9,9] y, float[1,3,9,9] z)\n"
    "<float[8,3,1,1] w = random(1), float[8,8,1,1] v = random(2), float[1,8,1,1] k = random(3),\n"
    " float[3,1,1] l = random(4), float[9] n = random(5)>\n"
    "{ c1 = Conv(x, w)  k1 = Mul(c1, k)  s1 = Sigmoid(k1)  a1 = Mul(s1, c1)\n"
    "  d2 = Abs(a1)  k2 = Mul(k, d2)  s2 = Sigmoid(k2)  a2 = Mul(d2, s2)  a3 = Add(a2, d2)\n"
    "  h4 = HardSigmoid(a3) <alpha = 0.16666667, beta = 0.5>  a4 = Mul(a3, h4)\n"
    "  y = Conv(a4, v)  k5 = Mul(x, l)  s5 = Sigmoid(k5)  a5 = Mul(x, s5)\n"
    "  k6 = Mul(a5, n)  s6 = Sigmoid(k6)  a6 = Mul(a5, s6)\n"
    "  k7 = Mul(a6, l)  s7 = Sigmoid(k7)  a7 = Mul(a6, s7)  a8 = Add(a7, k7)\n"
    "  k9 = Mul(a8, x)  s9 = Sigmoid(k9)  a9 = Mul(a8, s9)  s10 = Sigmoid(a9)\n"
    "  a10 = Mul(a8, s10)  k11 = Mul(a10, l)\n"
    "  h11 = HardSigmoid(k11) <alpha = 0.16666667, beta = 0.5>  z = Mul(a10, h11) }";

static void scaled_gates_are_fused(void **state)
{
    (void)state;
    assert_fused_as_unfused(scaled_gates, 3, 9);
}

static void assert_heads(const char *text, int64_t size, const char *const *order, int n)
{
    struct fixture f = fixture_new(text);
    const struct tensor *x = image(&f.arena, 3, size), *in[] = {x};
    struct exec *e = open_exec(&f, NULL);
    struct run *r = run_open(e);
    assert_int_equal(run_begin(r, in, &f.err), 0);
    for (int i = 0; i < n; i++) {
        assert_string_equal(run_next(r)->type, order[i]);
        assert_int_equal(run_step(r, &f.err), i < n - 1);
    }
    assert_null(run_next(r));
    run_close(r);
    exec_close(e);
    fixture_free(&f);
}

static void followers_run_with_their_head(void **state)
{
    (void)state;
    const char *const order[] = {"Conv", "Conv", "Conv", "GlobalAveragePool", "Flatten", "MatMul"};
    const char *const gates[] = {"Conv", "Abs", "Sigmoid", "Add", "HardSigmoid", "Conv", "Sigmoid",
                                 "Sigmoid", "Mul", "Sigmoid", "Mul", "Add", "Mul", "Sigmoid",
                                 "Mul", "Sigmoid", "Mul", "Mul", "HardSigmoid", "Mul"};
    assert_heads(block(), 5, order, 6);
    assert_heads(scaled_gates, 9, gates, sizeof gates / sizeof *gates);
}

/* The sum may be written over its operand only where nobody else needs that. */
static void a_sum_does_not_destroy_what_is_still_read(void **state)
{
    (void)state;
    assert_fused_as_unfused(
        "opset 13\n"
        "g (float[1,2,4,4] x) => (float[1,2,4,4] y, float[1,2,4,4] z, float[1,32] v)\n"
        "<float[2,2,3,3] w = random(1), int64[2] s = {1, 32}>\n"
        "{ a = Abs(x)  c = Conv(a, w) <pads = [1,1,1,1]>  y = Add(c, a)\n"
        "  n = Neg(x)  u = Reshape(n, s)  d = Conv(x, w) <pads = [1,1,1,1]>  z = Add(d, n)\n"
        "  v = Abs(u) }", 2, 4);
}

/* The same with matrix products, and with a Gemm that has something of its own to add. */
static void a_sum_can_be_written_over_its_operand(void **state)
{
    (void)state;
    assert_fused_as_unfused(
        "opset 13\n"
        "g (float[1,2,4,4] x) => (float[...] y, float[...] z)\n"
        "<float[4,4] w = random(1), int64[2] s = {8, 4}, float[4] b = random(2)>\n"
        "{ a = Abs(x)  m = MatMul(x, w)  y = Add(m, a)\n"
        "  n = Neg(x)  u = Reshape(n, s)  v = Exp(u)  g = Gemm(u, w, b) <beta = 0.5>\n"
        "  t = Add(g, v)  z = Relu(t) }", 2, 4);
}

/* The plan hoped for a sum of equal shapes; with N = 1 one side is repeated. */
static void a_sum_that_broadcasts_is_not_fused(void **state)
{
    (void)state;
    struct fixture f = fixture_new("opset 13\n"
                                   "g (float[1,2,N,N] x, float[1,2,3,3] z) => (float[...] y)\n"
                                   "<float[2,2,1,1] w = fill(0.5)>\n"
                                   "{ c = Conv(x, w)  s = Add(c, z)  y = Relu(s) }");
    const struct tensor *in[] = {image(&f.arena, 2, 1), image(&f.arena, 2, 3)};
    struct exec *e = open_exec(&f, NULL);
    struct run *r = run_open(e);
    assert_int_equal(run_sample(r, in, &f.err), 0);
    const struct tensor *y = run_output(r, 0);
    assert_int_equal(tensor_count(y), 18);
    float sum = 0.5f * (tensor_f32(in[0])[0] + tensor_f32(in[0])[1]);
    for (int i = 0; i < 18; i++)
        assert_true(fabsf(tensor_f32(y)[i] - fmaxf(0, sum + tensor_f32(in[1])[i])) < 1e-6f);
    run_close(r);
    exec_close(e);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fused_gives_what_unfused_gives),
        cmocka_unit_test(gates_are_fused),
        cmocka_unit_test(scaled_gates_are_fused),
        cmocka_unit_test(followers_run_with_their_head),
        cmocka_unit_test(a_sum_does_not_destroy_what_is_still_read),
        cmocka_unit_test(a_sum_can_be_written_over_its_operand),
        cmocka_unit_test(a_sum_that_broadcasts_is_not_fused),
    };
    return cmocka_run_group_tests_name("exec_fuse", tests, NULL, NULL);
}
