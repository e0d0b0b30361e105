/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulating an annotated graph gives, bit for bit, what the lowered graph gives in float.
 */
#include "exec.h"
#include "pass.h"
#include "quant.h"
#include "text.h"
#include "unit.h"

#include <math.h>
#include <string.h>

extern const struct pass pass_lower_qdq;

static const char network[] = "opset 13\n"
    "g (float[1,3,N,N] x) => (float[1,5] y, float[1,8,N,N] r)\n"
    "<float[8,3,3,3] w1 = random(1), float[8] b1 = random(2), float[8,1,3,3] w2 = random(3),\n"
    " float[8] b2 = random(4), float[8,8,1,1] w3 = random(5), float[8] b3 = random(6),\n"
    " float lo = 0, float hi = 6, float[8,5] w4 = random(7), float[5] b4 = random(8)>\n"
    "{ c1 = Conv(x, w1, b1) <pads = [1,1,1,1]>  a1 = Clip(c1, lo, hi)\n"
    "  c2 = Conv(a1, w2, b2) <pads = [1,1,1,1], group = 8>  a2 = Relu(c2)\n"
    "  c3 = Conv(a2, w3, b3)  s = Add(a1, c3)  r = Relu(s)\n"
    "  p = GlobalAveragePool(r)  f = Flatten(p)  m = MatMul(f, w4)  y = Add(m, b4) }";

static struct value *find_in(const struct graph *g, const char *name)
{
    for (int i = 0; i < g->n_constant; i++)
        if (!strcmp(g->constant[i]->name, name))
            return g->constant[i];
    for (int i = 0; i < g->n_input; i++)
        if (!strcmp(g->input[i]->name, name))
            return g->input[i];
    for (struct node *n = g->first; n; n = n->next)
        if (!strcmp(n->out[0]->name, name))
            return n->out[0];
    return NULL;
}

/* In the bodies too. */
static struct value *find(struct model *m, const char *name)
{
    struct arena a = {0};
    int n;
    struct graph **graph = model_graphs(m, &a, &n);
    struct value *v = NULL;
    for (int i = 0; i < n && !v; i++)
        v = find_in(graph[i], name);
    arena_release(&a);
    if (!v)
        fail_msg("no value %s", name);
    return v;
}

static enum dtype activations = DTYPE_U8; /* what annotate() uses */

static struct quant *activation(struct model *m, float lo, float hi)
{
    struct quant *q = NEW(m->arena, struct quant);
    q->type = (struct qtype){.dtype = activations, .grain = GRAIN_TENSOR};
    q->type.symmetric = qtype_is_float(&q->type);
    q->n = 1;
    q->scale = NEW(m->arena, float);
    q->zero = NEW(m->arena, int32_t);
    quant_solve_range(&q->type, (struct range){lo, hi}, q->scale, q->zero);
    return q;
}

static struct quant *weight(struct model *m, int64_t channels, int axis)
{
    struct quant *q = NEW(m->arena, struct quant);
    q->type = (struct qtype){.dtype = DTYPE_I8, .grain = GRAIN_CHANNEL, .axis = axis,
                             .symmetric = true};
    q->n = channels;
    q->scale = NEW_ARRAY(m->arena, channels, float);
    q->zero = NEW_ARRAY(m->arena, channels, int32_t);
    for (int64_t i = 0; i < channels; i++)
        q->scale[i] = 0.007f + 0.0001f * (float)i;
    return q;
}

static struct quant *bias(struct model *m, const struct quant *x, const struct quant *w)
{
    struct quant *q = NEW(m->arena, struct quant);
    q->type = (struct qtype){.dtype = DTYPE_I32, .grain = GRAIN_CHANNEL, .symmetric = true};
    q->n = w->n;
    q->product[0] = x;
    q->product[1] = w;
    q->scale = NEW_ARRAY(m->arena, q->n, float);
    q->zero = NEW_ARRAY(m->arena, q->n, int32_t);
    for (int64_t i = 0; i < q->n; i++)
        q->scale[i] = x->scale[0] * w->scale[i];
    return q;
}

