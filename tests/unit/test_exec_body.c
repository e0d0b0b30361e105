/* SPDX-License-Identifier: Apache-2.0
 *
 * exec in bodies: what they capture, what goes from one iteration to the next, what watchers see,
 * rounding, threads, and models that are deep or long.
 */
#include "exec.h"
#include "onnx.h"
#include "op.h"
#include "quant.h"
#include "text.h"
#include "threads.h"
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct fixture {
    struct model *m;
    struct exec *exec;
    struct run *run;
    struct arena arena;
    struct err err;
};

static void open_with(struct fixture *f, struct exec_options o)
{
    f->exec = exec_open(f->m->graph, &o, &f->err);
    if (!f->exec)
        fail_msg("%s", f->err.text);
    f->run = run_open(f->exec);
}

static struct fixture fixture_new(const char *text)
{
    struct fixture f = {.m = text_model(text)};
    open_with(&f, (struct exec_options){.mode = EXEC_FLOAT});
    return f;
}

static void fixture_free(struct fixture *f)
{
    run_close(f->run);
    exec_close(f->exec);
    model_close(f->m);
    arena_release(&f->arena);
}

static const struct tensor *floats(struct fixture *f, int n, const float *v)
{
    return tensor_from_f32(&f->arena, v, n);
}
#define FLOATS(f, ...)                                                                             \
    floats(f, (int)(sizeof((float[]){__VA_ARGS__}) / sizeof(float)), (float[]){__VA_ARGS__})

static const struct tensor *number(struct fixture *f, enum dtype t, double v)
{
    return tensor_scalar(&f->arena, t, v);
}

static void run_ok(struct fixture *f, const struct tensor *const *in)
{
    if (run_sample(f->run, in, &f->err))
        fail_msg("%s", f->err.text);
}

static void assert_floats(const struct tensor *t, int n, const float *v)
{
    assert_int_equal(t->dtype, DTYPE_F32);
    assert_int_equal(tensor_count(t), n);
    for (int i = 0; i < n; i++)
        if (fabsf(tensor_f32(t)[i] - v[i]) > 1e-6f)
            fail_msg("element %d is %g, not %g", i, (double)tensor_f32(t)[i], (double)v[i]);
}
#define ASSERT_FLOATS(t, ...)                                                                      \
    assert_floats(t, (int)(sizeof((float[]){__VA_ARGS__}) / sizeof(float)),                        \
                  (float[]){__VA_ARGS__})

static struct value *find_in(const struct graph *g, const char *name)
{
    struct value *found = NULL;
    const struct graph *body;
    for (int i = 0; i < g->n_input; i++)
        if (!strcmp(g->input[i]->name, name))
            return g->input[i];
    for (struct node *n = g->first; n && !found; n = n->next) {
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i] && !strcmp(n->out[i]->name, name))
                return n->out[i];
        for (int k = 0; !found && (body = node_body(n, k)); k++)
            found = find_in(body, name);
    }
    return found;
}

static void a_branch_has_what_is_around_it(void **state)
{
    (void)state;
    struct fixture f = fixture_new(
        "opset 16 g (bool p, bool q, float[2] x) => (float y)\n"
        "<float[2] w = {10, 20}>\n"
        "{ a = Neg(x)  b = Add(a, w)\n"
        "  y = If(p) <then_branch = t () => (float u) {\n"
        "      c = Mul(a, w)\n"
        "      u = If(q) <then_branch = tt () => (float r) { r = Add(c, b) },\n"
        "                 else_branch = te () => (float s = b) {}> },\n"
        "    else_branch = e () => (float v) { v = Concat(x, w) <axis = 0> }> }");
    const struct tensor *x = FLOATS(&f, 1, 2);
    for (int i = 0; i < 8; i++) {
        bool p = i & 1, q = i & 2;
        const struct tensor *in[] = {number(&f, DTYPE_BOOL, p), number(&f, DTYPE_BOOL, q), x};
        run_ok(&f, in);
        if (!p)
            ASSERT_FLOATS(run_output(f.run, 0), 1, 2, 10, 20);
        else if (q)
            ASSERT_FLOATS(run_output(f.run, 0), -10 + 9, -40 + 18);
        else
            ASSERT_FLOATS(run_output(f.run, 0), 9, 18);
    }
    fixture_free(&f);
}

