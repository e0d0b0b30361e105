/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_pb: ONNX's test data, directories test_data_set_N with files input_0.pb, input_1.pb and
 * so on, each one TensorProto. Their numbers count the inputs that are fed; where all tensors have
 * names of inputs, the names decide. What the directories say about outputs is not looked at.
 */
#include "dataset_kind.h"
#include "onnx.h"

#include <string.h>

static int sets_open(struct dataset *d, const struct dataset_options *o, struct err *err)
{
    (void)o, (void)err;
    d->total = d->n_files;
    return 0;
}

static const char *set_name(struct dataset *d, int64_t i)
{
    return d->file[i];
}

static int set_read(const struct dataset *d, const char *directory, struct arena *a,
                    const struct tensor **t, struct err *err)
{
    const struct tensor **in_order = NEW_ARRAY(a, d->n_feeds, const struct tensor *);
    int named = 0;
    for (int k = 0; k < d->n_feeds; k++) {
        const char *name, *path = arena_printf(a, "%s/input_%d.pb", directory, k);
        in_order[k] = onnx_read_tensor(path, a, &name, err);
        if (!in_order[k])
            return -1;
        int f = dataset_find_feed(d, name);
        if (f >= 0 && !t[f]) {
            t[f] = in_order[k];
            named++;
        }
    }
    if (named < d->n_feeds)
        memcpy(t, in_order, (size_t)d->n_feeds * sizeof t[0]);
    return 0;
}

static int set_of_many_read(const struct dataset *d, int64_t i, struct arena *a,
                            const struct tensor **t, struct err *err)
{
    return set_read(d, dataset_file_path(d, (int)i, a), a, t, err);
}

const struct dataset_kind dataset_pb_sets = {
    "test data set", "test data sets", sets_open, set_name, set_of_many_read, NULL,
};

static int one_set_open(struct dataset *d, const struct dataset_options *o, struct err *err)
{
    (void)o, (void)err;
    d->total = 1;
    return 0;
}

static const char *one_set_name(struct dataset *d, int64_t i)
{
    (void)d, (void)i;
    return "input_*.pb";
}

static int one_set_read(const struct dataset *d, int64_t i, struct arena *a,
                        const struct tensor **t, struct err *err)
{
    (void)i;
    return set_read(d, d->path, a, t, err);
}

const struct dataset_kind dataset_pb_one = {
    "test data set", "test data sets", one_set_open, one_set_name, one_set_read, NULL,
};
