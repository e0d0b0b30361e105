/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset: samples for a model's inputs, by index, from files.
 *
 *   a directory of .npz       a file a sample, keys are input names; also one such file. The
 *                             elements of a sequence NAME are NAME[0], NAME[1], ...
 *   a .npy file               stacked on axis 0: row i, with axis 0 kept as 1, is sample i
 *   a directory of .npy       one file named after each input (INPUT.npy), each stacked
 *   test_data_set_* dirs      ONNX's input_0.pb, input_1.pb, ...; the path is their parent or one
 *   a directory of images     with a preprocessing line, see dataset_image.h; also one such file
 *   "random"                  normal noise from a fixed seed, only when asked for by this name;
 *                             32 samples where their number is not given, an unknown first axis is
 *                             1, inputs that are not floats are 0
 *
 * Files are taken in the order of their names; files of no form that is known (labels, read-me)
 * may lie beside them. Reading is safe from several threads.
 *
 * Where outputs are carried (--carry), samples are steps of one sequence in this order, and a
 * carried input may be missing in any of them.
 *
 * A sample fits where its shape agrees with what is known of the input's; a leading axis of length
 * 1 may be missing or too much. Floats become the input's float type; integers and booleans become
 * any type that holds their values exactly. NaN and infinite elements are refused.
 */
#ifndef DATASET_H
#define DATASET_H

#include "err.h"
#include "graph.h"
#include "option.h"

struct dataset;

struct dataset_options {
    const char *path;
    const char *image; /* preprocessing line; NULL: none given */
    int samples;       /* at most so many, taken evenly over the whole, or the first so many where
                          outputs are carried; 0: all */
    bool any_number;   /* let NaN and infinity through; otherwise they are an error */
    struct option_list carry; /* "OUTPUT=INPUT": see struct dataset_carry */
};

struct dataset *dataset_open(const struct graph *g, const struct dataset_options *o,
                             struct err *err);
void dataset_close(struct dataset *d); /* NULL: nothing happens */
int dataset_count(const struct dataset *d);
/* The file or row that sample i comes from, without the directory: "a.npz", "x.npy[7]". */
const char *dataset_name(const struct dataset *d, int i);
bool dataset_is_random(const struct dataset *d);
/* "120 images", "300 .npz files": for people. */
const char *dataset_summary(const struct dataset *d);

/* An output of one sample that is an input of the next. carry.h does it. */
struct dataset_carry {
    const char *output, *input;
    const struct tensor *start; /* zeros, of length 1 along axes that are not known */
};
/* Returns how many there are. */
int dataset_carries(const struct dataset *d, const struct dataset_carry **carry);

/* input: an array of g->n_input, filled with tensors in the arena (NULL for inputs that have a
 * constant). g is the graph the dataset was opened for, or what passes have made of it: inputs are
 * found by name. A carried input that the sample does not give is its `start`, that very tensor.
 * Wrong names, shapes or dtypes are errors that say what was expected and what came. */
int dataset_read(const struct dataset *d, int i, const struct graph *g, struct arena *a,
                 const struct tensor **input, struct err *err);

#endif