static const char powers[] =
    "opset 16 g (int64 n, bool go, float[2] x) => (float y, float all)\n"
    "<float[2] w = {1, 1}>\n"
    "{ two = Add(w, w)\n"
    "  y, all = Loop(n, go, x) <body = b (int64 i, bool c, float s) => (bool d, float t, float e)\n"
    "    <float limit = 100>\n"
    "    { t = Mul(s, two)  float[2] e = Add(t, w)\n"
    "      m = ReduceMax(t) <keepdims = 0>  d = Less(m, limit) }> }";

static void a_loop_ends_by_count_or_condition(void **state)
{
    (void)state;
    struct fixture f = fixture_new(powers);
    const struct tensor *x = FLOATS(&f, 1, 2), *yes = number(&f, DTYPE_BOOL, 1);
    run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_I64, 3), yes, x});
    ASSERT_FLOATS(run_output(f.run, 0), 8, 16);
    ASSERT_FLOATS(run_output(f.run, 1), 3, 5, 5, 9, 9, 17);
    assert_int_equal(run_output(f.run, 1)->shape.dim[0], 3);
    run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_I64, 100), yes, x});
    ASSERT_FLOATS(run_output(f.run, 0), 64, 128);
    run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_I64, 0), yes, x});
    ASSERT_FLOATS(run_output(f.run, 0), 1, 2);
    assert_int_equal(run_output(f.run, 1)->shape.dim[0], 0);
    run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_I64, 5), number(&f, DTYPE_BOOL, 0), x});
    ASSERT_FLOATS(run_output(f.run, 0), 1, 2);
    fixture_free(&f);
}

static void the_shape_of_a_state_may_grow(void **state)
{
    (void)state;
    struct fixture f = fixture_new(
        "opset 16 g (int64 n, float[1] x) => (float y)\n"
        "{ y = Loop(n, , x) <body = b (int64 i, bool c, float s) => (bool c2 = c, float t)\n"
        "    { f = Cast(i) <to = 1>  g = Mul(f, x)  t = Concat(s, g) <axis = 0> }> }");
    run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_I64, 4), FLOATS(&f, 2)});
    ASSERT_FLOATS(run_output(f.run, 0), 2, 0, 2, 4, 6);
    fixture_free(&f);
}

static void a_scan_slices_along_any_axis(void **state)
{
    (void)state;
    struct fixture f = fixture_new(
        "opset 16 g (float[2] h, float[2,3] x) => (float last, float all)\n"
        "{ last, all = Scan(h, x) <num_scan_inputs = 1, scan_input_axes = [-1],\n"
        "      scan_input_directions = [1], scan_output_axes = [1], scan_output_directions = [1],\n"
        "      body = b (float s, float e) => (float t, float o = t) { t = Add(s, e) }> }");
    struct shape shape = {.rank = 2, .dim = {2, 3}};
    struct tensor *x = tensor_new(&f.arena, DTYPE_F32, &shape);
    for (int i = 0; i < 6; i++)
        tensor_f32(x)[i] = (float)(i + 1);
    run_ok(&f, (const struct tensor *[]){FLOATS(&f, 0, 10), x});
    ASSERT_FLOATS(run_output(f.run, 0), 6, 25);
    ASSERT_FLOATS(run_output(f.run, 1), 6, 5, 3, 25, 21, 16);
    fixture_free(&f);
}

/* Lengths 1 and 2 of 2: zeros follow the shorter one, whose state is that of its end. */
static void a_scan_of_opset_8_has_a_batch(void **state)
{
    (void)state;
    struct fixture f = fixture_new(
        "opset 8 g (int64[2] len, float[2,1] h, float[2,2,1] x) => (float last, float all)\n"
        "{ last, all = Scan(len, h, x) <num_scan_inputs = 1, directions = [1],\n"
        "      body = b (float[1] s, float[1] e) => (float t, float o) "
        "{ t = Add(s, e)  o = Neg(t) }> }");
    struct shape h = {.rank = 2, .dim = {2, 1}}, x = {.rank = 3, .dim = {2, 2, 1}};
    struct tensor *in[] = {tensor_from_i64(&f.arena, (int64_t[]){1, 2}, 2),
                           tensor_new(&f.arena, DTYPE_F32, &h),
                           tensor_new(&f.arena, DTYPE_F32, &x)};
    tensor_f32(in[1])[1] = 100;
    for (int i = 0; i < 4; i++)
        tensor_f32(in[2])[i] = (float)(i + 1);
    run_ok(&f, (const struct tensor *const *)in);
    ASSERT_FLOATS(run_output(f.run, 0), 1, 107);
    ASSERT_FLOATS(run_output(f.run, 1), -1, 0, -104, -107);
    fixture_free(&f);
}

