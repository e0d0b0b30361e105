/* SPDX-License-Identifier: Apache-2.0
 *
 * carry: samples as a sequence. The model counts: t = s + x is carried into s, y = 10 t.
 */
#include "carry.h"
#include "npz.h"
#include "onnx.h"
#include "sample.h"
#include "samples.h"
#include "text.h"

static const char counter[] =
    "ir 8 opset 13 g (float[N,2] x, float[N,2] s) => (float[1,2] y, float[1,2] t)"
    "<float ten = {10}> { t = Add(x, s) y = Mul(t, ten) }";

static const struct tensor *pair(struct fixture *f, double a, double b)
{
    struct tensor *t = tensor_new(&f->arena, DTYPE_F32, &(struct shape){2, {1, 2}});
    dtype_store(DTYPE_F32, t->data, 0, a);
    dtype_store(DTYPE_F32, t->data, 1, b);
    return t;
}

/* Sample i is {i + 1, 0}; where s is not NULL, it gives the state as well. */
static void write_step(struct fixture *f, int i, const struct tensor *s)
{
    struct err err = {0};
    const char *path = temp_path(&f->arena, f->dir, arena_printf(&f->arena, "d/%02d.npz", i));
    struct npz_out *z = npz_create(path, &err);
    assert_int_equal(npz_add(z, "x", pair(f, i + 1, 0), &err), 0);
    if (s)
        assert_int_equal(npz_add(z, "s", s, &err), 0);
    assert_int_equal(npz_commit(z, &err), 0);
}

static struct dataset *open_carried(struct fixture *f, const struct model *m, const char *carry,
                                    int samples, struct err *err)
{
    struct dataset_options o = {.path = temp_path(&f->arena, f->dir, "d"), .samples = samples};
    o.carry.at[o.carry.n++] = carry;
    return dataset_open(m->graph, &o, err);
}

enum { MOST = 16 };
struct seen {
    float t[MOST], watched[MOST]; /* by sample asked for */
    int n_done, n_watched, n_merged;
};

static void on_watch(void *data, int worker, int i, const struct value *v, const struct tensor *t)
{
    struct seen *s = data;
    assert_int_equal(worker, 0);
    if (!strcmp(v->name, "t")) {
        s->watched[i] = tensor_f32(t)[0];
        s->n_watched++;
    }
}

static void on_done(void *data, int worker, int i, const struct run *r)
{
    struct seen *s = data;
    (void)worker;
    s->t[i] = tensor_f32(run_output(r, 1))[0];
    s->n_done++;
}

static void on_merge(void *data, int worker, int i)
{
    struct seen *s = data;
    (void)worker;
    assert_int_equal(i, s->n_merged++);
}

static struct exec *open_exec(struct fixture *f, const struct model *m)
{
    struct err err = {0};
    struct exec_options o = {.want = exec_want_all(&f->arena, m)};
    struct exec *x = exec_open(m->graph, &o, &err);
    assert_non_null(x);
    return x;
}

static struct seen run_steps(struct fixture *f, const struct model *m, const struct dataset *d,
                             const int *index, int n)
{
    struct err err = {0};
    struct seen s = {.n_done = 0};
    struct samples_hooks hooks = {.watch = on_watch, .done = on_done, .merge = on_merge};
    struct exec *x = open_exec(f, m);
    assert_int_equal(samples_run(x, d, index, n, 4, &hooks, &s, &err), 0);
    exec_close(x);
    assert_int_equal(s.n_done, n);
    assert_int_equal(s.n_watched, n);
    assert_int_equal(s.n_merged, n);
    return s;
}

static void each_sample_starts_where_the_last_ended(void **state)
{
    struct fixture *f = *state;
    struct model *m = text_model(counter);
    struct err err = {0};
    for (int i = 0; i < 6; i++)
        write_step(f, i, NULL);
    struct dataset *d = open_carried(f, m, "t=s", 0, &err);
    assert_int_equal(dataset_count(d), 6);
    struct seen s = run_steps(f, m, d, (int[]){0, 1, 2, 3, 4, 5}, 6);
    for (int i = 0; i < 6; i++)
        assert_true(s.t[i] == (float)(i + 1) * (float)(i + 2) / 2 && s.watched[i] == s.t[i]);
    s = run_steps(f, m, d, (int[]){1, 4}, 2); /* the others run too, but nobody sees them */
    assert_true(s.t[0] == 3 && s.t[1] == 15);
    assert_true(s.watched[0] == 3 && s.watched[1] == 15);
    dataset_close(d);
    d = open_carried(f, m, "t=s", 3, &err);
    assert_string_equal(dataset_summary(d), "the first 3 of 6 .npz files");
    assert_string_equal(dataset_name(d, 2), "02.npz");
    dataset_close(d);
    model_close(m);
}

