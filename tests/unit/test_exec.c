/* SPDX-License-Identifier: Apache-2.0
 *
 * exec on small graphs: fused as unfused, steps as a whole, threads, layouts, exchanged constants,
 * and what it says where it cannot run.
 */
#include "exec.h"
#include "op.h"
#include "text.h"
#include "threads.h"
#include "unit.h"

#include <math.h>
#include <string.h>

/* A residual block with everything that can be fused, a view, and a matrix product behind it. */
static const char block[] = "opset 13\n"
    "g (float[1,3,N,N] x) => (float[1,5] y, float[1,8,N,N] r)\n"
    "<float[8,3,3,3] w1 = random(1), float[8] b1 = random(2), float[8,1,3,3] w2 = random(3),\n"
    " float[8,8,1,1] w3 = random(4), float[8] b3 = random(5), float lo = 0, float hi = 6,\n"
    " float[8,5] w4 = random(6), float[5] b4 = random(7), float[8,1,1] c = random(8)>\n"
    "{ c1 = Conv(x, w1, b1) <pads = [1,1,1,1]>  a1 = Clip(c1, lo, hi)\n"
    "  c2 = Conv(a1, w2) <pads = [1,1,1,1], group = 8>  d2 = Add(c, c2)\n"
    "  a2 = LeakyRelu(d2) <alpha = 0.2>\n"
    "  c3 = Conv(a2, w3, b3)  s = Add(a1, c3)  r = Relu(s)\n"
    "  p = GlobalAveragePool(r)  f = Flatten(p)  m = MatMul(f, w4)  y = Add(m, b4) }";

struct fixture {
    struct model *m;
    struct arena arena;
    struct err err;
};

static struct fixture fixture_new(const char *text)
{
    return (struct fixture){.m = text_model(text)};
}

static void fixture_free(struct fixture *f)
{
    model_close(f->m);
    arena_release(&f->arena);
}

static struct exec *open_exec(struct fixture *f, const bool *want)
{
    struct exec_options o = {.mode = EXEC_FLOAT, .want = want};
    struct exec *x = exec_open(f->m->graph, &o, &f->err);
    if (!x)
        fail_msg("%s", f->err.text);
    return x;
}

static const struct tensor *image(struct arena *a, int64_t channels, int64_t size)
{
    struct shape s = {.rank = 4, .dim = {1, channels, size, size}};
    struct tensor *t = tensor_new(a, DTYPE_F32, &s);
    for (int64_t i = 0; i < tensor_count(t); i++)
        tensor_f32(t)[i] = sinf((float)(i * i % 97));
    return t;
}

static void assert_same(const struct tensor *a, const struct tensor *b)
{
    assert_int_equal(a->dtype, b->dtype);
    assert_true(shape_equal(&a->shape, &b->shape));
    assert_memory_equal(a->data, b->data, a->size);
}

static void assert_close(const struct tensor *a, const struct tensor *b)
{
    assert_true(shape_equal(&a->shape, &b->shape));
    for (int64_t i = 0; i < tensor_count(a); i++)
        assert_true(fabs(tensor_get(a, i) - tensor_get(b, i)) < 1e-5);
}

static void run_one(struct run *r, const struct tensor *x, struct err *err)
{
    const struct tensor *in[] = {x};
    if (run_sample(r, in, err))
        fail_msg("%s", err->text);
}

/* A copy that outlives the run. */
static struct tensor kept(struct arena *a, const struct tensor *t)
{
    struct tensor copy = *t;
    copy.data = arena_copy(a, t->data, t->size);
    return copy;
}

static void count_value(void *data, const struct value *v, const struct tensor *t)
{
    assert_non_null(t->data);
    ++((int *)data)[v->id];
}

