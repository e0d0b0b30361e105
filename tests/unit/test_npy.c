/* SPDX-License-Identifier: Apache-2.0
 *
 * test_npy: .npy from bytes, and .npz written and read again.
 */
#include "npy.h"

#include "file.h"
#include "npz.h"
#include "temp.h"
#include "unit.h"

#include <unistd.h>

/* A whole file; its header is not padded, so that its data begins at an odd address. */
static void make_file(struct str *s, int version, const char *dict, const void *data, size_t n)
{
    size_t length = strlen(dict);
    unsigned char head[12] = {0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)version, 0,
                              (unsigned char)length, (unsigned char)(length >> 8)};
    s->n = 0;
    str_add_n(s, head, version == 1 ? 10 : 12);
    str_add(s, dict);
    str_add_n(s, data, n);
}

static void check_values(const char *dict, int version, const void *data, size_t size,
                         enum dtype dtype, const struct shape *shape, const double *want)
{
    struct arena a = {0};
    struct str s = {0};
    struct err err = {0};
    struct npy f;
    make_file(&s, version, dict, data, size);
    assert_int_equal(npy_parse(&f, s.text, s.n, &err), 0);
    const struct tensor *t = npy_tensor(&f, &a);
    assert_int_equal(t->dtype, dtype);
    assert_true(shape_equal(&t->shape, shape));
    for (int64_t i = 0; i < shape_count(shape); i++)
        assert_true(tensor_get(t, i) == want[i]);
    str_release(&s);
    arena_release(&a);
}

static void orders_and_types_are_read(void **state)
{
    (void)state;
    const uint8_t c[12] = {1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 1};
    struct shape s = {2, {2, 3}};
    check_values("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }\n", 1, c, 12,
                 DTYPE_I16, &s, (double[]){1, 2, 3, 4, 5, 262});
    check_values("{\"shape\":(2,3),'fortran_order' : True,'descr': '<i2'}", 2, c, 12, DTYPE_I16,
                 &s, (double[]){1, 3, 5, 2, 4, 262});
    check_values("{'descr': '>u2', 'fortran_order': False, 'shape': (2L, 3L), }\n", 3, c, 12,
                 DTYPE_U16, &s, (double[]){256, 512, 768, 1024, 1280, 1537});
    check_values("{'descr': '|b1', 'fortran_order': False, 'shape': ()}", 1, c, 1, DTYPE_BOOL,
                 &(struct shape){.rank = 0}, (double[]){1});
    const float f[2] = {-1.5F, 3e30F};
    check_values("{'descr': '<f4', 'fortran_order': True, 'shape': (2,)}", 1, f, 8, DTYPE_F32,
                 &(struct shape){1, {2}}, (double[]){-1.5, (double)3e30F});
    check_values("{'descr': '<f4', 'fortran_order': True, 'shape': (0, 5)}", 1, f, 0, DTYPE_F32,
                 &(struct shape){2, {0, 5}}, NULL);
}

static void a_row_keeps_its_axis(void **state)
{
    (void)state;
    struct arena a = {0};
    struct str s = {0};
    struct err err = {0};
    struct npy f;
    const uint8_t data[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    make_file(&s, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2, 2)}", data, 12);
    assert_int_equal(npy_parse(&f, s.text, s.n, &err), 0);
    const struct tensor *t = npy_row(&f, 2, &a);
    assert_true(shape_equal(&t->shape, &(struct shape){3, {1, 2, 2}}));
    assert_memory_equal(t->data, ((uint8_t[]){8, 9, 10, 11}), 4);
    make_file(&s, 1, "{'descr': '|u1', 'fortran_order': True, 'shape': (3, 2, 2)}", data, 12);
    assert_int_equal(npy_parse(&f, s.text, s.n, &err), 0);
    t = npy_row(&f, 1, &a);
    assert_memory_equal(t->data, ((uint8_t[]){1, 7, 4, 10}), 4);
    str_release(&s);
    arena_release(&a);
}

static void check_refused(int version, const char *dict, size_t data, const char *why)
{
    struct str s = {0};
    struct err err = {0};
    struct npy f;
    const char zeros[64] = {0};
    make_file(&s, version, dict, zeros, data);
    assert_int_equal(npy_parse(&f, s.text, s.n, &err), -1);
    assert_non_null(strstr(err.text, why));
    str_release(&s);
}