static void a_state_in_a_file_wins(void **state)
{
    struct fixture *f = *state;
    struct model *m = text_model(counter);
    struct err err = {0};
    for (int i = 0; i < 5; i++)
        write_step(f, i, i == 0 ? pair(f, 100, 0) : i == 3 ? pair(f, 1000, 0) : NULL);
    struct dataset *d = open_carried(f, m, "t=s", 0, &err);
    struct seen s = run_steps(f, m, d, (int[]){0, 1, 2, 3, 4}, 5);
    assert_true(s.t[0] == 101 && s.t[1] == 103 && s.t[2] == 106);
    assert_true(s.t[3] == 1004 && s.t[4] == 1009);
    dataset_close(d);
    model_close(m);
}

static int keep_fed(void *data, int i, const struct tensor *const *input, struct err *err)
{
    float (*fed)[2] = data;
    (void)err;
    for (int k = 0; k < 2; k++)
        fed[i][k] = tensor_f32(input[k])[0];
    return 0;
}

static void inputs_have_the_state(void **state)
{
    struct fixture *f = *state;
    struct model *m = text_model(counter);
    struct err err = {0};
    for (int i = 0; i < 5; i++)
        write_step(f, i, NULL);
    struct dataset *d = open_carried(f, m, "t=s", 0, &err);
    struct exec *x = open_exec(f, m);
    float fed[2][2];
    assert_int_equal(samples_feed(x, d, (int[]){0, 4}, 2, keep_fed, fed, &err), 0);
    exec_close(x);
    dataset_close(d);
    assert_true(fed[0][0] == 1 && fed[0][1] == 0);
    assert_true(fed[1][0] == 5 && fed[1][1] == 10);
    model_close(m);
}

static void fails_to_open(struct fixture *f, const struct model *m, const char *carry,
                          const char *text)
{
    struct err err = {0};
    assert_null(open_carried(f, m, carry, 0, &err));
    assert_string_equal(err.text, text);
}

static void fails_to_run(struct fixture *f, const char *source, const char *text)
{
    struct model *m = text_model(source);
    struct err err = {0};
    struct dataset *d = open_carried(f, m, "t=s", 0, &err);
    struct exec *x = open_exec(f, m);
    struct samples_hooks hooks = {.progress = NULL};
    assert_int_equal(samples_run(x, d, (int[]){0}, 1, 1, &hooks, NULL, &err), -1);
    assert_string_equal(err.text, text);
    exec_close(x);
    dataset_close(d);
    model_close(m);
}

static void misfits_name_both(void **state)
{
    struct fixture *f = *state;
    struct model *m = text_model(counter);
    write_step(f, 0, NULL);
    fails_to_open(f, m, "t", "--carry: 't' is not OUTPUT=INPUT");
    fails_to_open(f, m, "z=s", "--carry z=s: the model has no output 'z'");
    fails_to_open(f, m, "t=z", "--carry t=z: no input 'z'; the model's inputs are 'x' and 's'");
    model_close(m);
    fails_to_run(f,
                 "ir 8 opset 13 g (float[N,2] x, float[N,2] s) => (float[4] t)"
                 "<int64[1] f = {-1}> { a = Concat <axis = 0> (x, s) t = Reshape(a, f) }",
                 "00.npz: output 't' (float[4]) cannot be carried into input 's' (float[?,2])");
    fails_to_run(f,
                 "ir 8 opset 13 g (float[N,2] x, float[N,2] s) => (int32[1,2] t)"
                 "{ a = Add(x, s) t = Cast <to = 6> (a) }",
                 "00.npz: output 't' (int32[1,2]) cannot be carried into input 's' (float[?,2])");
}

static void other_forms_leave_the_state_out(void **state)
{
    struct fixture *f = *state;
    struct model *m = text_model(counter);
    struct err err = {0};
    for (int i = 0; i < 2; i++) {
        const char *path = arena_printf(&f->arena, "d/test_data_set_%d/input_0.pb", i);
        assert_int_equal(onnx_write_tensor(pair(f, 7 * (i + 1), 0), "",
                                           temp_path(&f->arena, f->dir, path), &err), 0);
    }
    struct dataset *d = open_carried(f, m, "t=s", 0, &err);
    struct seen s = run_steps(f, m, d, (int[]){0, 1}, 2);
    assert_true(s.t[0] == 7 && s.t[1] == 21);
    dataset_close(d);

    struct dataset_options o = {.path = "random", .samples = 2};
    o.carry.at[o.carry.n++] = "t=s";
    const struct dataset_carry *carry;
    const struct tensor *input[2];
    d = dataset_open(m->graph, &o, &err);
    assert_int_equal(dataset_carries(d, &carry), 1);
    assert_string_equal(carry->output, "t");
    assert_int_equal(dataset_read(d, 1, m->graph, &f->arena, input, &err), 0);
    assert_ptr_equal(input[1], carry->start);
    dataset_close(d);
    model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_sample_starts_where_the_last_ended),
        TEST(a_state_in_a_file_wins),
        TEST(inputs_have_the_state),
        TEST(misfits_name_both),
        TEST(other_forms_leave_the_state_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