static void sequences_go_through_loops(void **state)
{
    (void)state;
    struct fixture f = fixture_new(
        "opset 17 g (int64 n, float[2] x) => (float y, float z, int64 len, float first)\n"
        "<int64 zero = 0>\n"
        "{ e = SequenceEmpty()  s0 = SequenceInsert(e, x)\n"
        "  s = Loop(n, , s0) <body = b (int64 i, bool c, s1) => (bool c2 = c, s2)\n"
        "    { l = SequenceAt(s1, i)  d = Add(l, x)  s2 = SequenceInsert(s1, d) }>\n"
        "  m = SequenceMap(s, x) <body = mb (float a, float b) => (float o) { o = Sub(a, b) }>\n"
        "  p = SequenceErase(m, zero)  y = ConcatFromSequence(p) <axis = 0>\n"
        "  z = ConcatFromSequence(s) <axis = 1, new_axis = 1>  len = SequenceLength(p)\n"
        "  parts = SplitToSequence(y) <keepdims = 0>  first = SequenceAt(parts, zero) }");
    run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_I64, 2), FLOATS(&f, 1, 10)});
    ASSERT_FLOATS(run_output(f.run, 0), 1, 10, 2, 20);
    ASSERT_FLOATS(run_output(f.run, 1), 1, 2, 3, 10, 20, 30);
    assert_int_equal(tensor_get_int(run_output(f.run, 2), 0), 2);
    ASSERT_FLOATS(run_output(f.run, 3), 1);
    assert_int_equal(run_output(f.run, 3)->shape.rank, 0);
    fixture_free(&f);
}

/* Thousands of elements: each is added where the others lie. */
static void a_sequence_does_not_copy_itself_to_grow(void **state)
{
    (void)state;
    struct fixture f = fixture_new(
        "opset 17 g (int64 n, float[1] x) => (float y)\n"
        "{ e = SequenceEmpty()\n"
        "  s = Loop(n, , e) <body = b (int64 i, bool c, s1) => (bool c2 = c, s2)\n"
        "    { d = Cast(i) <to = 1>  u = Mul(d, x)  s2 = SequenceInsert(s1, u) }>\n"
        "  y = ConcatFromSequence(s) <axis = 0> }");
    run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_I64, 20000), FLOATS(&f, 2)});
    const struct tensor *y = run_output(f.run, 0);
    assert_int_equal(tensor_count(y), 20000);
    for (int i = 0; i < 20000; i++)
        assert_true(tensor_f32(y)[i] == 2 * (float)i);
    fixture_free(&f);
}

static void sequences_are_no_tensors(void **state)
{
    (void)state;
    struct fixture f = fixture_new("opset 17 g (float[2] x) => (float y)\n"
                                   "{ s = SequenceConstruct(x, x)  i = Identity(s)\n"
                                   "  [relu] y = Relu(i) }");
    const struct tensor *in[] = {FLOATS(&f, 1, 2)};
    assert_int_equal(run_sample(f.run, in, &f.err), -1);
    assert_string_equal(f.err.text, "node 'relu' (Relu): input 0 is a sequence, not a tensor");
    fixture_free(&f);
}

struct seen {
    const struct value *value;
    float last[8];
    int n;
};

static void note(void *data, const struct value *v, const struct tensor *t)
{
    struct seen *s = data;
    if (v == s->value && s->n < 8)
        s->last[s->n++] = tensor_f32(t)[0];
}