static void assert_fused_as_unfused(const char *text)
{
    struct fixture f = fixture_new(text);
    const struct tensor *x = image(&f.arena, 3, 9);
    struct exec *fused = open_exec(&f, NULL);
    struct exec *plain = open_exec(&f, exec_want_all(&f.arena, f.m));
    struct run *a = run_open(fused), *b = run_open(plain);
    run_one(a, x, &f.err);
    run_one(b, x, &f.err);
    for (int i = 0; i < 2; i++)
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
    assert_fused_as_unfused(block);
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
        "  c7 = Conv(a6, v)  z = Gelu(c7) }");
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
    assert_fused_as_unfused(scaled_gates);
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
    assert_heads(block, 5, order, 6);
    assert_heads(scaled_gates, 9, gates, sizeof gates / sizeof *gates);
}

static void the_watcher_sees_each_wanted_value_once(void **state)
{
    (void)state;
    struct fixture f = fixture_new(block);
    int *seen = NEW_ARRAY(&f.arena, f.m->n_values, int);
    struct exec *e = open_exec(&f, exec_want_all(&f.arena, f.m));
    struct run *r = run_open(e);
    run_watch(r, count_value, seen);
    run_one(r, image(&f.arena, 3, 5), &f.err);
    assert_int_equal(seen[f.m->graph->input[0]->id], 1);
    for (struct node *n = f.m->graph->first; n; n = n->next)
        assert_int_equal(seen[n->out[0]->id], 1);
    for (int i = 0; i < f.m->graph->n_constant; i++)
        assert_int_equal(seen[f.m->graph->constant[i]->id], 0);
    run_close(r);
    exec_close(e);
    fixture_free(&f);
}

static void steps_in_turns_give_what_a_whole_run_gives(void **state)
{
    (void)state;
    struct fixture f = fixture_new(block);
    const struct tensor *in[2][1] = {{image(&f.arena, 3, 9)}, {image(&f.arena, 3, 6)}};
    struct exec *e = open_exec(&f, NULL);
    struct run *r[2] = {run_open(e)};
    r[1] = run_open_beside(r[0]);
    struct tensor want[2];
    for (int i = 0; i < 2; i++) {
        run_one(r[i], in[i][0], &f.err);
        want[i] = kept(&f.arena, run_output(r[i], 0));
    }
    assert_int_equal(run_begin(r[0], in[0], &f.err) | run_begin(r[1], in[1], &f.err), 0);
    int more;
    do {
        more = run_step(r[0], &f.err);
        assert_int_equal(run_step(r[1], &f.err), more);
    } while (more > 0);
    for (int i = 0; i < 2; i++)
        assert_same(run_output(r[i], 0), &want[i]);
    run_close(r[0]);
    run_close(r[1]);
    exec_close(e);
    fixture_free(&f);
}

/* Looking ahead changes nothing, not even where a sum could be written over its operand. */
static void peeking_leaves_everything_as_it_was(void **state)
{
    (void)state;
    struct fixture f = fixture_new(block);
    const struct tensor *in[] = {image(&f.arena, 3, 9)};
    bool *want = NEW_ARRAY(&f.arena, f.m->n_values, bool);
    int *seen = NEW_ARRAY(&f.arena, f.m->n_values, int);
    const struct value *y = f.m->graph->result->in[0].value;
    want[y->id] = true;
    struct exec *e = open_exec(&f, want);
    struct run *r = run_open(e);
    run_watch(r, count_value, seen);
    run_one(r, in[0], &f.err);
    struct tensor expected = kept(&f.arena, run_output(r, 0));
    int more;
    assert_int_equal(run_begin(r, in, &f.err), 0);
    do {
        assert_int_equal(run_peek(r, &f.err), 0);
        more = run_step(r, &f.err);
    } while (more > 0);
    assert_int_equal(more, 0);
    assert_same(run_output(r, 0), &expected);
    assert_int_equal(seen[y->id], 1 + 2);
    run_close(r);
    exec_close(e);
    fixture_free(&f);
}

