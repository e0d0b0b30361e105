/* SPDX-License-Identifier: Apache-2.0
 *
 * test_onnx_external: data beside the model. Where it may lie, what is said when it is not there,
 * and what becomes of it when the model is written into the same or another directory.
 */
#include "file.h"
#include "onnx.h"
#include "temp.h"
#include "unit.h"
#include "wire.h"

#include <stdio.h>
#include <unistd.h>

enum { N = 512 }; /* floats in the file: 2048 bytes */

static struct arena paths;
static const char *dir;

static const char *in_dir(const char *name)
{
    return temp_path(&paths, dir, name);
}

static void put_file(const char *name, const void *bytes, size_t n)
{
    temp_write(in_dir(name), bytes, n);
}

static int set_up(void **state)
{
    (void)state;
    float v[N];
    for (int i = 0; i < N; i++)
        v[i] = (float)i;
    dir = temp_make(&paths);
    put_file("m/weights", v, sizeof v);
    put_file("secret", v, sizeof v);
    in_dir("other/");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_remove(dir);
    arena_release(&paths);
    return 0;
}

static struct wire entry(struct wire t, const char *key, const char *value)
{
    struct wire e = wire_text(wire_text((struct wire){0}, 1, key), 2, value);
    return wire_add(t, TENSOR_EXTERNAL, e);
}

/* Constant "c" of this many floats, its data in a file; NULL: the entry is left out. */
static void put_model(int64_t n, const char *location, const char *offset, const char *length)
{
    struct wire t = wire_text(wire_tensor(1, 1, &n), TENSOR_NAME, "c");
    t = location ? entry(t, "location", location) : t;
    t = offset ? entry(t, "offset", offset) : t;
    t = length ? entry(t, "length", length) : t;
    t = wire_int(t, TENSOR_LOCATION, 1);
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("Add", "", "x,c", "y"));
    g = wire_ends(wire_add(g, GRAPH_INITIALIZER, t), "x", "y");
    struct wire m = wire_model(8, 13, g);
    put_file("m/model.onnx", m.at, m.n);
}

static struct model *read_file(const char *name)
{
    struct err err = {0};
    struct model *m = onnx_read(in_dir(name), &err);
    if (!m)
        fail_msg("%s", err.text);
    return m;
}

static void refuses(const char *what)
{
    struct err err = {0};
    char want[400];
    snprintf(want, sizeof want, "%s: initializer 'c': %s", in_dir("m/model.onnx"), what);
    assert_null(onnx_read(in_dir("m/model.onnx"), &err));
    assert_string_equal(err.text, want);
}

static void check_constant(struct model *m, int64_t n, int first)
{
    const struct tensor *t = m->graph->constant[0]->constant;
    assert_int_equal(tensor_count(t), n);
    for (int i = 0; i < n; i++)
        assert_true(tensor_f32(t)[i] == (float)(first + i));
}

static void test_read(void **state)
{
    (void)state;
    struct model *m;
    put_model(N, "weights", NULL, NULL);
    m = read_file("m/model.onnx");
    check_constant(m, N, 0);
    model_close(m);
    put_model(4, "./weights", "64", "16");
    m = read_file("m/model.onnx");
    check_constant(m, 4, 16);
    model_close(m);
    char shifted[18] = "ab";
    memcpy(shifted + 2, (float[]){1, 2, 3, 4}, 16);
    put_file("m/out.onnx", shifted, sizeof shifted);
    put_model(4, "out.onnx", "2", NULL); /* not aligned: copied */
    m = read_file("m/model.onnx");
    check_constant(m, 4, 1);
    assert_int_equal((uintptr_t)m->graph->constant[0]->constant->data % 4, 0);
    model_close(m);
}

static void test_refused(void **state)
{
    (void)state;
    char want[400];
    put_model(N, "../secret", NULL, NULL);
    refuses("its data is in '../secret', which is not under the model's directory");
    put_model(N, "a/../../secret", NULL, NULL);
    refuses("its data is in 'a/../../secret', which is not under the model's directory");
    put_model(N, in_dir("secret"), NULL, NULL);
    snprintf(want, sizeof want, "its data is in '%s', which is not under the model's directory",
             in_dir("secret"));
    refuses(want);
    assert_int_equal(symlink(in_dir("secret"), in_dir("m/link")), 0);
    put_model(N, "link", NULL, NULL);
    refuses("its data is in 'link', which is not under the model's directory");
    put_model(N, "none", NULL, NULL);
    snprintf(want, sizeof want, "its data is in the file '%s', which is not there",
             in_dir("m/none"));
    refuses(want);
    put_model(N, NULL, NULL, NULL);
    refuses("its external data has no location");
    put_model(N, "weights", "4", NULL);
    refuses("its data ends behind the end of 'weights' (2048 bytes)");
    put_model(4, "weights", "18446744073709551615", NULL);
    refuses("its data ends behind the end of 'weights' (2048 bytes)");
    put_model(4, "weights", "18446744073709551616", NULL);
    refuses("its external data has '18446744073709551616' for offset");
    put_model(4, "weights", "-1", NULL);
    refuses("its external data has '-1' for offset");
    put_model(4, "weights", "0", "8");
    refuses("8 bytes of data in 'weights' where it needs 16");
}

