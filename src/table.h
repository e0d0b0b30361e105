/* SPDX-License-Identifier: Apache-2.0
 *
 * table: rows of text in columns that are as wide as they need to be.
 *
 *     struct table t = {.align = "lr", .arena = a};
 *     table_cell(&t, "output");  table_cell(&t, "mean");     a row is full when the next begins
 *     table_cell(&t, "scores");  table_cell(&t, "%.3g", mean);
 *     table_print(&t, stdout);
 */
#ifndef TABLE_H
#define TABLE_H

#include "vec.h"

#include <stdio.h>

struct table {
    const char *align; /* a letter for each column: l left, r right */
    struct arena *arena;
    VEC(const char *) cell;
};

/* The next cell, printf-like; a text that is already in the arena can be added as it is. */
#define table_cell(t, ...) table_add((t), arena_printf((t)->arena, __VA_ARGS__))
void table_add(struct table *t, const char *text);
/* Columns are two blanks apart; lines have no blanks at the end. */
void table_print(const struct table *t, FILE *out);
/* The same in Markdown; the first row is the head. */
void table_print_markdown(const struct table *t, FILE *out);

/* A name that does not fit into `width` columns loses its middle. */
const char *name_fit(const char *name, int width, struct arena *a);

#endif