/* The residual is rounded for the second convolution and not for the sum; c3 is never rounded. */
static void annotate(struct model *m)
{
    struct quant *x = activation(m, -1, 1), *a1 = activation(m, 0, 5), *a2 = activation(m, 0, 3);
    find(m, "x")->quant = x;
    find(m, "a1")->quant = a1;
    find(m, "a2")->quant = a2;
    find(m, "r")->quant = activation(m, 0, 6);
    find(m, "f")->quant = activation(m, 0, 4);
    find(m, "y")->quant = activation(m, -3, 3);
    find(m, "s")->quant = activation(m, -9, 9);
    find(m, "w1")->quant = weight(m, 8, 0);
    find(m, "w2")->quant = weight(m, 8, 0);
    find(m, "w3")->quant = weight(m, 8, 0);
    find(m, "w4")->quant = weight(m, 5, 1);
    find(m, "b1")->quant = bias(m, x, find(m, "w1")->quant);
    find(m, "b2")->quant = bias(m, a1, find(m, "w2")->quant);
    value_each_use(find(m, "a1"), u)
        u->plain = u->user->op == OP_Add;
    value_each_use(find(m, "s"), u)
        u->plain = true;
    value_each_use(find(m, "r"), u)
        u->plain = node_is_result(u->user);
}

static struct tensor *pictures(struct arena *a, int64_t batch, int64_t rows, int64_t columns)
{
    struct shape s = {.rank = 4, .dim = {batch, 3, rows, columns}};
    struct tensor *t = tensor_new(a, DTYPE_F32, &s);
    for (int64_t i = 0; i < tensor_count(t); i++)
        tensor_f32(t)[i] = sinf((float)(i * i % 97));
    return t;
}

static const struct tensor *image(struct arena *a, int64_t size)
{
    return pictures(a, 1, size, size);
}

/* The outputs of one run, in the arena. */
static void outputs(const struct model *m, enum exec_mode mode, const struct tensor *x,
                    struct arena *a, struct tensor out[2])
{
    struct err err;
    struct exec_options o = {.mode = mode};
    struct exec *e = exec_open(m->graph, &o, &err);
    if (!e)
        fail_msg("%s", err.text);
    struct run *r = run_open(e);
    if (run_sample(r, &x, &err))
        fail_msg("%s", err.text);
    for (int i = 0; i < 2; i++) {
        out[i] = *run_output(r, i);
        out[i].data = arena_copy(a, out[i].data, out[i].size);
    }
    run_close(r);
    exec_close(e);
}

static void lower(struct model *m)
{
    struct err err;
    struct arena scratch = {0};
    struct pass_ctx ctx = {.jobs = 1, .scratch = &scratch};
    if (pass_lower_qdq.run(m, &ctx, &err) < 0)
        fail_msg("%s", err.text);
    arena_release(&scratch);
}

/* An annotated model with two outputs: simulated it gives, bit for bit, what it gives lowered, and
 * something else than in float. It is lowered then. */
static void check_lowering(struct model *m, const struct tensor *x)
{
    struct arena a = {0};
    struct tensor floating[2], simulated[2], lowered[2];
    outputs(m, EXEC_FLOAT, x, &a, floating);
    outputs(m, EXEC_SIMULATE, x, &a, simulated);
    lower(m);
    outputs(m, EXEC_FLOAT, x, &a, lowered);
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(simulated[i].data, lowered[i].data, lowered[i].size);
        assert_true(memcmp(simulated[i].data, floating[i].data, floating[i].size));
    }
    arena_release(&a);
}

static void check_simulated(enum dtype type)
{
    struct arena a = {0};
    activations = type;
    struct model *m = text_model(network);
    annotate(m);
    check_lowering(m, image(&a, 11));
    model_close(m);
    arena_release(&a);
}

