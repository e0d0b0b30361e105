/* SPDX-License-Identifier: Apache-2.0
 *
 * test_dataset: every form of data but images, and what is said where data and model do not fit.
 */
#include "npy.h"
#include "npz.h"
#include "onnx.h"
#include "sample.h"
#include "threads.h"

#include <math.h>

/* 0, 1, 2, ... plus `start`. */
static struct tensor *counting(struct fixture *f, enum dtype dtype, double start, int rank,
                               const int64_t *dim)
{
    struct shape s = shape_of(rank, dim);
    struct tensor *t = tensor_new(&f->arena, dtype, &s);
    for (int64_t i = 0; i < tensor_count(t); i++)
        dtype_store(dtype, t->data, i, start + (double)i);
    return t;
}
#define COUNTING(f, dtype, start, ...)                                                             \
    counting(f, dtype, start, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),           \
             (int64_t[]){__VA_ARGS__})

static void write_npy(struct fixture *f, const char *name, const struct tensor *t)
{
    struct str s = {0}, made = {0};
    size_t size;
    npy_header(t, &s);
    const void *body = npy_body(t, &made, &size);
    str_add_n(&s, body, size);
    temp_write(temp_path(&f->arena, f->dir, name), s.text, s.n);
    str_release(&s);
    str_release(&made);
}

/* Up to two arrays; the second may be NULL. */
static void write_npz(struct fixture *f, const char *name, const char *key0,
                      const struct tensor *t0, const char *key1, const struct tensor *t1)
{
    struct err err = {0};
    struct npz_out *z = npz_create(temp_path(&f->arena, f->dir, name), &err);
    assert_non_null(z);
    assert_int_equal(npz_add(z, key0, t0, &err), 0);
    if (t1)
        assert_int_equal(npz_add(z, key1, t1, &err), 0);
    assert_int_equal(npz_commit(z, &err), 0);
}

static void npz_files_are_samples(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, -1, 2, 3);
    INPUT(f, "ids", DTYPE_I64, -1, -1);
    write_npz(f, "d/b.npz", "ids", COUNTING(f, DTYPE_I32, 5, 1, 4), "x",
              COUNTING(f, DTYPE_F64, 10, 2, 3));
    write_npz(f, "d/a.npz", "x", COUNTING(f, DTYPE_U8, 0, 1, 2, 3), "ids",
              COUNTING(f, DTYPE_I64, 0, 1, 2));
    temp_write(temp_path(&f->arena, f->dir, "d/labels.txt"), "", 0);
    struct dataset *d = open_data(f, "d", NULL, 0);
    assert_int_equal(dataset_count(d), 2);
    assert_string_equal(dataset_summary(d), "2 .npz files");
    assert_string_equal(dataset_name(d, 1), "b.npz");
    assert_false(dataset_is_random(d));
    const struct tensor *x = read_input(f, d, 1, 0), *ids = read_input(f, d, 1, 1);
    assert_int_equal(x->dtype, DTYPE_F32);
    assert_true(shape_equal(&x->shape, &(struct shape){3, {1, 2, 3}}));
    assert_true(tensor_get(x, 5) == 15);
    assert_int_equal(ids->dtype, DTYPE_I64);
    assert_true(tensor_get(ids, 3) == 8);
    assert_true(tensor_get(read_input(f, d, 0, 0), 4) == 4);
    dataset_close(d);
}

static void constant_inputs_are_not_fed(void **state)
{
    struct fixture *f = *state;
    graph_add_input(f->model->graph, "w")->constant = COUNTING(f, DTYPE_F32, 0, 2);
    INPUT(f, "x", DTYPE_F32, 3);
    write_npz(f, "a.npz", "x", COUNTING(f, DTYPE_F32, 0, 1, 3), NULL, NULL);
    struct dataset *d = open_data(f, "a.npz", NULL, 0);
    assert_null(read_input(f, d, 0, 0));
    assert_int_equal(tensor_count(read_input(f, d, 0, 1)), 3);
    dataset_close(d);
}