/* Also where nothing depends on the value but itself. */
static void watchers_see_each_iteration(void **state)
{
    (void)state;
    struct fixture f = {.m = text_model(
        "opset 16 g (int64 n, float[2] x) => (float y)\n"
        "{ y = Loop(n, , x) <body = b (int64 i, bool c, float s) => (bool c2 = c, float t)\n"
        "    { t = Add(s, x)  idle = Neg(t) }> }")};
    const char *const names[] = {"s", "t", "idle"};
    const float want[3][3] = {{1, 2, 3}, {2, 3, 4}, {-2, -3, -4}};
    open_with(&f, (struct exec_options){.want = exec_want_all(&f.arena, f.m)});
    for (int i = 0; i < 3; i++) {
        struct seen seen = {.value = find_in(f.m->graph, names[i])};
        run_watch(f.run, note, &seen);
        run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_I64, 3), FLOATS(&f, 1, 0)});
        assert_int_equal(seen.n, 3);
        assert_memory_equal(seen.last, want[i], sizeof want[i]);
    }
    fixture_free(&f);
}

static void values_in_bodies_are_rounded(void **state)
{
    (void)state;
    struct fixture f = {.m = text_model(
        "opset 16 g (int64 n, float[2] x) => (float y)\n"
        "{ y = Loop(n, , x) <body = b (int64 i, bool c, float s) => (bool c2 = c, float u)\n"
        "    { t = Add(s, x)  u = Identity(t) }> }")};
    struct qtype type = {.dtype = DTYPE_I8, .grain = GRAIN_TENSOR, .symmetric = true};
    struct quant q = {.type = type, .n = 1, .scale = (float[]){0.5f}, .zero = (int32_t[]){0}};
    find_in(f.m->graph, "t")->quant = &q;
    open_with(&f, (struct exec_options){.mode = EXEC_SIMULATE});
    run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_I64, 3), FLOATS(&f, 0.7f, 0.3f)});
    /* 1.4 -> 1.5, 2.2 -> 2, 2.7 -> 2.5; 0.6 -> 0.5, 0.8 -> 1, 1.3 -> 1.5 */
    ASSERT_FLOATS(run_output(f.run, 0), 2.5f, 1.5f);
    fixture_free(&f);
}

static void what_cannot_run_inside_is_named(void **state)
{
    (void)state;
    struct model *m = text_model(
        "opset 16 domain lab 1 g (bool p, float[1] x) => (float y, float z)\n"
        "{ [if] y = If(p) <then_branch = t () => (float a)\n"
        "     { b = Relu(x)  [magic] a = lab.Magic(b)  dead = lab.Dead(x) },\n"
        "   else_branch = e () => (float c) { c = Neg(x) }>\n"
        "  z = Exp(x) }");
    struct err err;
    struct arena a = {0};
    bool *runs = NEW_ARRAY(&a, m->n_nodes, bool);
    assert_null(exec_open(m->graph, &(struct exec_options){.mode = EXEC_FLOAT}, &err));
    assert_string_equal(err.text, "operators that cannot be executed: node 'magic' (lab.Magic)");
    exec_find_runnable(m->graph, runs);
    assert_false(runs[m->graph->first->id]);
    assert_false(runs[find_in(m->graph, "b")->def->id]);
    assert_true(runs[find_in(m->graph, "z")->def->id]);
    struct fixture f = {.m = m, .arena = a};
    open_with(&f, (struct exec_options){.mode = EXEC_FLOAT, .partial = true});
    run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_BOOL, 1), FLOATS(&f, 0)});
    assert_null(run_output(f.run, 0));
    ASSERT_FLOATS(run_output(f.run, 1), 1);
    fixture_free(&f);
}

/* What is constant in a branch is computed beforehand; but there, a mistake is none until the
 * branch is taken. */
static void a_mistake_in_the_other_branch_is_no_mistake(void **state)
{
    (void)state;
    struct fixture f = fixture_new(
        "opset 16 g (bool p, float[2] x) => (float y)\n"
        "<float[2] w = {1, 2}, int64[1] s = {3}>\n"
        "{ [if] y = If(p) <then_branch = t () => (float a)\n"
        "    { [bad] r = Reshape(w, s)  q = Neg(r)  a = Add(q, x) },\n"
        "  else_branch = e () => (float c) { n = Neg(w)  c = Add(n, x) }> }");
    run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_BOOL, 0), FLOATS(&f, 1, 1)});
    ASSERT_FLOATS(run_output(f.run, 0), 0, -1);
    const struct tensor *in[] = {number(&f, DTYPE_BOOL, 1), FLOATS(&f, 1, 1)};
    assert_int_equal(run_sample(f.run, in, &f.err), -1);
    assert_string_equal(f.err.text, "node 'if' (If): node 'bad' (Reshape): shape [2] does not fit "
                                    "into [3]");
    run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_BOOL, 0), FLOATS(&f, 1, 1)});
    ASSERT_FLOATS(run_output(f.run, 0), 0, -1);
    fixture_free(&f);
}