static bool same_files(const char *a, const char *b)
{
    struct file_map x, y;
    struct err err = {0};
    assert_int_equal(file_map(&x, in_dir(a), &err), 0);
    assert_int_equal(file_map(&y, in_dir(b), &err), 0);
    bool same = x.size == y.size && !memcmp(x.data, y.data, x.size);
    file_unmap(&x);
    file_unmap(&y);
    return same;
}

static void test_written(void **state)
{
    (void)state;
    struct err err = {0};
    put_model(N, "weights", "0", "2048");
    struct model *m = read_file("m/model.onnx");
    assert_int_equal(onnx_write(m, in_dir("m/out.onnx"), NULL, &err), 0);
    assert_true(same_files("m/model.onnx", "m/out.onnx"));
    assert_false(file_exists(in_dir("m/out.onnx.data")));
    assert_int_equal(onnx_write(m, in_dir("other/out.onnx"), NULL, &err), 0);
    assert_false(file_exists(in_dir("other/out.onnx.data")));
    struct model *inside = read_file("other/out.onnx");
    check_constant(inside, N, 0);
    model_close(inside);
    struct onnx_write_options o = {.external = true};
    assert_int_equal(onnx_write(m, in_dir("other/out.onnx"), &o, &err), 0);
    assert_true(same_files("m/weights", "other/out.onnx.data"));
    model_close(m);
    m = read_file("other/out.onnx");
    check_constant(m, N, 0);
    struct tensor *t = tensor_new(m->arena, DTYPE_F32, &(struct shape){1, {N}});
    struct tensor *little = tensor_new(m->arena, DTYPE_F32, &(struct shape){1, {255}});
    graph_add_constant(m->graph, "d", little);
    graph_add_constant(m->graph, "e", t);
    tensor_f32(t)[0] = 5;
    /* over itself: the mapping of the old file stays good */
    assert_int_equal(onnx_write(m, in_dir("other/out.onnx"), &o, &err), 0);
    model_close(m);
    m = read_file("other/out.onnx");
    check_constant(m, N, 0);
    assert_int_equal(m->graph->n_constant, 3);
    assert_true(tensor_f32(m->graph->constant[2]->constant)[0] == 5);
    assert_int_equal((uintptr_t)m->graph->constant[2]->constant->data % 4096, 0);
    model_close(m);
}

static void test_lone_tensor(void **state)
{
    (void)state;
    struct err err = {0};
    struct arena a = {0};
    const char *name;
    struct wire w = wire_floats("t", 3);
    put_file("m/out.onnx", w.at, w.n);
    const struct tensor *t = onnx_read_tensor(in_dir("m/out.onnx"), &a, &name, &err);
    assert_non_null(t);
    assert_string_equal(name, "t");
    assert_int_equal(t->shape.dim[0], 3);
    assert_int_equal(onnx_write_tensor(t, "t", in_dir("other/out.onnx"), &err), 0);
    assert_true(same_files("m/out.onnx", "other/out.onnx"));
    struct tensor *made = tensor_from_i64(&a, (int64_t[]){-1, 2}, 2);
    assert_int_equal(onnx_write_tensor(made, "made", in_dir("m/out.onnx"), &err), 0);
    t = onnx_read_tensor(in_dir("m/out.onnx"), &a, &name, &err);
    assert_string_equal(name, "made");
    assert_int_equal(tensor_get_int(t, 0), -1);
    put_file("m/out.onnx", "\x08\x02\x10\x01", 4);
    assert_null(onnx_read_tensor(in_dir("m/out.onnx"), &a, NULL, &err));
    assert_memory_equal(err.text, in_dir("m/out.onnx"), strlen(in_dir("m/out.onnx")));
    assert_non_null(strstr(err.text, "0 entries in float_data"));
    arena_release(&a);
}

static void test_no_place_to_write(void **state)
{
    (void)state;
    struct err err = {0};
    put_model(N, "weights", NULL, NULL);
    struct model *m = read_file("m/model.onnx");
    assert_int_equal(onnx_write(m, in_dir("m/weights/out.onnx"), NULL, &err), -1);
    assert_int_equal(err.code, ERR_MACHINE);
    char **names;
    struct arena a = {0};
    assert_int_equal(onnx_write(m, in_dir("other"), NULL, &err), -1);
    assert_int_equal(file_list(&a, in_dir("other"), &names, &err), 0); /* nothing half written */
    arena_release(&a);
    model_close(m);
}

#define ONE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(test_read), ONE(test_refused), ONE(test_written), ONE(test_lone_tensor),
        ONE(test_no_place_to_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