static void simulated_is_lowered(void **state)
{
    (void)state;
    static const enum dtype types[] = {DTYPE_I8, DTYPE_U16, DTYPE_I16, DTYPE_F8E4M3FN, DTYPE_F8E5M2,
                                       DTYPE_U8};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        check_simulated(types[i]);
}

/* Operators between quantizers: each step from codes to codes, but where somebody reads what is in
 * between (p), or limits would be lost (q). */
static void check_between(enum dtype type)
{
    struct arena a = {0};
    struct model *m = text_model(
        "opset 13\n"
        "g (float[1,3,N,N] x) => (float[...] y, float[...] z)\n"
        "<float[3,1,1] k = random(1), float hi = 0.5>\n"
        "{ a = Mul(x, k)  b = Add(a, x)  c = Relu(b)  d = LeakyRelu(c)  e = Sigmoid(a)\n"
        "  f = Add(d, e)  p = Mul(f, e)  q = Clip(p, , hi)\n"
        "  s = AveragePool(q) <kernel_shape = [2,2]>\n"
        "  t = Softmax(s) <axis = 1>  y = GlobalAveragePool(t)  z = Neg(p) }");
    const char *const rounded[] = {"x", "k", "a", "c", "d", "e", "f", "q", "s", "t", "y"};
    const struct tensor *x = image(&a, 6);
    activations = type;
    for (size_t i = 0; i < sizeof rounded / sizeof *rounded; i++) {
        bool positive = strchr("cety", *rounded[i]);
        find(m, rounded[i])->quant = activation(m, positive ? 0 : -1, positive ? 0.9f : 1.3f);
    }
    check_lowering(m, x);
    activations = DTYPE_U8;
    model_close(m);
    arena_release(&a);
}

static void simulated_is_lowered_between_quantizers(void **state)
{
    (void)state;
    check_between(DTYPE_U8);
    check_between(DTYPE_I8);
    check_between(DTYPE_I16);
}

/* Gates on rounded values: with a number for each channel, behind a convolution, and where the gate
 * sees the value itself and the product what it is rounded to. */
static void simulated_is_lowered_around_gates(void **state)
{
    (void)state;
    struct arena a = {0};
    struct model *m = text_model(
        "opset 13\n"
        "g (float[1,3,N,N] x) => (float[...] y, float[...] z)\n"
        "<float[3,1,1] k = random(1), float[8,3,1,1] w = random(2), float[1,8,1,1] l = random(3)>\n"
        "{ a = Add(x, x)  ak = Mul(a, k)  s = Sigmoid(ak)  b = Mul(a, s)\n"
        "  c = Conv(b, w)  cl = Mul(l, c)  t = Sigmoid(cl)  d = Mul(t, c)\n"
        "  e = Neg(d)  el = Mul(e, l)  u = Sigmoid(el)  y = Mul(e, u)\n"
        "  f = Neg(b)  v = Sigmoid(f)  z = Mul(f, v) }");
    const char *const rounded[] = {"x", "a", "b", "d", "e", "f", "y", "z"};
    const struct tensor *x = image(&a, 6);
    for (size_t i = 0; i < sizeof rounded / sizeof *rounded; i++)
        find(m, rounded[i])->quant = activation(m, -1, 1.3f);
    value_each_use(find(m, "e"), u)
        u->plain = u->user->out[0] == find(m, "el");
    check_lowering(m, x);
    model_close(m);
    arena_release(&a);
}

/* Rows from..to-1 of each plane. */
static struct tensor rows_of(struct arena *a, const struct tensor *t, int64_t from, int64_t to)
{
    int64_t rows = t->shape.dim[2], columns = t->shape.dim[3];
    struct tensor part = *t;
    part.shape.dim[2] = to - from;
    part.size = (size_t)(tensor_count(&part) * (int64_t)sizeof(float));
    float *at = NEW_ARRAY(a, tensor_count(&part), float);
    part.data = at;
    for (int64_t k = 0; k < t->shape.dim[0] * t->shape.dim[1]; k++, at += (to - from) * columns)
        memcpy(at, tensor_f32(t) + (k * rows + from) * columns,
               sizeof *at * (size_t)((to - from) * columns));
    return part;
}