static void inputs_are_found_by_name_later(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, 3);
    INPUT(f, "y", DTYPE_F32, 3);
    write_npz(f, "a.npz", "x", COUNTING(f, DTYPE_F32, 0, 3), "y", COUNTING(f, DTYPE_F32, 5, 3));
    struct dataset *d = open_data(f, "a.npz", NULL, 0);
    f->model->graph->input[0] = f->model->graph->input[1]; /* a pass found x unused */
    f->model->graph->n_input = 1;
    assert_true(tensor_get(read_input(f, d, 0, 0), 0) == 5);
    dataset_close(d);
}

static void misfits_name_file_and_input(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, -1, 3, 224, 224);
    write_npz(f, "d/00007.npz", "x", COUNTING(f, DTYPE_F32, 0, 1, 3, 32, 32), NULL, NULL);
    refuses(f, "d", NULL,
            "d/00007.npz: input 'x': expected float[?,3,224,224], got float[1,3,32,32]");
    write_npz(f, "d/00007.npz", "y", COUNTING(f, DTYPE_F32, 0, 1), NULL, NULL);
    refuses(f, "d", NULL,
            "d/00007.npz: array 'y' is not an input of the model; the model's input is 'x'");
    INPUT(f, "y", DTYPE_U8, 2);
    refuses(f, "d", NULL,
            "d/00007.npz: no array 'x'; the model's inputs are 'x' and 'y'");
}

static void values_that_would_change_are_refused(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_U8, -1);
    write_npz(f, "a.npz", "x", COUNTING(f, DTYPE_I32, 250, 6), NULL, NULL);
    struct dataset *d = open_data(f, "a.npz", NULL, 0);
    assert_true(tensor_get(read_input(f, d, 0, 0), 5) == 255);
    dataset_close(d);
    write_npz(f, "a.npz", "x", COUNTING(f, DTYPE_I32, 250, 7), NULL, NULL);
    refuses(f, "a.npz", NULL, "a.npz: input 'x': element 6 of the int32 data is 256, which uint8 "
                              "cannot hold");
    write_npz(f, "a.npz", "x", COUNTING(f, DTYPE_F32, 0, 7), NULL, NULL);
    refuses(f, "a.npz", NULL, "a.npz: input 'x': expected uint8[?], got float[7]");
    struct value *v = f->model->graph->input[0];
    v->type.dtype = DTYPE_F32;
    write_npz(f, "a.npz", "x", COUNTING(f, DTYPE_I64, 16777216, 2), NULL, NULL);
    refuses(f, "a.npz", NULL, "a.npz: input 'x': element 1 of the int64 data is 16777217, which "
                              "float cannot hold");
    write_npz(f, "a.npz", "x", COUNTING(f, DTYPE_F64, 1e300, 2), NULL, NULL);
    refuses(f, "a.npz", NULL,
            "a.npz: input 'x': element 0 of the double data is 1.0000000000000001e+300, which "
            "float cannot hold");
    write_npz(f, "a.npz", "x", COUNTING(f, DTYPE_F32, NAN, 2), NULL, NULL);
    refuses(f, "a.npz", NULL, "a.npz: input 'x': there are NaN or infinite elements");
}

static void a_stack_has_a_sample_a_row(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, -1, 2, 2);
    write_npy(f, "x.npy", COUNTING(f, DTYPE_F32, 0, 10, 2, 2));
    struct dataset *d = open_data(f, "x.npy", NULL, 4);
    assert_string_equal(dataset_summary(d), "4 of 10 rows");
    static const int rows[4] = {0, 2, 5, 7};
    for (int i = 0; i < 4; i++) {
        const struct tensor *x = read_input(f, d, i, 0);
        assert_true(shape_equal(&x->shape, &(struct shape){3, {1, 2, 2}}));
        assert_true(tensor_get(x, 0) == rows[i] * 4);
    }
    assert_string_equal(dataset_name(d, 1), "x.npy[2]");
    dataset_close(d);
    write_npy(f, "x.npy", COUNTING(f, DTYPE_F32, 0, 2, 2));
    refuses(f, "x.npy", NULL, "x.npy: input 'x' is [?,2,2] and axis 0 of the file counts samples, "
                              "but the file has [2,2]");
}