static void bad_headers_are_refused(void **state)
{
    (void)state;
    check_refused(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 7, "cut short");
    check_refused(4, "{}", 0, "version 4");
    check_refused(1, "", 0, "not a dictionary");
    check_refused(1, "{}", 0, "lacks");
    check_refused(1, "{'descr': '<f4', 'shape': (2,)}", 8, "lacks");
    check_refused(1, "{'descr': '<f4', 'descr': '<f4', 'shape': (2,)}", 8, "not valid");
    check_refused(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", 8,
                  "structured");
    check_refused(1, "{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", 8, "objects");
    check_refused(1, "{'descr': '<U8', 'fortran_order': False, 'shape': (2,)}", 64, "'<U8'");
    check_refused(1, "{'descr': '', 'fortran_order': False, 'shape': (2,)}", 8, "not supported");
    check_refused(1, "{'descr': '<f4', 'fortran_order': 1, 'shape': (2,)}", 8, "fortran_order");
    check_refused(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", 8, "shape");
    check_refused(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2 2)}", 8, "shape");
    check_refused(1, "{'descr': '<f4', 'fortran_order': False, 'shape': 2}", 8, "shape");
    check_refused(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,", 8, "shape");
    check_refused(1, "{'descr': '<f4', 'fortran_order': False, "
                     "'shape': (0, 4294967296, 4294967296)}", 8, "too large");
    check_refused(1, "{'descr': '<f4', 'fortran_order': False, "
                     "'shape': (99999999999999999999,)}", 8, "shape");
    check_refused(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 8,
                  "axes");
    struct npy f;
    struct err err = {0};
    for (size_t n = 0; n < 20; n++)
        assert_int_equal(npy_parse(&f, "\x93NUMPY\x02\0\xff\xff\xff\xff{'descr'", n, &err), -1);
}

static const struct tensor *small_tensor(struct arena *a, enum dtype dtype)
{
    struct tensor *t = tensor_new(a, dtype, &(struct shape){2, {3, 5}});
    for (int i = 0; i < 15; i++)
        dtype_store(dtype, t->data, i, dtype == DTYPE_BOOL ? i % 2 : i % 4 - i % 3);
    return t;
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    static const enum dtype back[N_DTYPES] = {
        [DTYPE_F32] = DTYPE_F32, [DTYPE_U8] = DTYPE_U8, [DTYPE_I8] = DTYPE_I8,
        [DTYPE_U16] = DTYPE_U16, [DTYPE_I16] = DTYPE_I16, [DTYPE_I32] = DTYPE_I32,
        [DTYPE_I64] = DTYPE_I64, [DTYPE_BOOL] = DTYPE_BOOL, [DTYPE_F16] = DTYPE_F16,
        [DTYPE_F64] = DTYPE_F64, [DTYPE_U32] = DTYPE_U32, [DTYPE_U64] = DTYPE_U64,
        [DTYPE_U4] = DTYPE_U8, [DTYPE_I4] = DTYPE_I8, [DTYPE_U2] = DTYPE_U8, [DTYPE_I2] = DTYPE_I8,
        [DTYPE_BF16] = DTYPE_F32, [DTYPE_F8E4M3FN] = DTYPE_F32, [DTYPE_F8E5M2] = DTYPE_F32,
        [DTYPE_F8E8M0] = DTYPE_F32, [DTYPE_F6E2M3] = DTYPE_F32, [DTYPE_F4E2M1] = DTYPE_F32};
    for (int d = 1; d < N_DTYPES; d++) {
        struct arena a = {0};
        struct str file = {0}, made = {0};
        struct err err = {0};
        struct npy f;
        size_t size;
        if (!back[d])
            continue;
        const struct tensor *t = small_tensor(&a, (enum dtype)d);
        npy_header(t, &file);
        assert_int_equal(file.n % 64, 0);
        const void *body = npy_body(t, &made, &size);
        str_add_n(&file, body, size);
        assert_int_equal(npy_parse(&f, file.text, file.n, &err), 0);
        const struct tensor *again = npy_tensor(&f, &a);
        assert_int_equal(again->dtype, back[d]);
        assert_true(shape_equal(&again->shape, &t->shape));
        for (int i = 0; i < 15; i++)
            assert_true(tensor_get(again, i) == tensor_get(t, i));
        str_release(&file);
        str_release(&made);
        arena_release(&a);
    }
}

static void write_archive(const char *path, struct arena *a)
{
    struct err err = {0};
    struct npz_out *z = npz_create(path, &err);
    assert_non_null(z);
    assert_int_equal(npz_add(z, "x", small_tensor(a, DTYPE_F32), &err), 0);
    assert_int_equal(npz_add(z, "/a/b:0", small_tensor(a, DTYPE_I64), &err), 0);
    assert_int_equal(npz_commit(z, &err), 0);
}

static void archives_are_read_again(void **state)
{
    (void)state;
    struct arena a = {0};
    struct err err = {0};
    const char *dir = temp_make(&a), *path = temp_path(&a, dir, "a.npz");
    write_archive(path, &a);
    struct npz *z = npz_open(path, &err);
    assert_non_null(z);
    assert_int_equal(npz_count(z), 2);
    assert_string_equal(npz_name(z, 0), "x");
    assert_string_equal(npz_name(z, 1), "/a/b:0");
    for (int k = 0; k < 4; k++) { /* both, and both once more without comparing checksums */
        int i = k % 2;
        if (k == 2)
            npz_trust(z);
        const struct tensor *t = npz_read(z, i, &a, &err);
        const struct tensor *want = small_tensor(&a, i ? DTYPE_I64 : DTYPE_F32);
        assert_int_equal(t->dtype, want->dtype);
        assert_memory_equal(t->data, want->data, want->size);
    }
    npz_close(z);
    temp_remove(dir);
    arena_release(&a);
}

/* The directory of so many entries is longer than a block that is read at once. */
static void many_entries_are_found(void **state)
{
    enum { MANY = 300 };
    (void)state;
    struct arena a = {0};
    struct err err = {0};
    const char *dir = temp_make(&a), *path = temp_path(&a, dir, "a.npz");
    struct npz_out *out = npz_create(path, &err);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(npz_add(out, arena_printf(&a, "entry number %d", i),
                                 small_tensor(&a, i % 2 ? DTYPE_I64 : DTYPE_F32), &err), 0);
    assert_int_equal(npz_commit(out, &err), 0);
    struct npz *z = npz_open(path, &err);
    assert_non_null(z);
    assert_int_equal(npz_count(z), MANY);
    for (int i = 0; i < MANY; i++) {
        const struct tensor *want = small_tensor(&a, i % 2 ? DTYPE_I64 : DTYPE_F32);
        const struct tensor *t = npz_read(z, i, &a, &err);
        assert_string_equal(npz_name(z, i), arena_printf(&a, "entry number %d", i));
        assert_memory_equal(t->data, want->data, want->size);
    }
    npz_close(z);
    temp_remove(dir);
    arena_release(&a);
}

/* Somebody cuts it off while it is read. */
static void shortened_archives_are_errors(void **state)
{
    (void)state;
    struct arena a = {0};
    struct err err = {0};
    const char *dir = temp_make(&a), *path = temp_path(&a, dir, "a.npz");
    write_archive(path, &a);
    struct npz *z = npz_open(path, &err);
    assert_non_null(z);
    assert_int_equal(truncate(path, 100), 0);
    assert_null(npz_read(z, 1, &a, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.text, "a.npz: it ends in the middle"));
    npz_close(z);
    temp_remove(dir);
    arena_release(&a);
}

static void archives_are_the_same_bytes(void **state)
{
    (void)state;
    struct arena a = {0};
    struct err err = {0};
    struct file_map f[2];
    const char *dir = temp_make(&a);
    for (int i = 0; i < 2; i++) {
        const char *path = temp_path(&a, dir, i ? "a.npz" : "b.npz");
        write_archive(path, &a);
        assert_int_equal(file_map(&f[i], path, &err), 0);
    }
    assert_int_equal(f[0].size, f[1].size);
    assert_memory_equal(f[0].data, f[1].data, f[0].size);
    file_unmap(&f[0]);
    file_unmap(&f[1]);
    temp_remove(dir);
    arena_release(&a);
}

/* Reads what can be read; a damaged archive gives errors, and nothing else happens. */
static int read_all(const char *path, struct arena *a, struct err *err)
{
    struct npz *z = npz_open(path, err);
    if (!z)
        return -1;
    int r = 0;
    for (int i = 0; i < npz_count(z); i++)
        if (!npz_read(z, i, a, err))
            r = -1;
    npz_close(z);
    return r;
}

static void damaged_archives_are_errors(void **state)
{
    (void)state;
    struct arena a = {0};
    struct err err = {0};
    struct file_map f;
    const char *dir = temp_make(&a), *path = temp_path(&a, dir, "a.npz");
    const char *bad = temp_path(&a, dir, "bad.npz");
    write_archive(path, &a);
    assert_int_equal(file_map(&f, path, &err), 0);
    for (size_t n = 0; n < f.size; n += 7) {
        temp_write(bad, f.data, n);
        assert_int_equal(read_all(bad, &a, &err), -1);
        assert_non_null(strstr(err.text, "bad.npz"));
    }
    char *copy = arena_alloc(&a, f.size);
    for (size_t i = 0; i < f.size; i += 3) {
        memcpy(copy, f.data, f.size);
        copy[i] = (char)~copy[i];
        temp_write(bad, copy, f.size);
        read_all(bad, &a, &err);
    }
    file_unmap(&f);
    temp_remove(dir);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_and_types_are_read),
        cmocka_unit_test(a_row_keeps_its_axis),
        cmocka_unit_test(bad_headers_are_refused),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(archives_are_read_again),
        cmocka_unit_test(many_entries_are_found),
        cmocka_unit_test(shortened_archives_are_errors),
        cmocka_unit_test(archives_are_the_same_bytes),
        cmocka_unit_test(damaged_archives_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
