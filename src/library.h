/* SPDX-License-Identifier: Apache-2.0
 *
 * library: shared libraries that are loaded when they are first needed. What few runs need would
 * cost every one of them memory and time to start, and no machine without it could run quern.
 *
 * Who uses one lists its functions:
 *
 *     #define FUNCTIONS(F) F(TIFFClose) F(TIFFGetField)
 *     LIBRARY(libtiff, "libtiff.so.6", FUNCTIONS);
 *
 * and calls them as lib.TIFFClose(t) once library_load(&libtiff, ...) has succeeded. One a file.
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include "err.h"

#include <stdbool.h>

struct library_function {
    const char *name; /* NULL behind the last */
    void *pointer;    /* of the function pointer that is set */
};
struct library {
    const char *file; /* as the loader looks for it */
    const struct library_function *function;
    bool loaded;
};

#define LIBRARY_POINTER(f) __typeof__(f) *f;
#define LIBRARY_ENTRY(f) {#f, &lib.f},
#define LIBRARY(name, path, functions)                                                             \
    static struct {                                                                                \
        functions(LIBRARY_POINTER)                                                                 \
    } lib;                                                                                         \
    static const struct library_function lib_function[] = {functions(LIBRARY_ENTRY){NULL, NULL}};  \
    static struct library name = {.file = path, .function = lib_function}

/* Once for all threads; it stays until the program ends. */
int library_load(struct library *l, struct err *err);

#endif