/* A model for batches of 5 gets them from a stack of batches, and from nothing else. */
static void a_fixed_batch_must_be_there(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, 5, 2);
    write_npy(f, "x.npy", COUNTING(f, DTYPE_F32, 0, 3, 5, 2));
    struct dataset *d = open_data(f, "x.npy", NULL, 0);
    assert_true(shape_equal(&read_input(f, d, 2, 0)->shape, &(struct shape){2, {5, 2}}));
    dataset_close(d);
    write_npy(f, "x.npy", COUNTING(f, DTYPE_F32, 0, 15, 2));
    refuses(f, "x.npy", NULL, "x.npy[0]: input 'x': expected float[5,2], got float[1,2]");
}

static void stacks_are_named_after_inputs(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, 1, 2);
    INPUT(f, "mask", DTYPE_BOOL, 1, 2);
    write_npy(f, "d/x.npy", COUNTING(f, DTYPE_F32, 0, 3, 2));
    refuses(f, "d", NULL, "d: no file 'mask.npy'; the model's inputs are 'x' and 'mask'");
    write_npy(f, "d/mask.npy", COUNTING(f, DTYPE_U8, 0, 1, 2));
    refuses(f, "d", NULL, "d: 1 samples for input 'mask', but 3 for 'x'");
    write_npy(f, "d/x.npy", COUNTING(f, DTYPE_F32, 0, 1, 2));
    struct dataset *d = open_data(f, "d", NULL, 0);
    assert_int_equal(read_input(f, d, 0, 1)->dtype, DTYPE_BOOL);
    dataset_close(d);
    write_npy(f, "d/y.npy", COUNTING(f, DTYPE_F32, 0, 1, 2));
    refuses(f, "d", NULL,
            "d/y.npy: not named after an input; the model's inputs are 'x' and 'mask'");
}

static void test_data_sets_are_read(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    INPUT(f, "x", DTYPE_F32, 2);
    INPUT(f, "y", DTYPE_F32, 2);
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < 2; i++) { /* the second set names its tensors, in the other order */
            const char *path = arena_printf(&f->arena, "d/test_data_set_%d/input_%d.pb", s, i);
            const char *name = s ? (i ? "x" : "y") : "";
            assert_int_equal(onnx_write_tensor(COUNTING(f, DTYPE_F32, i * 10, 2), name,
                                               temp_path(&f->arena, f->dir, path), &err), 0);
        }
    struct dataset *d = open_data(f, "d", NULL, 0);
    assert_string_equal(dataset_summary(d), "2 test data sets");
    assert_true(tensor_get(read_input(f, d, 0, 1), 0) == 10);
    assert_true(tensor_get(read_input(f, d, 1, 1), 0) == 0);
    dataset_close(d);
    d = open_data(f, "d/test_data_set_1", NULL, 0);
    assert_string_equal(dataset_summary(d), "1 test data set");
    assert_true(tensor_get(read_input(f, d, 0, 0), 0) == 10);
    dataset_close(d);
}