/* Large outputs are computed some rows at a time, small ones at once: a part of an image gives what
 * its place in the whole gives, as far as it does not touch the cut. */
static void bands_give_what_parts_give(void **state)
{
    (void)state;
    enum { ROWS = 243, COLUMNS = 484, CUT = 100 };
    struct arena a = {0};
    struct model *m = text_model(
        "opset 13\n"
        "g (float[B,3,N,M] x) => (float[...] y, float[...] z)\n"
        "<float[16,3,3,3] w = random(1), float[16,1,3,3] v = random(2), float[16] b = random(3)>\n"
        "{ c = Conv(x, w, b) <pads = [1,1,1,1], strides = [2,2]>  d = Relu(c)\n"
        "  y = Conv(d, v) <pads = [2,2,1,2], dilations = [2,2], group = 16>\n"
        "  e = Conv(d, v) <pads = [1,1,1,1], group = 16>  z = Add(e, d) }");
    const struct quant *x = find(m, "x")->quant = activation(m, -1, 1);
    find(m, "d")->quant = activation(m, 0, 2);
    find(m, "y")->quant = activation(m, -1, 1);
    find(m, "w")->quant = weight(m, 16, 0);
    find(m, "v")->quant = weight(m, 16, 0);
    find(m, "b")->quant = bias(m, x, find(m, "w")->quant);
    struct tensor *all = pictures(&a, 2, ROWS, COLUMNS), whole[2], upper[2], lower[2];
    struct tensor up = rows_of(&a, all, 0, CUT), down = rows_of(&a, all, CUT, ROWS);
    outputs(m, EXEC_SIMULATE, all, &a, whole);
    outputs(m, EXEC_SIMULATE, &up, &a, upper);
    outputs(m, EXEC_SIMULATE, &down, &a, lower);
    for (int i = 0; i < 2; i++) {
        enum { EDGE = 4 };
        int64_t n = whole[i].shape.dim[2], n_up = upper[i].shape.dim[2] - EDGE;
        struct tensor want = rows_of(&a, &whole[i], 0, n_up);
        assert_memory_equal(rows_of(&a, &upper[i], 0, n_up).data, want.data, want.size);
        want = rows_of(&a, &whole[i], CUT / 2 + EDGE, n);
        assert_memory_equal(rows_of(&a, &lower[i], EDGE, lower[i].shape.dim[2]).data, want.data,
                            want.size);
    }
    model_close(m);
    arena_release(&a);
}

/* A convolution of codes x[96][ROWS][COLUMNS] at one place, in whole numbers. */
struct long_conv {
    int64_t groups, kernel, stride, dilation;
};
enum { LONG_CHANNELS = 96, LONG_ROWS = 7, LONG_COLUMNS = 6 };

static int64_t sum_at(const struct long_conv *c, const int64_t *x, const struct tensor *w,
                      const struct quant *q, int64_t m, int64_t row, int64_t column)
{
    int64_t channels = LONG_CHANNELS / c->groups, sum = 0;
    int64_t group = m / (w->shape.dim[0] / c->groups);
    for (int64_t k = 0; k < channels * c->kernel * c->kernel; k++) {
        int64_t channel = k / (c->kernel * c->kernel) + group * channels;
        int64_t r = row * c->stride - 1 + k / c->kernel % c->kernel * c->dilation;
        int64_t s = column * c->stride - 1 + k % c->kernel * c->dilation;
        if (r < 0 || s < 0 || r >= LONG_ROWS || s >= LONG_COLUMNS)
            continue;
        float v = tensor_f32(w)[m * channels * c->kernel * c->kernel + k];
        float code = fminf(fmaxf(rintf(v / q->scale[m]), -128), 127);
        sum += x[(channel * LONG_ROWS + r) * LONG_COLUMNS + s] * (int64_t)code;
    }
    return sum;
}

