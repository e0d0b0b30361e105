/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_npy: any bytes are refused with a message, or become an array whose rows are its parts, and
 * which is the same when it is written and read again.
 */
#include "npy.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_rows(const struct npy *f, const struct tensor *whole)
{
    int64_t rows = f->shape.rank ? f->shape.dim[0] : 0, step = tensor_count(whole);
    if (rows > 100 || !step)
        return;
    for (int64_t i = 0; i < rows; i++) {
        struct arena a = {0};
        const struct tensor *row = npy_row(f, i, &a);
        size_t size = dtype_size(f->dtype, step / rows);
        if (row->size != size || memcmp(row->data, (char *)whole->data + (size_t)i * size, size))
            BUG("row %lld is not a part of the whole", (long long)i);
        arena_release(&a);
    }
}

static void check_again(const struct tensor *t)
{
    struct arena a = {0};
    struct str file = {0}, made = {0};
    struct err err = {0};
    struct npy f;
    size_t size;
    npy_header(t, &file);
    const void *body = npy_body(t, &made, &size);
    str_add_n(&file, body, size);
    if (npy_parse(&f, file.text, file.n, &err) < 0)
        BUG("what was written is not read: %s", err.text);
    const struct tensor *again = npy_tensor(&f, &a);
    if (again->dtype != t->dtype || !shape_equal(&again->shape, &t->shape)
        || memcmp(again->data, t->data, t->size))
        BUG("what was written is not the same");
    str_release(&file);
    str_release(&made);
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena a = {0};
    struct err err = {0};
    struct npy f;
    if (npy_parse(&f, bytes, n, &err) < 0) {
        if (err.code != ERR_INPUT || !err.text[0])
            BUG("refused without a message");
        return 0;
    }
    const struct tensor *t = npy_tensor(&f, &a);
    check_rows(&f, t);
    check_again(t);
    arena_release(&a);
    return 0;
}
