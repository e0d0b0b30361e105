/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx: files to models and back.
 *
 * A file is checked before it is believed: its bytes (nesting, sizes, wire format), then its graph
 * (every name defined once and before its use, tensors as large as their shape says). What the
 * graph does not model rides along in `origin` and is written back untouched: functions, training
 * information, device configurations, metadata, doc strings, unknown fields. A model that no pass
 * has changed gives back the bytes it was read from; onnx_fidelity() tells of the few files where
 * that cannot be.
 *
 * Functions are written as they were read, but those that the model has called and does not call
 * any more go.
 *
 * Nodes out of order are sorted. Names inside a body that hide an outer name get a fresh one.
 * Sparse initializers become dense constants and are written sparse again while nobody replaces
 * them. A string tensor's data is an array of `struct bytes`, with size 0.
 *
 * External data is mapped and must lie under the model's directory.
 */
#ifndef ONNX_H
#define ONNX_H

#include "err.h"
#include "graph.h"
#include "str.h"

/* NULL: not readable, and err says why, beginning with the path. model_close() gives it back. */
struct model *onnx_read(const char *path, struct err *err);
/* As onnx_read, from memory. `path` is used for messages, and its directory for external data. */
struct model *onnx_read_bytes(const void *bytes, size_t n, const char *path, struct err *err);
/* NULL: writing the unchanged model into the directory it came from gives the bytes that were read;
 * else why it does not. */
const char *onnx_fidelity(const struct model *m);

/* A file that holds one tensor, as in test_data_set_0/input_0.pb. Everything is in the arena.
 * *name (where not NULL) is the tensor's name, "" where it has none. */
const struct tensor *onnx_read_tensor(const char *path, struct arena *a, const char **name,
                                      struct err *err);
/* The same for a sequence of tensors, which comes as a tensor (see tensor.h). */
const struct tensor *onnx_read_sequence(const char *path, struct arena *a, const char **name,
                                        struct err *err);
int onnx_write_tensor(const struct tensor *t, const char *name, const char *path, struct err *err);

struct onnx_write_options {
    bool stamp;    /* name quern as the producer */
    bool external; /* put the constants beside the model even where they would fit into it */
    bool types;    /* list the types of inner values also where the file that was read did not */
    int64_t *bytes; /* gets how much was written, the data beside it included; NULL: nobody asks */
};

/* Writes beside the destination, then renames. `o` may be NULL: everything false.
 *
 * Graph outputs get the names in output_name: the value that feeds one is renamed, or an Identity
 * is put between where that value is an input, a constant or already another output. (An output
 * that has the name of a graph input is that input.)
 *
 * A protobuf file ends at 2 GiB. A model beyond that, or with `external`, keeps its constants from
 * 1024 bytes on in one file PATH.data beside it, each at a multiple of 4096. A model that was read
 * with external data and is written into the same directory goes on using the files it has; in
 * another directory it gets the data again, inside or beside it by the same rule.
 *
 * The IR version rises where a constant's type or a changed operator set needs it, never falls.
 * Entries of value_info go with the values they speak of. A tensor with `origin` is written as it
 * was read; whoever copies a struct tensor to change the copy sets its origin to NULL. */
int onnx_write(const struct model *m, const char *path, const struct onnx_write_options *o,
               struct err *err);
/* Into memory; references to external data stay what they are. */
int onnx_write_bytes(const struct model *m, const struct onnx_write_options *o, struct str *out,
                     struct err *err);

#endif
