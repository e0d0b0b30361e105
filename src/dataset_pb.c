/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_pb: ONNX's test data, directories test_data_set_N with files input_0.pb, input_1.pb and
 * so on, each one TensorProto, or SequenceProto for an input that is a sequence. Their numbers
 * count the inputs that are fed, with or without the carried ones; where all have names of inputs,
 * the names decide. What the directories say about outputs is not looked at.
 */
#include "dataset_kind.h"
#include "file.h"
#include "onnx.h"

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

static int set_in_order(const struct dataset *d, const char *directory,
                        const struct tensor *const *in_order, int n, const struct tensor **t,
                        struct err *err)
{
    bool all = n == d->n_feeds;
    if (!all && n != d->n_feeds - d->n_carry)
        return err_set(err, ERR_INPUT, "%s: %d tensors without names for %d inputs, %d of them "
                       "carried", directory, n, d->n_feeds, d->n_carry);
    for (int f = 0, k = 0; f < d->n_feeds; f++)
        t[f] = all || !d->feed[f].start ? in_order[k++] : NULL;
    return 0;
}

static int set_read(const struct dataset *d, const char *directory, struct arena *a,
                    const struct tensor **t, struct err *err)
{
    const struct tensor **in_order = NEW_ARRAY(a, d->n_feeds, const struct tensor *);
    int named = 0, n = 0;
    for (; n < d->n_feeds; n++) {
        const char *name, *path = arena_printf(a, "%s/input_%d.pb", directory, n);
        if (n >= d->n_feeds - d->n_carry && !file_exists(path))
            break;
        in_order[n] = dtype_is_sequence(d->feed[n].dtype) ? onnx_read_sequence(path, a, &name, err)
                                                          : onnx_read_tensor(path, a, &name, err);
        if (!in_order[n])
            return -1;
        int f = dataset_find_feed(d, name);
        if (f >= 0 && !t[f]) {
            t[f] = in_order[n];
            named++;
        }
    }
    if (named < n)
        return set_in_order(d, directory, in_order, n, t, err);
    for (int f = 0; f < d->n_feeds; f++)
        if (!t[f] && !d->feed[f].start)
            return err_set(err, ERR_INPUT, "%s: no tensor '%s'; %s", directory, d->feed[f].name,
                           dataset_list_feeds(d, a));
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