/* Rows of some hundred products, which some processors have kernels of their own for. */
static void long_sums_are_exact(void **state)
{
    (void)state;
    const struct long_conv conv[] = {{1, 2, 2, 1}, {2, 3, 1, 2}};
    struct arena a = {0};
    struct model *m = text_model(
        "opset 13\n"
        "g (float[B,96,7,6] x) => (float[...] y, float[...] z)\n"
        "<float[32,96,2,2] w = random(1), float[64,48,3,3] v = random(2)>\n"
        "{ y = Conv(x, w) <pads = [1,1,1,1], strides = [2,2]>\n"
        "  z = Conv(x, v) <pads = [1,1,1,1], dilations = [2,2], group = 2> }");
    const struct quant *q = find(m, "x")->quant = activation(m, -0.7f, 1);
    const struct value *weights[] = {find(m, "w"), find(m, "v")};
    find(m, "w")->quant = weight(m, 32, 0);
    find(m, "v")->quant = weight(m, 64, 0);
    struct shape s = {.rank = 4, .dim = {2, LONG_CHANNELS, LONG_ROWS, LONG_COLUMNS}};
    struct tensor *x = tensor_new(&a, DTYPE_F32, &s), out[2];
    int64_t *codes = NEW_ARRAY(&a, tensor_count(x), int64_t);
    for (int64_t i = 0; i < tensor_count(x); i++) {
        float v = tensor_f32(x)[i] = sinf((float)(i * i % 97));
        float code = rintf(v / q->scale[0]) + (float)q->zero[0];
        codes[i] = (int64_t)fminf(fmaxf(code, 0), 255) - q->zero[0];
    }
    outputs(m, EXEC_SIMULATE, x, &a, out);
    for (int i = 0; i < 2; i++) {
        const struct quant *w = weights[i]->quant;
        const int64_t *dim = out[i].shape.dim;
        for (int64_t k = 0; k < tensor_count(&out[i]); k++) {
            int64_t channel = k / (dim[2] * dim[3]) % dim[1];
            const int64_t *of = codes + k / (dim[1] * dim[2] * dim[3]) * tensor_count(x) / 2;
            int64_t sum = sum_at(&conv[i], of, weights[i]->constant, w, channel,
                                 k / dim[3] % dim[2], k % dim[3]);
            float factor = q->scale[0] * w->scale[channel];
            assert_true(tensor_f32(&out[i])[k] == (float)sum * factor);
        }
    }
    model_close(m);
    arena_release(&a);
}

/* A body that captures a rounded value sees what it sees in the lowered graph: here the
 * convolution inside computes on codes, and the sum on what is not rounded. So do values in it. */
static void bodies_see_what_is_rounded(void **state)
{
    (void)state;
    struct arena a = {0};
    struct model *m = text_model(
        "opset 13\n"
        "g (float[1,3,N,N] x) => (float[...] y, float[...] z)\n"
        "<float[8,3,1,1] w1 = random(1), float[8,8,1,1] w2 = random(2), int64 n = 2, float k = 0>\n"
        "{ c = Conv(x, w1)  a1 = Relu(c)  m = ReduceMax(c) <keepdims = 0>  p = Greater(m, k)\n"
        "  z = If(p) <then_branch = t () => (float u) { d = Conv(a1, w2)  u = Add(d, a1) },\n"
        "             else_branch = e () => (float v) { v = Neg(a1) }>\n"
        "  y = Loop(n, , z) <body = b (int64 i, bool g, float s) => (bool h = g, float r)\n"
        "    { r = Add(s, a1) }> }");
    const struct tensor *x = image(&a, 7);
    find(m, "x")->quant = activation(m, -1, 1);
    find(m, "a1")->quant = activation(m, 0, 2);
    find(m, "z")->quant = activation(m, -3, 3);
    find(m, "w1")->quant = weight(m, 8, 0);
    find(m, "w2")->quant = weight(m, 8, 0);
    find(m, "d")->quant = activation(m, -0.5f, 0.5f);
    find(m, "s")->quant = activation(m, -2, 2);
    value_each_use(find(m, "a1"), u)
        u->plain = u->user->op == OP_Add && u->user->graph->input;
    check_lowering(m, x);
    model_close(m);
    arena_release(&a);
}

