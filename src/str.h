/* SPDX-License-Identifier: Apache-2.0
 *
 * str: a growing string, always NUL-terminated once something was added.
 * `struct str s = {0};` is empty; str_release() gives the memory back.
 */
#ifndef STR_H
#define STR_H

#include <stdbool.h>
#include <stddef.h>

struct str {
    char *text; /* NULL while nothing was added */
    size_t n, room;
};

void str_add(struct str *s, const char *text);
void str_add_n(struct str *s, const void *bytes, size_t n);
void str_printf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_release(struct str *s);

/* Is `word` one of those of the list "a,b,c", whose separator is given? NULL: an empty list. */
bool str_list_has(const char *list, const char *word, char separator);

/* Shell-like match of a whole name: `*` any run, `?` any character. */
int str_glob(const char *pattern, const char *name);

#endif
