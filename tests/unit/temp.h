/* SPDX-License-Identifier: Apache-2.0
 *
 * temp: a directory for the files of a test. What fails here ends the program.
 */
#ifndef TEMP_H
#define TEMP_H

#include "arena.h"
#include "err.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Makes a new directory under $TMPDIR or /tmp; its path is in the arena. */
static inline const char *temp_make(struct arena *a)
{
    const char *base = getenv("TMPDIR");
    char *path = arena_printf(a, "%s/quern-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(path))
        die("cannot make a directory like %s", path);
    return path;
}

/* DIR/NAME; directories within NAME are made. */
static inline const char *temp_path(struct arena *a, const char *dir, const char *name)
{
    char *path = arena_printf(a, "%s/%s", dir, name);
    for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        mkdir(path, 0777); /* where it is missing */
        *p = '/';
    }
    return path;
}

static inline void temp_write(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f))
        die("cannot write %s", path);
}

static inline int temp_remove_one(const char *path, const struct stat *st, int kind,
                                  struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

/* Removes the directory and everything in it. */
static inline void temp_remove(const char *dir)
{
    nftw(dir, temp_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
