/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset: finds out what form the data has, picks samples, hands them on. After dataset_open()
 * nothing in struct dataset changes any more: that is what makes reading safe from threads.
 */
#include "dataset.h"

#include "dataset_kind.h"
#include "file.h"
#include "str.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

static const char accepted[] =
    "accepted are a directory of .npz files, a .npz or .npy file, a directory of .npy files named "
    "after the inputs, test_data_set_* directories, or a directory of images";

static const struct form {
    const char *ending, *noun;
    const struct dataset_kind *kind;
} forms[] = {
    {".npz", ".npz files", &dataset_npz},
    {".npy", ".npy files", &dataset_npy_directory},
    {".png", "images", &dataset_image},   {".jpg", "images", &dataset_image},
    {".jpeg", "images", &dataset_image},  {".bmp", "images", &dataset_image},
    {".pnm", "images", &dataset_image},   {".pbm", "images", &dataset_image},
    {".pgm", "images", &dataset_image},   {".ppm", "images", &dataset_image},
    {".webp", "images", &dataset_image},  {".tif", "images", &dataset_image},
    {".tiff", "images", &dataset_image},  {".jp2", "images", &dataset_image},
    {".j2k", "images", &dataset_image},
};
static const struct form set_of_tensors = {"", "input_*.pb files", &dataset_pb_one};
static const struct form sets_of_tensors = {"", "test_data_set_* directories", &dataset_pb_sets};

/* What a name promises; NULL: nothing. */
static const struct form *form_of(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0] && name[0] != '.'; i++) {
        size_t k = strlen(forms[i].ending);
        if (n > k && !strcasecmp(name + n - k, forms[i].ending))
            return &forms[i];
    }
    if (!strncmp(name, "test_data_set_", strlen("test_data_set_")))
        return &sets_of_tensors;
    return str_glob("input_*.pb", name) ? &set_of_tensors : NULL;
}

/* Other files (labels, read-me files) may lie beside the data; two forms of data may not. */
static int find_kind_in_directory(struct dataset *d, struct err *err)
{
    char **all;
    const struct form *first = NULL;
    int n = file_list(&d->arena, d->path, &all, err);
    TRY(n);
    d->file = NEW_ARRAY(&d->arena, n, char *);
    for (int i = 0; i < n; i++) {
        const struct form *f = form_of(all[i]);
        if (!f)
            continue;
        if (first && first->kind != f->kind)
            return err_set(err, ERR_INPUT, "%s: there are %s and %s; put each into a directory of "
                                           "its own", d->path, first->noun, f->noun);
        first = f;
        d->kind = f->kind;
        d->file[d->n_files++] = all[i];
    }
    if (!d->kind && !n)
        return err_set(err, ERR_INPUT, "%s: the directory is empty; %s", d->path, accepted);
    if (!d->kind)
        return err_set(err, ERR_INPUT, "%s: no data found among %d files ('%s'%s); %s", d->path, n,
                       all[0], n > 1 ? ", ..." : "", accepted);
    d->prefix = arena_printf(&d->arena, "%s/", d->path);
    return 0;
}

/* A file is a directory of one: the rest of its path is kept as the prefix. */
static int find_kind_of_path(struct dataset *d, struct err *err)
{
    const char *slash = strrchr(d->path, '/');
    size_t n = slash ? (size_t)(slash + 1 - d->path) : 0;
    const struct form *f = form_of(d->path + n);
    if (!file_exists(d->path))
        return err_set(err, ERR_INPUT, "%s: no such file or directory", d->path);
    if (!f || f == &set_of_tensors || f == &sets_of_tensors)
        return err_set(err, ERR_INPUT, "%s: not a form of data that is known; %s", d->path,
                       accepted);
    d->kind = f->kind == &dataset_npy_directory ? &dataset_npy_file : f->kind;
    char *prefix = arena_alloc(&d->arena, n + 1);
    memcpy(prefix, d->path, n);
    d->prefix = prefix;
    d->file = NEW(&d->arena, char *);
    d->file[0] = arena_strdup(&d->arena, d->path + n);
    d->n_files = 1;
    return 0;
}

static int find_kind(struct dataset *d, struct err *err)
{
    d->prefix = "";
    if (!strcmp(d->path, "random")) {
        d->kind = &dataset_random;
        return 0;
    }
    return file_is_directory(d->path) ? find_kind_in_directory(d, err) : find_kind_of_path(d, err);
}

static int read_feeds(struct dataset *d, const struct graph *g, bool any_number,
                      struct err *err)
{
    d->feed = NEW_ARRAY(&d->arena, g->n_input, struct feed);
    for (int i = 0; i < g->n_input; i++) {
        const struct value *v = g->input[i];
        if (value_is_fed(v))
            d->feed[d->n_feeds++] =
                (struct feed){arena_strdup(&d->arena, v->name), v->type.dtype, v->type.shape,
                              any_number, NULL};
    }
    if (!d->n_feeds)
        return err_set(err, ERR_INPUT, "the model has no inputs that data could be fed to");
    return 0;
}

