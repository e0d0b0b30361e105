/* SPDX-License-Identifier: Apache-2.0
 *
 * sample: what tests of data sets share: a model that has only inputs, a directory for data, and
 * what is read from it. Paths are below that directory.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "dataset.h"
#include "temp.h"
#include "unit.h"

/* A model with inputs, and a directory for data. */
struct fixture {
    struct arena arena;
    struct model *model;
    const char *dir;
};

static inline int setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    *f = (struct fixture){.model = model_new("m.onnx")};
    f->dir = temp_make(&f->arena);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    temp_remove(f->dir);
    model_close(f->model);
    arena_release(&f->arena);
    mem_free(f);
    return 0;
}

static inline void add_input(struct fixture *f, const char *name, enum dtype dtype, int rank,
                             const int64_t *dim)
{
    struct value *v = graph_add_input(f->model->graph, name);
    v->type.dtype = dtype;
    v->type.shape = shape_of(rank, dim);
}
#define INPUT(f, name, dtype, ...)                                                                 \
    add_input(f, name, dtype, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),           \
              (int64_t[]){__VA_ARGS__})

static inline struct dataset *open_data(struct fixture *f, const char *name, const char *image,
                                        int samples)
{
    struct err err = {0};
    struct dataset_options o = {.path = temp_path(&f->arena, f->dir, name), .image = image,
                                .samples = samples};
    struct dataset *d = dataset_open(f->model->graph, &o, &err);
    if (!d)
        fail_msg("%s", err.text);
    return d;
}

static inline const struct tensor *read_input(struct fixture *f, const struct dataset *d, int i,
                                              int k)
{
    struct err err = {0};
    const struct tensor *t[4];
    if (dataset_read(d, i, f->model->graph, &f->arena, t, &err) < 0)
        fail_msg("%s", err.text);
    return t[k];
}

/* Opening or reading the first sample fails; the text is "DIR/" and `text`. */
static inline void refuses(struct fixture *f, const char *name, const char *image, const char *text)
{
    struct err err = {0};
    struct dataset_options o = {.path = temp_path(&f->arena, f->dir, name), .image = image};
    struct dataset *d = dataset_open(f->model->graph, &o, &err);
    const struct tensor *t[4];
    if (d) {
        assert_int_equal(dataset_read(d, 0, f->model->graph, &f->arena, t, &err), -1);
        dataset_close(d);
    }
    size_t n = strlen(f->dir) + 1;
    bool starts = !strncmp(err.text, o.path, n);
    assert_string_equal(starts ? err.text + n : err.text, text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
