/* SPDX-License-Identifier: Apache-2.0
 *
 * library: shared libraries that are loaded when they are first needed. What few runs need would
 * cost every one of them memory and time to start, and no machine without it could run quern.
 *
 * Who uses one lists its functions once:
 *
 *     #define FUNCTIONS(F) F(TIFFClose) F(TIFFGetField)
 *     static struct { FUNCTIONS(LIBRARY_POINTER) } lib;
 *     #define ENTRY(f) {#f, &lib.f},
 *     static const struct library_function functions[] = {FUNCTIONS(ENTRY) {NULL, NULL}};
 *     static struct library libtiff = {.file = "libtiff.so.6", .function = functions};
 *
 * and calls them as lib.TIFFClose(t) once library_load() has succeeded.
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include "err.h"

#include <stdbool.h>

#define LIBRARY_POINTER(f) __typeof__(f) *f;

struct library_function {
    const char *name; /* NULL behind the last */
    void *pointer;    /* of the function pointer that is set */
};
struct library {
    const char *file; /* as the loader looks for it */
    const struct library_function *function;
    bool loaded;
};

/* Once for all threads; it stays until the program ends. */
int library_load(struct library *l, struct err *err);

#endif
