/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_npz: each .npz file is a sample, its keys are the names of the inputs. Keys NAME[0],
 * NAME[1] and so on are the elements of an input that is a sequence; without any it is empty.
 */
#include "dataset_kind.h"
#include "npz.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static int npz_files_open(struct dataset *d, const struct dataset_options *o, struct err *err)
{
    (void)o, (void)err;
    d->total = d->n_files;
    d->state = NEW_ARRAY(&d->arena, d->n_files, atomic_bool); /* which files were read */
    return 0;
}

static const char *npz_file_name(struct dataset *d, int64_t i)
{
    return d->file[i];
}

/* The feed that a key "NAME[i]" is an element of; -1: it is not such a key. */
static int find_sequence(const struct dataset *d, const char *key, int n_arrays, int *at,
                         struct arena *a)
{
    const char *open = strrchr(key, '[');
    char *end;
    long i = open ? strtol(open + 1, &end, 10) : -1;
    if (!open || open[1] < '0' || open[1] > '9' || strcmp(end, "]") || i < 0 || i >= n_arrays)
        return -1;
    int f = dataset_find_feed(d, arena_printf(a, "%.*s", (int)(open - key), key));
    *at = (int)i;
    return f >= 0 && dtype_is_sequence(d->feed[f].dtype) ? f : -1;
}

/* Room for as many elements as there are arrays; those that are read count. */
static void open_sequences(const struct dataset *d, int n_arrays, struct arena *a,
                           const struct tensor **t)
{
    for (int f = 0; f < d->n_feeds; f++) {
        if (!dtype_is_sequence(d->feed[f].dtype))
            continue;
        struct tensor *s = NEW(a, struct tensor);
        s->dtype = d->feed[f].dtype;
        s->shape.rank = 1;
        s->data = NEW_ARRAY(a, n_arrays + 1, struct tensor);
        t[f] = s;
    }
}

static int read_element(const struct npz *z, int k, struct arena *a, const struct tensor *sequence,
                        int at, struct err *err)
{
    const struct tensor *t = npz_read(z, k, a, err);
    struct tensor *element = (struct tensor *)sequence->data + at;
    if (!t)
        return -1;
    *element = *t;
    return 0;
}

/* No element is left out. */
static int close_sequences(const struct dataset *d, int n_arrays, const char *path,
                           const struct tensor **t, struct err *err)
{
    for (int f = 0; f < d->n_feeds; f++) {
        if (!dtype_is_sequence(d->feed[f].dtype))
            continue;
        const struct tensor *element = t[f]->data;
        int n = 0;
        for (int i = 0; i < n_arrays; i++)
            if (element[i].dtype && i != n++)
                return err_set(err, ERR_INPUT, "%s: no array '%s[%d]', but later ones", path,
                               d->feed[f].name, n - 1);
        ((struct tensor *)(uintptr_t)t[f])->shape.dim[0] = n;
    }
    return 0;
}

static int read_arrays(const struct dataset *d, const struct npz *z, const char *path,
                       struct arena *a, const struct tensor **t, struct err *err)
{
    int n_arrays = npz_count(z), at;
    open_sequences(d, n_arrays, a, t);
    for (int k = 0; k < n_arrays; k++) {
        int s = find_sequence(d, npz_name(z, k), n_arrays, &at, a);
        if (s >= 0) {
            TRY(read_element(z, k, a, t[s], at, err));
            continue;
        }
        int f = dataset_find_feed(d, npz_name(z, k));
        if (f < 0 || t[f])
            return err_set(err, ERR_INPUT, "%s: array '%s' is %s; %s", path, npz_name(z, k),
                           f < 0 ? "not an input of the model" : "there twice",
                           dataset_list_feeds(d, a));
        t[f] = npz_read(z, k, a, err);
        if (!t[f])
            return -1;
    }
    for (int f = 0; f < d->n_feeds; f++)
        if (!t[f] && !d->feed[f].start)
            return err_set(err, ERR_INPUT, "%s: no array '%s'; %s", path, d->feed[f].name,
                           dataset_list_feeds(d, a));
    return close_sequences(d, n_arrays, path, t, err);
}

static int npz_file_read(const struct dataset *d, int64_t i, struct arena *a,
                         const struct tensor **t, struct err *err)
{
    const char *path = dataset_file_path(d, (int)i, a);
    atomic_bool *read = d->state;
    struct npz *z = npz_open(path, err);
    if (!z)
        return -1;
    if (atomic_load(&read[i]))
        npz_trust(z);
    int r = read_arrays(d, z, path, a, t, err);
    if (r >= 0)
        atomic_store(&read[i], true);
    npz_close(z);
    return r;
}

const struct dataset_kind dataset_npz = {
    ".npz file", ".npz files", npz_files_open, npz_file_name, npz_file_read, NULL,
};
