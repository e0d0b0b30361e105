/* SPDX-License-Identifier: Apache-2.0
 *
 * work: multiply-adds and bytes of each family, as the executor reports them; what is joined; and
 * that nothing is reported where nobody measures.
 */
#include "exec.h"
#include "text.h"
#include "unit.h"

#include <string.h>

struct seen {
    int steps, nodes;
    struct work work;
    char ops[256]; /* "Conv+Relu;" for each step */
};

static void on_cost(void *data, const struct step_cost *c)
{
    struct seen *s = data;
    assert_true(c->seconds >= 0);
    s->steps++;
    s->nodes += c->n_nodes;
    s->work.ops += c->work.ops;
    s->work.bytes += c->work.bytes;
    for (int i = 0; i < c->n_nodes; i++) {
        strcat(s->ops, i ? "+" : "");
        strcat(s->ops, c->node[i]->type);
    }
    strcat(s->ops, ";");
}

/* Runs a graph on zeros. */
static struct seen run_graph(const char *text, int times)
{
    struct seen seen = {0};
    struct err err = {0};
    struct arena a = {0};
    struct model *m = text_model(text);
    struct exec *x = exec_open(m->graph, &(struct exec_options){.mode = EXEC_FLOAT}, &err);
    if (!x)
        fail_msg("%s", err.text);
    struct run *r = run_open(x);
    const struct tensor *in[8];
    for (int i = 0; i < m->graph->n_input; i++)
        in[i] = tensor_new(&a, m->graph->input[i]->type.dtype, &m->graph->input[i]->type.shape);
    assert_int_equal(run_sample(r, in, &err), 0);
    run_measure(r, on_cost, &seen);
    for (int i = 0; i < times; i++)
        assert_int_equal(run_sample(r, in, &err), 0);
    run_close(r);
    exec_close(x);
    model_close(m);
    arena_release(&a);
    return seen;
}

static const struct {
    const char *text;
    double multiply_adds, bytes;
} counts[] = {
    {"opset 17 g (float[1,4,6,6] x) => (float[1,8,3,3] y) <float[8,2,3,3] w = random(1)>"
     "{ y = Conv(x, w) <group = 2, strides = [2,2], pads = [1,1,1,1]> }",
     8 * 3 * 3 * 2 * 9, 4 * (144 + 144 + 72)},
    {"opset 17 g (float[1,4,3,3] x) => (float[1,2,7,7] y) <float[4,2,3,3] w = random(1)>"
     "{ y = ConvTranspose(x, w) <strides = [2,2]> }",
     4 * 9 * 2 * 9, 4 * (36 + 72 + 98)},
    {"opset 17 g (float[3,5] x) => (float[5,2] y) <float[2,3] w = random(1)>"
     "{ y = Gemm(x, w) <transA = 1, transB = 1> }", 5 * 2 * 3, 4 * (15 + 6 + 10)},
    {"opset 17 g (float[2,3,5] x, float[5,7] z) => (float[2,3,7] y) { y = MatMul(x, z) }",
     2 * 3 * 7 * 5, 4 * (30 + 35 + 42)},
    {"opset 17 domain com.microsoft 1 g (float[2,5,3] x, float[2,5,7] z) => (float[2,3,7] y)"
     "{ y = com.microsoft.FusedMatMul(x, z) <transA = 1> }",
     2 * 3 * 7 * 5, 4 * (30 + 70 + 42)},
    {"opset 17 domain com.microsoft 1 g (float[5,2,3] x, float[2,5,7] z) => (float[2,3,7] y)"
     "{ y = com.microsoft.FusedMatMul(x, z) <transA = 1, transBatchA = 1> }",
     2 * 3 * 7 * 5, 4 * (30 + 70 + 42)},
    {"opset 17 g (float[6,2,5] x) => (float[6,1,2,4] y) "
     "<float[1,16,5] w = random(1), float[1,16,4] r = random(2)>"
     "{ y = LSTM(x, w, r) <hidden_size = 4> }",
     6 * 2 * 16 * (5 + 4), 4 * (60 + 80 + 64 + 48)},
    {"opset 17 g (float[2,3] x, float[3,4] z) => (float[2,4] y)"
     "{ y = Einsum(x, z) <equation = \"ij,jk->ik\"> }", 2 * 3 * 4, 4 * (6 + 12 + 8)},
    {"opset 17 g (float[2,3] x) => (float[3,2] y)"
     "{ y = Einsum(x) <equation = \"ij->ji\"> }", 0, 4 * (6 + 6)},
    /* 2 samples, 4 heads of 6 for 2 of keys, 3 rows, 5 old and 7 new keys, values of 8 */
    {"opset 23 g (float[2,4,3,6] q, float[2,2,7,6] k, float[2,2,7,8] v, float[2,2,5,6] a,"
     " float[2,2,5,8] b) => (float[2,4,3,8] y, float[2,2,12,6] c, float[2,2,12,8] d)"
     "{ y, c, d = Attention(q, k, v, , a, b) }", 2 * 4 * 3 * 12 * (6 + 8),
     4 * (144 + 168 + 224 + 120 + 160 + 192 + 288 + 384)},
    {"opset 17 domain com.microsoft 1 g (float[2,3,8] x, float[8,24] w) => (float[2,3,8] y)"
     "{ y = com.microsoft.Attention(x, w) <num_heads = 2> }",
     2 * 3 * 8 * 24 + 2 * 3 * 3 * 16, 4 * (48 + 192 + 48)},
    {"opset 17 domain com.microsoft 1"
     " g (float[2,3,8] x, float[2,5,8] k, float[2,5,8] v) => (float[2,3,8] y)"
     "{ y = com.microsoft.MultiHeadAttention(x, k, v) <num_heads = 2> }",
     2 * 3 * 5 * 16, 4 * (48 + 80 + 80 + 48)},
    {"opset 17 g (float[2,3] x, float[2,1] z) => (float[2,3] y) { y = Add(x, z) }", 0,
     4 * (6 + 2 + 6)},
    {"opset 17 g (float[2,3] x) => (float[6,1] y) <int64[2] s = {6, 1}> { y = Reshape(x, s) }", 0,
     0},
};

static void every_family_is_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct seen s = run_graph(counts[i].text, 1);
        print_message("# %s\n", s.ops);
        assert_int_equal(s.steps, 1);
        assert_int_equal((int64_t)s.work.ops, 2 * (int64_t)counts[i].multiply_adds);
        assert_int_equal((int64_t)s.work.bytes, (int64_t)counts[i].bytes);
    }
}

/* What a step adds in passing is read from memory. */
static void followers_count_for_their_step(void **state)
{
    (void)state;
    struct seen s = run_graph(
        "opset 17 g (float[1,4,6,6] x) => (float[1,4,6,6] y) <float[4,4,1,1] w = random(1)>"
        "{ c = Conv(x, w)  s = Add(c, x)  y = Relu(s) }", 3);
    assert_string_equal(s.ops, "Conv+Add+Relu;Conv+Add+Relu;Conv+Add+Relu;");
    assert_int_equal(s.nodes, 9);
    assert_int_equal((int64_t)s.work.ops, 3 * 2 * 144 * 4);
    assert_int_equal((int64_t)s.work.bytes, 3 * 4 * (144 + 16 + 144 + 144));
}

static void nobody_measures_by_default(void **state)
{
    (void)state;
    struct seen s = run_graph(counts[0].text, 0);
    assert_int_equal(s.steps, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_is_counted),
        cmocka_unit_test(followers_count_for_their_step),
        cmocka_unit_test(nobody_measures_by_default),
    };
    return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
