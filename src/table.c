/* SPDX-License-Identifier: Apache-2.0
 *
 * table: columns of text. Widths count bytes: names in other alphabets may stand out a little.
 */
#include "table.h"

#include <stdbool.h>
#include <string.h>

void table_add(struct table *t, const char *text)
{
    *vec_add(&t->cell, t->arena) = text;
}

static int column_width(const struct table *t, int column, int n_columns)
{
    size_t width = 0;
    for (int i = column; i < t->cell.n; i += n_columns) {
        size_t n = strlen(t->cell.at[i]);
        width = n > width ? n : width;
    }
    return (int)width;
}

void table_print(const struct table *t, FILE *out)
{
    int n_columns = (int)strlen(t->align);
    int *width = NEW_ARRAY(t->arena, n_columns, int);
    for (int i = 0; i < n_columns; i++)
        width[i] = column_width(t, i, n_columns);
    for (int i = 0; i < t->cell.n; i++) {
        int column = i % n_columns, n = (int)strlen(t->cell.at[i]);
        int blanks = width[column] - n;
        bool right = t->align[column] == 'r', last = column == n_columns - 1;
        fprintf(out, "%*s%s", right ? blanks : 0, "", t->cell.at[i]);
        if (last)
            fputc('\n', out);
        else
            fprintf(out, "%*s", (right ? 0 : blanks) + 2, "");
    }
}

void table_print_markdown(const struct table *t, FILE *out)
{
    int n_columns = (int)strlen(t->align);
    for (int i = 0; i < t->cell.n; i++) {
        fprintf(out, "| %s ", t->cell.at[i]);
        if ((i + 1) % n_columns)
            continue;
        fprintf(out, "|\n");
        for (int c = 0; i + 1 == n_columns && c < n_columns; c++)
            fprintf(out, "|%s%s", t->align[c] == 'r' ? "--:" : "---",
                    c + 1 == n_columns ? "|\n" : "");
    }
}

const char *name_fit(const char *name, int width, struct arena *a)
{
    int n = (int)strlen(name), head = (width - 3) / 3;
    if (n <= width)
        return name;
    return arena_printf(a, "%.*s...%s", head, name, name + n - (width - 3 - head));
}
