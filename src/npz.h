/* SPDX-License-Identifier: Apache-2.0
 *
 * npz: NumPy's archives of named arrays: ZIP files whose entries are called NAME.npy.
 *
 * Entries are read stored or deflated. Written archives are stored and carry a fixed date, so that
 * the same arrays give the same bytes; they appear under their name when they are complete.
 */
#ifndef NPZ_H
#define NPZ_H

#include "err.h"
#include "tensor.h"

/* An archive belongs to one thread at a time. */
struct npz;
struct npz *npz_open(const char *path, struct err *err);
void npz_close(struct npz *z);
/* The file was read before without an error: checksums of stored arrays are not compared again. */
void npz_trust(struct npz *z);
/* Entries that are not arrays count as well: their names have no .npy that is cut off. */
int npz_count(const struct npz *z);
/* The name of array i, without .npy; good until the archive is closed. */
const char *npz_name(const struct npz *z, int i);
/* Array i, in the arena. Messages name the file and the array. */
const struct tensor *npz_read(const struct npz *z, int i, struct arena *a, struct err *err);

/* Up to 4 GiB. */
struct npz_out;
struct npz_out *npz_create(const char *path, struct err *err);
/* A numeric tensor in plain layout; see npy.h for how types that NumPy lacks are written. */
int npz_add(struct npz_out *z, const char *name, const struct tensor *t, struct err *err);
/* Both end the output; there may be thousands, so commit does not wait for the disk. */
int npz_commit(struct npz_out *z, struct err *err);
void npz_discard(struct npz_out *z);

#endif