static struct value *find(const struct model *m, const char *name)
{
    for (int i = 0; i < m->graph->n_constant; i++)
        if (!strcmp(m->graph->constant[i]->name, name))
            return m->graph->constant[i];
    fail_msg("no constant %s", name);
    return NULL;
}

/* In the middle of a run; k is also read in another layout than its own. */
static void constants_can_be_exchanged_between_steps(void **state)
{
    (void)state;
    struct fixture f = fixture_new("opset 13\n"
                                   "g (float[1,2,2,2] x) => (float[...] y)\n"
                                   "<float[2,2,1,1] w = random(1), float[1,2,2,2] k = fill(2)>\n"
                                   "{ c = Conv(x, w)  a = Mul(c, k)  n = Neg(a)  y = Mul(n, k) }");
    const struct tensor *in[] = {image(&f.arena, 2, 2)};
    struct exec *e = open_exec(&f, NULL);
    struct run *r = run_open(e);
    run_one(r, in[0], &f.err);
    struct tensor want = kept(&f.arena, run_output(r, 0));
    struct tensor *k = tensor_new(&f.arena, DTYPE_F32, &in[0]->shape);
    for (int i = 0; i < 8; i++)
        tensor_f32(k)[i] = (float)i;
    assert_int_equal(run_begin(r, in, &f.err), 0);
    while (run_next(r)->op != OP_Neg)
        assert_int_equal(run_step(r, &f.err), 1);
    exec_override(e, find(f.m, "k"), k);
    while (run_step(r, &f.err) > 0)
        ;
    for (int i = 0; i < 8; i++)
        tensor_f32(&want)[i] *= (float)i / 2;
    assert_close(run_output(r, 0), &want);
    run_close(r);
    exec_close(e);
    fixture_free(&f);
}

struct shared {
    struct exec *exec;
    const struct tensor *in[8][1];
    struct tensor out[8];
    struct arena arena[2];
    struct run *run[2];
};

static void one_item(void *data, int item, int worker)
{
    struct shared *s = data;
    struct err err;
    if (run_sample(s->run[worker], s->in[item], &err) == 0)
        s->out[item] = kept(&s->arena[worker], run_output(s->run[worker], 0));
}

/* Sizes repeat, so that the workers also race for the same plans. */
static void the_number_of_workers_changes_nothing(void **state)
{
    (void)state;
    struct fixture f = fixture_new(block);
    struct shared s[2] = {0};
    for (int workers = 1; workers <= 2; workers++) {
        struct shared *w = &s[workers - 1];
        w->exec = open_exec(&f, NULL);
        for (int i = 0; i < 8; i++)
            w->in[i][0] = image(&f.arena, 3, 5 + i / 2);
        for (int i = 0; i < workers; i++)
            w->run[i] = run_open(w->exec);
        threads_for(workers, 8, one_item, w);
    }
    for (int i = 0; i < 8; i++)
        assert_same(&s[1].out[i], &s[0].out[i]);
    for (int workers = 1; workers <= 2; workers++) {
        for (int i = 0; i < workers; i++) {
            run_close(s[workers - 1].run[i]);
            arena_release(&s[workers - 1].arena[i]);
        }
        exec_close(s[workers - 1].exec);
    }
    fixture_free(&f);
}

/* w2 goes through a constant sub-expression; the packed weight must be forgotten. */
static void exchanged_constants_count_from_the_next_run_on(void **state)
{
    (void)state;
    struct fixture f = fixture_new("opset 13\n"
                                   "g (float[1,2,4,4] x) => (float[1,4,4,4] y)\n"
                                   "<float[4,2,1,1] w = random(1), float k = 2>\n"
                                   "{ w2 = Mul(w, k)  c = Conv(x, w2)  y = Relu(c) }");
    const struct tensor *x = image(&f.arena, 2, 4);
    struct exec *e = open_exec(&f, NULL);
    struct run *r = run_open(e);
    run_one(r, x, &f.err);
    struct tensor want = kept(&f.arena, run_output(r, 0));
    exec_override(e, find(f.m, "k"), tensor_scalar(&f.arena, DTYPE_F32, 6));
    run_one(r, x, &f.err);
    for (int64_t i = 0; i < tensor_count(&want); i++)
        tensor_f32(&want)[i] *= 3;
    assert_close(run_output(r, 0), &want);
    run_close(r);
    exec_close(e);
    fixture_free(&f);
}

