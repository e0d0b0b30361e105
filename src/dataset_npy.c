/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_npy: samples stacked on axis 0 of .npy files, one file an input. The files stay mapped,
 * so that a row costs no more than its own pages.
 */
#include "dataset_kind.h"
#include "file.h"
#include "npy.h"

#include <string.h>

struct stacks {
    struct file_map *map; /* one a feed */
    struct npy *array; /* rank 0: no file, the input is carried */
    int first;         /* the first feed that has a file */
};

static int stack_open(struct dataset *d, int feed, int file, struct err *err)
{
    struct stacks *s = d->state;
    const struct feed *f = &d->feed[feed];
    const char *path = dataset_file_path(d, file, &d->arena);
    struct npy *array = &s->array[feed];
    char want[SHAPE_TEXT], got[SHAPE_TEXT];
    TRY(file_map(&s->map[feed], path, err));
    if (npy_parse(array, s->map[feed].data, s->map[feed].size, err) < 0)
        return err_at(err, "%s", path);
    if (array->shape.rank < 1 || array->shape.rank < f->shape.rank)
        return err_set(err, ERR_INPUT,
                       "%s: input '%s' is %s and axis 0 of the file counts samples, but the file "
                       "has %s", path, f->name, shape_text(&f->shape, want),
                       shape_text(&array->shape, got));
    if (!s->array[s->first].shape.rank)
        s->first = feed;
    if (array->shape.dim[0] != s->array[s->first].shape.dim[0])
        return err_set(err, ERR_INPUT, "%s: %lld samples for input '%s', but %lld for '%s'",
                       d->path, (long long)array->shape.dim[0], f->name,
                       (long long)s->array[s->first].shape.dim[0], d->feed[s->first].name);
    d->total = array->shape.dim[0];
    return 0;
}

static void stacks_new(struct dataset *d)
{
    struct stacks *s = NEW(&d->arena, struct stacks);
    s->map = NEW_ARRAY(&d->arena, d->n_feeds, struct file_map);
    s->array = NEW_ARRAY(&d->arena, d->n_feeds, struct npy);
    d->state = s;
}

static int npy_file_open(struct dataset *d, const struct dataset_options *o, struct err *err)
{
    (void)o;
    stacks_new(d);
    int only = dataset_only_feed(d);
    if (only < 0)
        return err_set(err, ERR_INPUT, "%s: one .npy file serves a model with one input, but %s; "
                                       "give a directory with one .npy file named after each",
                       d->path, dataset_list_feeds(d, &d->arena));
    return stack_open(d, only, 0, err);
}

static int npy_directory_open(struct dataset *d, const struct dataset_options *o, struct err *err)
{
    (void)o;
    stacks_new(d);
    int *file = NEW_ARRAY(&d->arena, d->n_feeds, int); /* one more than its index; 0: none */
    for (int i = 0; i < d->n_files; i++) {
        char *name = arena_strdup(&d->arena, d->file[i]);
        name[strlen(name) - strlen(".npy")] = 0;
        int f = dataset_find_feed(d, name);
        if (f < 0)
            return err_set(err, ERR_INPUT, "%s%s: not named after an input; %s", d->prefix,
                           d->file[i], dataset_list_feeds(d, &d->arena));
        file[f] = i + 1;
    }
    for (int f = 0; f < d->n_feeds; f++) {
        if (!file[f] && d->feed[f].start)
            continue;
        if (!file[f])
            return err_set(err, ERR_INPUT, "%s: no file '%s.npy'; %s", d->path, d->feed[f].name,
                           dataset_list_feeds(d, &d->arena));
        TRY(stack_open(d, f, file[f] - 1, err));
    }
    return 0;
}

static const char *npy_file_name(struct dataset *d, int64_t i)
{
    return arena_printf(&d->arena, "%s[%lld]", d->file[0], (long long)i);
}

static const char *npy_row_name(struct dataset *d, int64_t i)
{
    return arena_printf(&d->arena, "*.npy[%lld]", (long long)i);
}

static int stacks_read(const struct dataset *d, int64_t i, struct arena *a,
                       const struct tensor **t, struct err *err)
{
    (void)err;
    const struct stacks *s = d->state;
    for (int f = 0; f < d->n_feeds; f++)
        t[f] = s->array[f].shape.rank ? npy_row(&s->array[f], i, a) : NULL;
    return 0;
}

static void stacks_close(struct dataset *d)
{
    struct stacks *s = d->state;
    for (int f = 0; s && f < d->n_feeds; f++)
        if (s->map[f].data)
            file_unmap(&s->map[f]);
}

const struct dataset_kind dataset_npy_file = {
    "row", "rows", npy_file_open, npy_file_name, stacks_read, stacks_close,
};
const struct dataset_kind dataset_npy_directory = {
    "row", "rows", npy_directory_open, npy_row_name, stacks_read, stacks_close,
};
