/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_kind: what the forms of data sets share; only dataset*.c include this.
 *
 * A kind finds its samples when it is opened and reads one of them when it is asked, as it lies in
 * the file. dataset.c picks the samples and dataset_match.c fits them to the model's inputs.
 */
#ifndef DATASET_KIND_H
#define DATASET_KIND_H

#include "dataset.h"

/* An input of the model that has to be fed. Copied: passes may change the graph meanwhile. */
struct feed {
    const char *name;
    enum dtype dtype;   /* DTYPE_NONE: not known */
    struct shape shape; /* as far as known */
    bool any_number;    /* NaN and infinity as well */
    const struct tensor *start; /* not NULL: carried, and may be missing in a sample */
};

struct dataset {
    struct arena arena;
    const struct dataset_kind *kind;
    const char *path;
    struct feed *feed;
    int n_feeds;
    struct dataset_carry *carry;
    int n_carry;
    char **file; /* the files of this kind in the directory, sorted */
    int n_files;
    void *state;         /* of the kind */
    int64_t total;       /* samples there are; set by the kind */
    int n;               /* samples taken */
    const char **name;   /* of each sample taken */
    const char *prefix;  /* goes before a name in messages: "data/" */
    const char *summary;
};

struct dataset_kind {
    const char *one, *many; /* "image", "images" */
    int (*open)(struct dataset *d, const struct dataset_options *o, struct err *err);
    /* The name of sample i of all, in d->arena. */
    const char *(*name)(struct dataset *d, int64_t i);
    /* Fills one tensor a feed; carried ones may stay NULL. Errors name the file. */
    int (*read)(const struct dataset *d, int64_t i, struct arena *a, const struct tensor **t,
                struct err *err);
    void (*close)(struct dataset *d); /* NULL: all is in the arena */
};
extern const struct dataset_kind dataset_npz, dataset_npy_file, dataset_npy_directory;
extern const struct dataset_kind dataset_pb_sets, dataset_pb_one, dataset_image, dataset_random;

/* The tensor with the dtype and the rank that the model wants, or an error that says what was
 * expected and what came, beginning with "input 'x'". */
int dataset_fit(const struct feed *f, const struct tensor *t, struct arena *a,
                const struct tensor **out, struct err *err);
/* -1: there is none. */
int dataset_find_feed(const struct dataset *d, const char *name);
/* The only input that is not carried; -1: there is none, or more. */
int dataset_only_feed(const struct dataset *d);
/* What the options say is carried: fills d->carry, and `start` of feeds. */
int dataset_read_carries(struct dataset *d, const struct graph *g, const struct option_list *list,
                         struct err *err);
/* "the model's inputs are 'x' and 'y'"; in the arena. */
const char *dataset_list_feeds(const struct dataset *d, struct arena *a);
/* Of a file in the data set's directory. */
const char *dataset_file_path(const struct dataset *d, int i, struct arena *a);

#endif