/* The sum may be written over its operand only where nobody else needs that. */
static void a_sum_does_not_destroy_what_is_still_read(void **state)
{
    (void)state;
    struct fixture f = fixture_new(
        "opset 13\n"
        "g (float[1,2,4,4] x) => (float[1,2,4,4] y, float[1,2,4,4] z, float[1,32] v)\n"
        "<float[2,2,3,3] w = random(1), int64[2] s = {1, 32}>\n"
        "{ a = Abs(x)  c = Conv(a, w) <pads = [1,1,1,1]>  y = Add(c, a)\n"
        "  n = Neg(x)  u = Reshape(n, s)  d = Conv(x, w) <pads = [1,1,1,1]>  z = Add(d, n)\n"
        "  v = Abs(u) }");
    const struct tensor *x = image(&f.arena, 2, 4);
    struct exec *fused = open_exec(&f, NULL);
    struct exec *plain = open_exec(&f, exec_want_all(&f.arena, f.m));
    struct run *a = run_open(fused), *b = run_open(plain);
    run_one(a, x, &f.err);
    run_one(b, x, &f.err);
    for (int i = 0; i < 3; i++)
        assert_close(run_output(a, i), run_output(b, i));
    run_close(a);
    run_close(b);
    exec_close(fused);
    exec_close(plain);
    fixture_free(&f);
}

/* The same with matrix products, and with a Gemm that has something of its own to add. */
static void a_sum_can_be_written_over_its_operand(void **state)
{
    (void)state;
    struct fixture f = fixture_new(
        "opset 13\n"
        "g (float[1,2,4,4] x) => (float[...] y, float[...] z)\n"
        "<float[4,4] w = random(1), int64[2] s = {8, 4}, float[4] b = random(2)>\n"
        "{ a = Abs(x)  m = MatMul(x, w)  y = Add(m, a)\n"
        "  n = Neg(x)  u = Reshape(n, s)  v = Exp(u)  g = Gemm(u, w, b) <beta = 0.5>\n"
        "  t = Add(g, v)  z = Relu(t) }");
    const struct tensor *x = image(&f.arena, 2, 4);
    struct exec *fused = open_exec(&f, NULL);
    struct exec *plain = open_exec(&f, exec_want_all(&f.arena, f.m));
    struct run *a = run_open(fused), *b = run_open(plain);
    run_one(a, x, &f.err);
    run_one(b, x, &f.err);
    for (int i = 0; i < 2; i++)
        assert_close(run_output(a, i), run_output(b, i));
    run_close(a);
    run_close(b);
    exec_close(fused);
    exec_close(plain);
    fixture_free(&f);
}

/* x -> Neg -> op -> y, the other input being w; where `keep`, what Neg gives is an output too, so
 * that the operator cannot write over it. */
static struct fixture one_operator(const struct op_info *info, bool keep)
{
    struct fixture f = {.m = model_new("one.onnx")};
    struct graph *g = f.m->graph;
    model_set_opset(f.m, "", 13);
    struct build at = {.graph = g, .stem = "test"};
    struct value *x = graph_add_input(g, "x");
    struct node *neg = build_node(&at, OP_Neg, 1, &x, 1);
    const float w[] = {0.5f, 2, 3};
    struct value *in[] = {neg->out[0], build_constant(&at, "w", tensor_from_f32(f.m->arena, w, 3))};
    struct node *n = build_node(&at, (enum op)(info - op_table), info->min_in, in, 1);
    graph_add_output(g, n->out[0], "y");
    if (keep)
        graph_add_output(g, neg->out[0], "kept");
    return f;
}