/* Output y lies on its grid, r does not: its use by the result is plain. */
static void outputs_are_rounded_unless_plain(void **state)
{
    (void)state;
    struct arena a = {0};
    struct model *m = text_model(network);
    struct tensor out[2];
    annotate(m);
    outputs(m, EXEC_SIMULATE, image(&a, 11), &a, out);
    const char *const name[] = {"y", "r"};
    for (int i = 0; i < 2; i++) {
        struct tensor rounded = out[i];
        rounded.data = arena_alloc(&a, out[i].size);
        quant_round_tensor(find(m, name[i])->quant, &out[i], &rounded);
        assert_int_equal(!memcmp(rounded.data, out[i].data, out[i].size), i == 0);
    }
    model_close(m);
    arena_release(&a);
}

/* Rounding happens in place where it can: not in memory that a view shares, nor in the input. */
static void rounding_leaves_others_alone(void **state)
{
    (void)state;
    struct arena a = {0};
    struct model *m = text_model("opset 13\n"
                                 "g (float[1,3,N,N] x) => (float[...] y, float[...] z)\n"
                                 "<int64[1] shape = {-1}>\n"
                                 "{ b = Abs(x)  v = Reshape(b, shape)  y = Neg(v)  z = Neg(b) }");
    const struct tensor *x = image(&a, 4);
    const float *before = arena_copy(&a, x->data, x->size);
    struct tensor out[2];
    find(m, "x")->quant = activation(m, -1, 0.7f);
    find(m, "v")->quant = activation(m, 0, 0.3f);
    outputs(m, EXEC_SIMULATE, x, &a, out);
    assert_memory_equal(before, x->data, x->size);
    float low = 0;
    for (int64_t i = 0; i < tensor_count(x); i++) {
        low = fminf(low, tensor_f32(&out[1])[i]);
        assert_true(tensor_f32(&out[0])[i] >= -0.3001f);
    }
    assert_true(low < -0.9f);
    model_close(m);
    arena_release(&a);
}

/* New scales count from the next run on. */
static void scales_are_read_at_each_run(void **state)
{
    (void)state;
    struct arena a = {0};
    struct model *m = text_model("opset 13\n"
                                 "g (float[1,3,N,N] x) => (float[...] y)\n{ y = Abs(x) }");
    struct quant *q = activation(m, 0, 1);
    find(m, "y")->quant = q;
    struct err err;
    struct exec_options o = {.mode = EXEC_SIMULATE};
    struct exec *e = exec_open(m->graph, &o, &err);
    struct run *r = run_open(e);
    const struct tensor *x = image(&a, 4);
    for (int k = 0; k < 2; k++) {
        quant_solve_range(&q->type, (struct range){0, k ? 0.5f : 0.25f}, q->scale, q->zero);
        assert_int_equal(run_sample(r, &x, &err), 0);
        float top = 0;
        for (int64_t i = 0; i < tensor_count(x); i++)
            top = fmaxf(top, tensor_f32(run_output(r, 0))[i]);
        assert_true(fabsf(top - (k ? 0.5f : 0.25f)) < 1e-6f);
    }
    run_close(r);
    exec_close(e);
    model_close(m);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulated_is_lowered),
        cmocka_unit_test(simulated_is_lowered_between_quantizers),
        cmocka_unit_test(simulated_is_lowered_around_gates),
        cmocka_unit_test(bands_give_what_parts_give),
        cmocka_unit_test(long_sums_are_exact),
        cmocka_unit_test(bodies_see_what_is_rounded),
        cmocka_unit_test(outputs_are_rounded_unless_plain),
        cmocka_unit_test(rounding_leaves_others_alone),
        cmocka_unit_test(scales_are_read_at_each_run),
    };
    return cmocka_run_group_tests_name("simulate", tests, NULL, NULL);
}