/* Of n samples out of total, sample i: i * total / n, so evenly spread, the first one included; of
 * a sequence the first n. */
static int64_t pick(const struct dataset *d, int i)
{
    if (d->n_carry)
        return i;
    return i * (d->total / d->n) + i * (d->total % d->n) / d->n;
}

static int pick_samples(struct dataset *d, int samples, struct err *err)
{
    if (!d->total)
        return err_set(err, ERR_INPUT, "%s: there are no samples", d->path);
    if (d->total > INT_MAX && !samples)
        return err_set(err, ERR_INPUT, "%s: more than %d samples", d->path, INT_MAX);
    d->n = samples && samples < d->total ? samples : (int)d->total;
    d->name = NEW_ARRAY(&d->arena, d->n, const char *);
    for (int i = 0; i < d->n; i++)
        d->name[i] = d->kind->name(d, pick(d, i));
    const char *noun = d->total == 1 ? d->kind->one : d->kind->many;
    d->summary = d->n < d->total
                     ? arena_printf(&d->arena, "%s%d of %lld %s", d->n_carry ? "the first " : "",
                                    d->n, (long long)d->total, noun)
                     : arena_printf(&d->arena, "%d %s", d->n, noun);
    return 0;
}

static int open_parts(struct dataset *d, const struct graph *g, const struct dataset_options *o,
                      struct err *err)
{
    TRY(read_feeds(d, g, o->any_number, err));
    TRY(dataset_read_carries(d, g, &o->carry, err));
    TRY(find_kind(d, err));
    if (o->image && d->kind != &dataset_image)
        return err_set(err, ERR_USAGE, "%s: --image is for images only", d->path);
    TRY(d->kind->open(d, o, err));
    return pick_samples(d, o->samples, err);
}

struct dataset *dataset_open(const struct graph *g, const struct dataset_options *o,
                             struct err *err)
{
    struct dataset *d = mem_alloc(sizeof *d);
    *d = (struct dataset){0};
    d->path = arena_strdup(&d->arena, o->path);
    if (open_parts(d, g, o, err) < 0) {
        dataset_close(d);
        return NULL;
    }
    return d;
}

void dataset_close(struct dataset *d)
{
    if (!d)
        return;
    if (d->kind && d->kind->close)
        d->kind->close(d);
    arena_release(&d->arena);
    mem_free(d);
}

int dataset_count(const struct dataset *d)
{
    return d->n;
}

const char *dataset_name(const struct dataset *d, int i)
{
    return d->name[i];
}

bool dataset_is_random(const struct dataset *d)
{
    return d->kind == &dataset_random;
}

const char *dataset_summary(const struct dataset *d)
{
    return d->summary;
}

int dataset_read(const struct dataset *d, int i, const struct graph *g, struct arena *a,
                 const struct tensor **input, struct err *err)
{
    const struct tensor **t = NEW_ARRAY(a, d->n_feeds, const struct tensor *);
    TRY(d->kind->read(d, pick(d, i), a, t, err));
    for (int k = 0; k < g->n_input; k++) {
        input[k] = NULL;
        if (!value_is_fed(g->input[k]))
            continue;
        int feed = dataset_find_feed(d, g->input[k]->name);
        if (feed < 0)
            BUG("input '%s' came after the dataset was opened", g->input[k]->name);
        if (!t[feed] && d->feed[feed].start)
            input[k] = d->feed[feed].start;
        else if (dataset_fit(&d->feed[feed], t[feed], a, &input[k], err) < 0)
            return err_at(err, "%s%s", d->prefix, d->name[i]);
    }
    return 0;
}

int dataset_find_feed(const struct dataset *d, const char *name)
{
    for (int i = 0; i < d->n_feeds; i++)
        if (!strcmp(d->feed[i].name, name))
            return i;
    return -1;
}

int dataset_only_feed(const struct dataset *d)
{
    int only = -1, n = 0;
    for (int i = 0; i < d->n_feeds; i++)
        if (!d->feed[i].start) {
            only = i;
            n++;
        }
    return n == 1 ? only : -1;
}

const char *dataset_list_feeds(const struct dataset *d, struct arena *a)
{
    struct str s = {0};
    str_add(&s, d->n_feeds == 1 ? "the model's input is" : "the model's inputs are");
    for (int i = 0; i < d->n_feeds; i++)
        str_printf(&s, "%s'%s'", !i ? " " : i == d->n_feeds - 1 ? " and " : ", ", d->feed[i].name);
    const char *text = arena_strdup(a, s.text);
    str_release(&s);
    return text;
}

const char *dataset_file_path(const struct dataset *d, int i, struct arena *a)
{
    return arena_printf(a, "%s%s", d->prefix, d->file[i]);
}
