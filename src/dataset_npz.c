/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_npz: each .npz file is a sample, its keys are the names of the inputs.
 */
#include "dataset_kind.h"
#include "npz.h"

static int npz_files_open(struct dataset *d, const struct dataset_options *o, struct err *err)
{
    (void)o, (void)err;
    d->total = d->n_files;
    return 0;
}

static const char *npz_file_name(struct dataset *d, int64_t i)
{
    return d->file[i];
}

static int read_arrays(const struct dataset *d, const struct npz *z, const char *path,
                       struct arena *a, const struct tensor **t, struct err *err)
{
    for (int k = 0; k < npz_count(z); k++) {
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
    return 0;
}

static int npz_file_read(const struct dataset *d, int64_t i, struct arena *a,
                         const struct tensor **t, struct err *err)
{
    const char *path = dataset_file_path(d, (int)i, a);
    struct npz *z = npz_open(path, err);
    if (!z)
        return -1;
    int r = read_arrays(d, z, path, a, t, err);
    npz_close(z);
    return r;
}

const struct dataset_kind dataset_npz = {
    ".npz file", ".npz files", npz_files_open, npz_file_name, npz_file_read, NULL,
};
