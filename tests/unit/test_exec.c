/* SPDX-License-Identifier: Apache-2.0
 *
 * exec on small graphs: steps as a whole, threads, layouts, values that wait, and what it says
 * where it cannot run.
 */
#include "exec_fixture.h"
#include "op.h"
#include "str.h"
#include "threads.h"

#include <string.h>

static void count_value(void *data, const struct value *v, const struct tensor *t)
{
    assert_non_null(t->data);
    ++((int *)data)[v->id];
}

static void the_watcher_sees_each_wanted_value_once(void **state)
{
    (void)state;
    struct fixture f = fixture_new(block());
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
    struct fixture f = fixture_new(block());
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
    struct fixture f = fixture_new(block());
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

/* A convolution, whose channels are axis 1, and a product, whose channels are the last; with biases
 * of 0 and of 2^-4 and so on, which are exact. */
static struct fixture biased(bool shifted)
{
    const char *numbers = shifted ? "float[3] b = {.0625, -.5, 2}, float[2] k = {4, -1}"
                                  : "float[3] b = {0, 0, 0}, float[2] k = {0, 0}";
    struct str text = {0};
    str_printf(&text, "opset 13 g (float[1,2,4,4] x) => (float[...] s, float[...] c) <%s,"
               " float[3,2,3,3] w = random(1), float[12,2] v = random(2)>"
               "{ c = Conv(x, w, b) r = Relu(c) f = Flatten(r) m = MatMul(f, v) s = Add(m, k) }",
               numbers);
    struct fixture f = fixture_new(text.text);
    str_release(&text);
    return f;
}

/* Steps until a value waits, which is neither read nor the end before it is shifted. */
static void shift_next(struct fixture *f, struct run *r, const struct value *v, int axis,
                       const float *by, const int *seen)
{
    int before = seen[v->id];
    run_hold(r, v);
    while (seen[v->id] == before)
        assert_int_equal(run_step(r, &f->err), 1);
    assert_int_equal(run_shift(r, axis, by, &f->err), 0);
}

static void values_wait_and_are_shifted(void **state)
{
    (void)state;
    struct fixture f = biased(false), g = biased(true);
    const struct tensor *in[] = {image(&f.arena, 2, 4)};
    const struct node *result = f.m->graph->result;
    int *seen = NEW_ARRAY(&f.arena, f.m->n_values, int);
    struct exec *e = open_exec(&f, exec_want_all(&f.arena, f.m)), *to = open_exec(&g, NULL);
    struct run *r = run_open(e), *want = run_open(to);
    run_one(want, in[0], &g.err);
    run_watch(r, count_value, seen);
    for (int i = 0; i < 2; i++) { /* once more, since nothing must be left of it */
        assert_int_equal(run_begin(r, in, &f.err), 0);
        shift_next(&f, r, result->in[1].value, 1, (const float[]){.0625f, -.5f, 2}, seen);
        shift_next(&f, r, result->in[0].value, -1, (const float[]){4, -1}, seen);
        assert_int_equal(run_step(r, &f.err), 0);
        for (int k = 0; k < 2; k++)
            assert_close(run_output(r, k), run_output(want, k));
    }
    run_close(r);
    run_close(want);
    exec_close(e);
    exec_close(to);
    fixture_free(&f);
    fixture_free(&g);
}

/* What is rounded is the shifted number: 2.2 gives 2, but 2.2 + .5 gives 3. */
static void what_waits_is_rounded_behind(void **state)
{
    (void)state;
    struct fixture f = fixture_new("opset 13 g (float[1,1,2,2] x) => (float[...] y)"
                                   "{ n = Neg(x) y = Abs(n) }");
    struct value *n = f.m->graph->first->out[0];
    float step = 1;
    int32_t zero = 128;
    struct quant q = {.type = {.dtype = DTYPE_U8}, .n = 1, .scale = &step, .zero = &zero};
    int *seen = NEW_ARRAY(&f.arena, f.m->n_values, int);
    n->quant = &q;
    struct exec_options o = {.mode = EXEC_SIMULATE, .want = exec_want_all(&f.arena, f.m)};
    struct exec *e = exec_open(f.m->graph, &o, &f.err);
    struct run *r = run_open(e);
    run_watch(r, count_value, seen);
    struct tensor *x = tensor_new(&f.arena, DTYPE_F32, &(struct shape){4, {1, 1, 2, 2}});
    for (int i = 0; i < 4; i++)
        tensor_f32(x)[i] = -2.2f;
    const struct tensor *in[] = {x};
    assert_int_equal(run_begin(r, in, &f.err), 0);
    shift_next(&f, r, n, 1, (const float[]){.5f}, seen);
    assert_int_equal(run_step(r, &f.err), 0);
    for (int i = 0; i < 4; i++)
        assert_true(tensor_f32(run_output(r, 0))[i] == 3);
    run_close(r);
    exec_close(e);
    n->quant = NULL;
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
    struct fixture f = fixture_new(block());
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

static void count_nodes(void *data, const struct step_cost *c)
{
    *(int *)data += c->n_nodes;
}

static void note_seen(void *data, const struct value *v, const struct tensor *t)
{
    (void)v;
    *(float *)data = tensor_f32(t)[0];
}

/* The output nobody waits for, and what only it needs, is not computed. */
static void no_more_than_is_wanted(void **state)
{
    (void)state;
    struct fixture f = fixture_new("opset 13\n"
                                   "g (float[1,1,1,1] x) => (float[...] y, float[...] z)\n"
                                   "{ a = Exp(x)  b = Neg(a)  y = Abs(b)  z = Identity(x) }");
    bool *want = NEW_ARRAY(&f.arena, f.m->n_values, bool);
    want[f.m->graph->first->out[0]->id] = true;
    for (int only = 0; only < 2; only++) {
        struct exec_options o = {.want = want, .only_wanted = only};
        struct exec *e = exec_open(f.m->graph, &o, &f.err);
        struct run *r = run_open(e);
        float seen = 0;
        int nodes = 0;
        run_watch(r, note_seen, &seen);
        run_measure(r, count_nodes, &nodes);
        run_one(r, image(&f.arena, 1, 1), &f.err);
        assert_true(seen == 1);
        assert_int_equal(nodes, only ? 1 : 4);
        assert_true((run_output(r, 0) == NULL) == only && (run_output(r, 1) == NULL) == only);
        run_close(r);
        exec_close(e);
    }
    fixture_free(&f);
}

static void wrong_inputs_are_named(void **state)
{
    (void)state;
    struct fixture f = fixture_new(block());
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
        cmocka_unit_test(the_watcher_sees_each_wanted_value_once),
        cmocka_unit_test(steps_in_turns_give_what_a_whole_run_gives),
        cmocka_unit_test(peeking_leaves_everything_as_it_was),
        cmocka_unit_test(values_wait_and_are_shifted),
        cmocka_unit_test(what_waits_is_rounded_behind),
        cmocka_unit_test(the_number_of_workers_changes_nothing),
        cmocka_unit_test(an_operator_may_write_over_its_input),
        cmocka_unit_test(shapes_are_computed_from_data),
        cmocka_unit_test(what_cannot_run_is_told_at_once),
        cmocka_unit_test(no_more_than_is_wanted),
        cmocka_unit_test(wrong_inputs_are_named),
        cmocka_unit_test(errors_name_the_node),
        cmocka_unit_test(an_input_that_is_left_out_is_named),
        cmocka_unit_test(empty_tensors_pass_through),
    };
    return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