static void bodies_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const char *const text[][2] = {
        {"y = Loop(n, , x) <body = b (int64 i, bool c) => (bool d = c) {}>",
         "the body 'b' has 2 inputs, not 3"},
        {"y = Loop(n, , x) <body = b (int64 i, bool c, float s) => (bool d = c) {}>",
         "the body 'b' has 1 outputs and needs 2"},
        {"y = If(n) <then_branch = t () => (float s = x) {}>", "attribute else_branch is missing"},
        {"y = Scan(x) <num_scan_inputs = 2, body = b (float s) => (float t = s) {}>",
         "num_scan_inputs is 2 of 1 inputs"},
    };
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        char source[512];
        struct err err;
        snprintf(source, sizeof source, "opset 16 g (int64 n, float[2] x) => (float y) { [it] %s }",
                 text[i][0]);
        struct model *m = text_model(source);
        assert_null(exec_open(m->graph, &(struct exec_options){.mode = EXEC_FLOAT}, &err));
        assert_non_null(strstr(err.text, "node 'it' ("));
        assert_non_null(strstr(err.text, text[i][1]));
        model_close(m);
    }
}

struct shared {
    struct run *run[2];
    const struct tensor *in[16][3];
    float out[16][2];
};

static void one_item(void *data, int item, int worker)
{
    struct shared *s = data;
    struct err err;
    if (run_sample(s->run[worker], s->in[item], &err) == 0)
        memcpy(s->out[item], run_output(s->run[worker], 0)->data, sizeof s->out[item]);
}

static void the_number_of_workers_changes_nothing(void **state)
{
    (void)state;
    struct fixture f = fixture_new(powers);
    struct shared s[2] = {{.run = {f.run, run_open(f.exec)}}, {.run = {f.run}}};
    for (int i = 0; i < 16; i++) {
        s[0].in[i][0] = number(&f, DTYPE_I64, i / 2);
        s[0].in[i][1] = number(&f, DTYPE_BOOL, 1);
        s[0].in[i][2] = FLOATS(&f, (float)i, 1);
    }
    memcpy(s[1].in, s[0].in, sizeof s[0].in);
    threads_for(2, 16, one_item, &s[0]);
    threads_for(1, 16, one_item, &s[1]);
    assert_memory_equal(s[0].out, s[1].out, sizeof s[0].out);
    run_close(s[0].run[1]);
    fixture_free(&f);
}

/* g = p ? (p ? (... x + 1 ...) + 1 : x) + 1 : x, `depth` times, each level also adding w. */
static struct value *nest(struct graph *g, struct value *p, struct value *x, struct value *w,
                          int depth)
{
    struct build b = {.graph = g, .stem = "n"};
    if (depth == 0)
        return build_node(&b, OP_Add, 2, (struct value *[]){x, w}, 1)->out[0];
    struct graph *yes = graph_new(g->model, g), *no = graph_new(g->model, g);
    yes->name = no->name = "branch";
    struct value *inner = nest(yes, p, x, w, depth - 1);
    struct build in = {.graph = yes, .stem = "n"};
    struct value *sum = build_node(&in, OP_Add, 2, (struct value *[]){inner, w}, 1)->out[0];
    graph_add_output(yes, sum, sum->name);
    graph_add_output(no, x, x->name);
    struct node *n = build_node(&b, OP_If, 1, &p, 1);
    struct attr *a = NEW_ARRAY(g->model->arena, 2, struct attr);
    a[0] = (struct attr){.name = "then_branch", .kind = ATTR_GRAPH, .g = yes};
    a[1] = (struct attr){.name = "else_branch", .kind = ATTR_GRAPH, .g = no};
    n->attr = a;
    n->n_attr = 2;
    return n->out[0];
}

