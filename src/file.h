/* SPDX-License-Identifier: Apache-2.0
 *
 * file: reading in parts or by mapping, writing beside the destination and renaming.
 *
 * A killed run leaves the old file or the new one, never a part: file_create() opens a temporary
 * file in the same directory, file_commit() flushes it to the disk and renames it. Signals that
 * end the program remove the temporary files first (file_guard_signals).
 */
#ifndef FILE_H
#define FILE_H

#include "err.h"

#include <stddef.h>

/* A file that is read where it is asked for: what is read once only needs no pages mapped. `path`
 * must live as long. */
struct file_in {
    const char *path;
    int fd;
    size_t size;
};
int file_open(struct file_in *f, const char *path, struct err *err);
/* n bytes from `at` on, all of which must be in the file. */
int file_read(const struct file_in *f, size_t at, void *to, size_t n, struct err *err);
void file_close(struct file_in *f);

/* The bytes of a file, read-only, until unmapped. An empty file gives size 0 and data "". */
struct file_map {
    const void *data;
    size_t size;
};
int file_map(struct file_map *f, const char *path, struct err *err);
void file_unmap(struct file_map *f);
/* Gives the memory of large mapped files back; what is read again comes from the file. For who has
 * just made copies of weights. */
void file_relax(void);

/* An output that is being written. */
struct file_out;
/* A missing directory, no permission and the like are reported here. */
struct file_out *file_create(const char *path, struct err *err);
int file_write(struct file_out *f, const void *bytes, size_t n, struct err *err);
/* All end the output: commit makes it visible under its name, discard removes it. After a power
 * failure a committed file is whole or is what it was before; one that was committed lazily may be
 * empty, but thousands of them do not wait for the disk. */
int file_commit(struct file_out *f, struct err *err);
int file_commit_lazily(struct file_out *f, struct err *err);
void file_discard(struct file_out *f);

/* Makes directory `path` where it is missing (parents must exist). */
int file_make_directory(const char *path, struct err *err);
/* Sorted names in a directory, without "." and ".."; allocated in the arena; -1 or the count. */
struct arena;
int file_list(struct arena *a, const char *path, char ***names, struct err *err);
int file_is_directory(const char *path);
int file_exists(const char *path);

/* From now on SIGINT, SIGTERM and SIGHUP remove what is half written and end the program. */
void file_guard_signals(void);

#endif