static void run_operator(const struct op_info *info, bool keep, struct arena *a,
                         const struct tensor *x, struct tensor *out)
{
    struct fixture f = one_operator(info, keep);
    struct exec *e = open_exec(&f, NULL);
    struct run *r = run_open(e);
    run_one(r, x, &f.err);
    *out = kept(a, run_output(r, 0));
    run_close(r);
    exec_close(e);
    fixture_free(&f);
}

static void an_operator_may_write_over_its_input(void **state)
{
    (void)state;
    struct arena a = {0};
    struct shape s = {.rank = 2, .dim = {50, 3}};
    struct tensor *x = tensor_new(&a, DTYPE_F32, &s), apart, over;
    for (int64_t i = 0; i < tensor_count(x); i++)
        tensor_f32(x)[i] = -(float)i / 151 - 0.001f;
    int tried = 0;
    for (const struct op_info *info = op_table; info < op_table + N_OPS; info++) {
        if (!(info->flags & OP_IN_PLACE) || info->min_in > 2)
            continue;
        run_operator(info, true, &a, x, &apart);
        run_operator(info, false, &a, x, &over);
        if (memcmp(apart.data, over.data, over.size))
            fail_msg("%s gives something else in place", info->name);
        tried++;
    }
    assert_true(tried > 40);
    arena_release(&a);
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

static void shapes_are_computed_from_data(void **state)
{
    (void)state;
    struct fixture f = fixture_new(
        "opset 13\n"
        "g (float[1,C,N,N] x) => (float[...] y)\n"
        "<int64 i = 1, int64[1] axes = {0}, int64[1] rest = {-1}>\n"
        "{ s = Shape(x)  c = Gather(s, i)  u = Unsqueeze(c, axes)  t = Concat(u, rest) <axis = 0>\n"
        "  y = Reshape(x, t) }");
    struct exec *e = open_exec(&f, NULL);
    struct run *r = run_open(e);
    for (int k = 0; k < 4; k++) {
        const struct tensor *x = image(&f.arena, 2 + k / 2, 3);
        run_one(r, x, &f.err);
        const struct tensor *y = run_output(r, 0);
        assert_int_equal(y->shape.dim[0], 2 + k / 2);
        assert_int_equal(y->shape.dim[1], 9);
        assert_memory_equal(y->data, x->data, x->size);
    }
    run_close(r);
    exec_close(e);
    fixture_free(&f);
}

static void what_cannot_run_is_told_at_once(void **state)
{
    (void)state;
    struct fixture f = fixture_new("opset 13 domain lab 1\n"
                                   "g (float[1] x) => (float[1] y)\n"
                                   "{ [one] a = lab.Magic(x)  b = Relu(a)  [two] y = Nothing(b)\n"
                                   "  unused = lab.Dead(x) }");
    struct exec_options o = {.mode = EXEC_FLOAT};
    assert_null(exec_open(f.m->graph, &o, &f.err));
    assert_string_equal(f.err.text, "operators that cannot be executed: node 'one' (lab.Magic), "
                                    "node 'two' (Nothing)");
    fixture_free(&f);
}

static void wrong_inputs_are_named(void **state)
{
    (void)state;
    struct fixture f = fixture_new(block);
    struct exec *e = open_exec(&f, NULL);
    struct run *r = run_open(e);
    const struct tensor *none[] = {NULL}, *channels[] = {image(&f.arena, 4, 5)};
    const struct tensor *type[] = {tensor_scalar(&f.arena, DTYPE_I64, 1)};
    assert_int_equal(run_sample(r, none, &f.err), -1);
    assert_string_equal(f.err.text, "input 'x' is missing");
    assert_int_equal(run_sample(r, channels, &f.err), -1);
    assert_string_equal(f.err.text, "input 'x' has shape [1,4,5,5] instead of [1,3,?,?]");
    assert_int_equal(run_sample(r, type, &f.err), -1);
    assert_string_equal(f.err.text, "input 'x' has type int64 instead of float");
    run_one(r, image(&f.arena, 3, 5), &f.err);
    run_close(r);
    exec_close(e);
    fixture_free(&f);
}

static void errors_name_the_node(void **state)
{
    (void)state;
    struct fixture f = fixture_new("opset 13\n"
                                   "g (float[1,2,N,N] x) => (float[...] y)\n"
                                   "<float[2,2,3,3] w = random(1)>\n"
                                   "{ [conv] c = Conv(x, w)  y = Relu(c) }");
    struct exec *e = open_exec(&f, NULL);
    struct run *r = run_open(e);
    const struct tensor *in[] = {image(&f.arena, 2, 2)};
    assert_int_equal(run_sample(r, in, &f.err), -1);
    assert_string_equal(f.err.text, "node 'conv' (Conv): a window of 3 is larger than the padded "
                                    "input of 2 on spatial axis 0");
    run_close(r);
    exec_close(e);
    fixture_free(&f);
}

static void an_input_that_is_left_out_is_named(void **state)
{
    (void)state;
    struct fixture f = fixture_new("opset 13\n"
                                   "g (float[1,2,3,3] x) => (float[...] y)\n"
                                   "<float[2] b = random(1)>\n"
                                   "{ [conv] y = Conv(x, , b) }");
    struct exec *e = open_exec(&f, NULL);
    struct run *r = run_open(e);
    const struct tensor *in[] = {image(&f.arena, 2, 3)};
    assert_int_equal(run_sample(r, in, &f.err), -1);
    assert_string_equal(f.err.text, "node 'conv' (Conv): input 1 is left out");
    run_close(r);
    exec_close(e);
    fixture_free(&f);
}

static void empty_tensors_pass_through(void **state)
{
    (void)state;
    struct fixture f = fixture_new("opset 13\n"
                                   "g (float[N,2,4,4] x) => (float[...] y)\n"
                                   "<float[3,2,3,3] w = random(1), float[3,5] k = random(2)>\n"
                                   "{ c = Conv(x, w)  a = Relu(c)  p = GlobalAveragePool(a)\n"
                                   "  f = Flatten(p)  y = MatMul(f, k) }");
    struct exec *e = open_exec(&f, NULL);
    struct run *r = run_open(e);
    struct shape s = {.rank = 4, .dim = {0, 2, 4, 4}};
    run_one(r, tensor_new(&f.arena, DTYPE_F32, &s), &f.err);
    const struct shape want = {.rank = 2, .dim = {0, 5}};
    assert_true(shape_equal(&run_output(r, 0)->shape, &want));
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
        cmocka_unit_test(the_watcher_sees_each_wanted_value_once),
        cmocka_unit_test(steps_in_turns_give_what_a_whole_run_gives),
        cmocka_unit_test(peeking_leaves_everything_as_it_was),
        cmocka_unit_test(constants_can_be_exchanged_between_steps),
        cmocka_unit_test(the_number_of_workers_changes_nothing),
        cmocka_unit_test(exchanged_constants_count_from_the_next_run_on),
        cmocka_unit_test(a_sum_does_not_destroy_what_is_still_read),
        cmocka_unit_test(a_sum_can_be_written_over_its_operand),
        cmocka_unit_test(an_operator_may_write_over_its_input),
        cmocka_unit_test(a_sum_that_broadcasts_is_not_fused),
        cmocka_unit_test(shapes_are_computed_from_data),
        cmocka_unit_test(what_cannot_run_is_told_at_once),
        cmocka_unit_test(wrong_inputs_are_named),
        cmocka_unit_test(errors_name_the_node),
        cmocka_unit_test(an_input_that_is_left_out_is_named),
        cmocka_unit_test(empty_tensors_pass_through),
    };
    return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