static void random_data_is_normal_and_the_same(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, -1, 50000);
    INPUT(f, "n", DTYPE_I64, 2);
    struct err err = {0};
    struct dataset_options o = {.path = "random", .samples = 3};
    struct dataset *d = dataset_open(f->model->graph, &o, &err);
    assert_true(dataset_is_random(d));
    assert_string_equal(dataset_summary(d), "3 random samples");
    const struct tensor *x = read_input(f, d, 2, 0);
    assert_memory_equal(x->data, read_input(f, d, 2, 0)->data, x->size);
    assert_memory_not_equal(x->data, read_input(f, d, 1, 0)->data, x->size);
    double sum = 0, sum2 = 0;
    for (int i = 0; i < 50000; i++) {
        sum += tensor_get(x, i) / 50000;
        sum2 += tensor_get(x, i) * tensor_get(x, i) / 50000;
    }
    assert_true(fabs(sum) < .02 && fabs(sum2 - 1) < .02);
    assert_true(tensor_get(read_input(f, d, 0, 1), 1) == 0);
    dataset_close(d);
    f->model->graph->input[0]->type.shape.dim[1] = -1;
    assert_null(dataset_open(f->model->graph, &o, &err));
    assert_string_equal(err.text, "random data: input 'x' is [1,?]: only the first axis may be of "
                                  "unknown length; give real data or fix the shape of the input");
}

static void unclear_directories_are_refused(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, 2);
    static const char accepted[] =
        "accepted are a directory of .npz files, a .npz or .npy file, a directory of .npy files "
        "named after the inputs, test_data_set_* directories, or a directory of images";
    temp_path(&f->arena, f->dir, "d/");
    refuses(f, "d", NULL,
            arena_printf(&f->arena, "d: the directory is empty; %s", accepted));
    temp_write(temp_path(&f->arena, f->dir, "d/a.csv"), "", 0);
    refuses(f, "d", NULL,
            arena_printf(&f->arena, "d: no data found among 1 files ('a.csv'); %s", accepted));
    refuses(f, "d/a.csv", NULL,
            arena_printf(&f->arena, "d/a.csv: not a form of data that is known; %s", accepted));
    refuses(f, "none", NULL, "none: no such file or directory");
    write_npy(f, "d/x.npy", COUNTING(f, DTYPE_F32, 0, 0, 2));
    refuses(f, "d", NULL, "d: there are no samples");
    temp_write(temp_path(&f->arena, f->dir, "d/b.png"), "", 0);
    refuses(f, "d", NULL,
            "d: there are images and .npy files; put each into a directory of its own");
    temp_write(temp_path(&f->arena, f->dir, "d/x.npy"), "\x93NUMPY", 6);
    refuses(f, "d/x.npy", NULL, "d/x.npy: not a .npy file");
}

struct parallel {
    const struct dataset *dataset;
    const struct graph *graph;
};

static void read_in_worker(void *data, int item, int worker)
{
    (void)worker;
    const struct parallel *p = data;
    struct arena a = {0};
    struct err err = {0};
    const struct tensor *t[1];
    assert_int_equal(dataset_read(p->dataset, item, p->graph, &a, t, &err), 0);
    assert_true(tensor_get(t[0], 0) == item);
    arena_release(&a);
}

static void samples_are_read_by_many_threads(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, -1, 100);
    for (int i = 0; i < 40; i++)
        write_npz(f, arena_printf(&f->arena, "d/%02d.npz", i), "x",
                  COUNTING(f, DTYPE_F32, i, 100), NULL, NULL);
    struct dataset *d = open_data(f, "d", NULL, 0);
    threads_for(4, 40, read_in_worker, &(struct parallel){d, f->model->graph});
    dataset_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(npz_files_are_samples),
        TEST(constant_inputs_are_not_fed),
        TEST(inputs_are_found_by_name_later),
        TEST(misfits_name_file_and_input),
        TEST(values_that_would_change_are_refused),
        TEST(a_stack_has_a_sample_a_row),
        TEST(a_fixed_batch_must_be_there),
        TEST(stacks_are_named_after_inputs),
        TEST(test_data_sets_are_read),
        TEST(random_data_is_normal_and_the_same),
        TEST(unclear_directories_are_refused),
        TEST(samples_are_read_by_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