static struct model *deep_model(int depth, int times)
{
    struct model *m = model_new("deep.onnx");
    m->ir_version = 8;
    model_set_opset(m, "", 16);
    struct value *p = graph_add_input(m->graph, "p"), *x = graph_add_input(m->graph, "x");
    const float one = 1;
    struct build b = {.graph = m->graph, .stem = "n"};
    struct value *w = build_constant(&b, "w", tensor_from_f32(m->arena, &one, 1));
    for (int i = 0; i < times; i++)
        x = nest(m->graph, p, x, w, depth);
    graph_add_output(m->graph, x, "y");
    return m;
}

static void run_deep(struct model *m, float want)
{
    struct fixture f = {.m = m};
    open_with(&f, (struct exec_options){.mode = EXEC_FLOAT});
    run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_BOOL, 1), FLOATS(&f, 0)});
    ASSERT_FLOATS(run_output(f.run, 0), want);
    run_ok(&f, (const struct tensor *[]){number(&f, DTYPE_BOOL, 0), FLOATS(&f, 5)});
    ASSERT_FLOATS(run_output(f.run, 0), 5);
    fixture_free(&f);
}

static void bodies_can_be_a_hundred_deep(void **state)
{
    (void)state;
    struct model *m = deep_model(100, 1);
    struct str bytes = {0};
    struct err err;
    assert_int_equal(onnx_write_bytes(m, NULL, &bytes, &err), 0);
    model_close(m);
    m = onnx_read_bytes(bytes.text, bytes.n, "deep.onnx", &err);
    if (!m)
        fail_msg("%s", err.text);
    str_release(&bytes);
    run_deep(m, 101);
}

/* Ten thousand nodes and as many again in bodies; what were quadratic would take minutes. */
static void there_can_be_thousands_of_bodies(void **state)
{
    (void)state;
    run_deep(deep_model(1, 10000), 20000);
    run_deep(deep_model(99, 100), 10000);
}

/* An operator whose body only it can run says so itself. */
static void a_body_of_another_operator_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct model *m = text_model(
        "opset 26 domain ai.onnx.preview 1 g (float[1,1,2,4] q) => (float[...] y)\n"
        "{ y = ai.onnx.preview.FlexAttention(q, q, q)"
        " <score_mod = f (float s) => (float t) { t = Neg(s) }> }");
    struct exec_options o = {.mode = EXEC_FLOAT};
    struct exec *x = exec_open(m->graph, &o, &err);
    assert_non_null(x);
    struct run *r = run_open(x);
    struct arena a = {0};
    struct shape s = {4, {1, 1, 2, 4}};
    const struct tensor *q = tensor_new(&a, DTYPE_F32, &s);
    assert_int_equal(run_sample(r, &q, &err), -1);
    assert_non_null(strstr(err.text, "score_mod"));
    run_close(r);
    exec_close(x);
    model_close(m);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_branch_has_what_is_around_it),
        cmocka_unit_test(a_loop_ends_by_count_or_condition),
        cmocka_unit_test(the_shape_of_a_state_may_grow),
        cmocka_unit_test(a_scan_slices_along_any_axis),
        cmocka_unit_test(a_scan_of_opset_8_has_a_batch),
        cmocka_unit_test(sequences_go_through_loops),
        cmocka_unit_test(a_sequence_does_not_copy_itself_to_grow),
        cmocka_unit_test(sequences_are_no_tensors),
        cmocka_unit_test(watchers_see_each_iteration),
        cmocka_unit_test(values_in_bodies_are_rounded),
        cmocka_unit_test(what_cannot_run_inside_is_named),
        cmocka_unit_test(a_mistake_in_the_other_branch_is_no_mistake),
        cmocka_unit_test(bodies_that_do_not_fit_are_refused),
        cmocka_unit_test(the_number_of_workers_changes_nothing),
        cmocka_unit_test(bodies_can_be_a_hundred_deep),
        cmocka_unit_test(there_can_be_thousands_of_bodies),
        cmocka_unit_test(a_body_of_another_operator_is_refused),
    };
    return cmocka_run_group_tests_name("exec_body", tests, NULL, NULL);
}
