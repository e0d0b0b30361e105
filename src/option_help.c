/* SPDX-License-Identifier: Apache-2.0
 *
 * option_help: the help text of a table of options. Its width does not depend on the terminal, so
 * that it is the same everywhere, in tests and in the manual.
 */
#include "option.h"

#include <string.h>

enum { WIDTH = 88, HELP_COLUMN = 26 };

static size_t word_length(const char *text)
{
    return strcspn(text, " \n");
}

void option_wrap(const char *text, int at, int indent, FILE *out)
{
    int column = at;
    bool starts_line = true;
    while (*text) {
        if (*text == '\n') {
            fprintf(out, "\n%*s", text[1] == '\n' ? 0 : indent, "");
            column = indent;
            starts_line = true;
            text++;
            continue;
        }
        int n = (int)word_length(text);
        if (!starts_line && column + 1 + n > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            starts_line = true;
        }
        column += fprintf(out, "%s%.*s", starts_line ? "" : " ", n, text);
        starts_line = false;
        text += n;
        text += *text == ' ';
    }
    fputc('\n', out);
}

/* "  -o, --output FILE"; returns the column after it. */
static int print_left(const struct option *o, FILE *out)
{
    char letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    bool dash = o->type != OPT_POSITION;
    int n = fprintf(out, "  %s%s%s", dash ? letter : "", dash ? "--" : "", o->name);
    if (dash && o->arg)
        n += fprintf(out, " %s", o->arg);
    return n;
}

static void print_row(const struct option *o, FILE *out)
{
    int column = print_left(o, out);
    if (column + 2 > HELP_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", HELP_COLUMN - column, "");
    option_wrap(o->help, HELP_COLUMN, HELP_COLUMN, out);
    if (o->type != OPT_CHOICE)
        return;
    fprintf(out, "%*sone of:", HELP_COLUMN, "");
    for (int i = 0; o->choices[i]; i++)
        fprintf(out, "%s %s", i ? "," : "", o->choices[i]);
    fputc('\n', out);
}

void option_help(const struct option_page *page, const struct option *rows, FILE *out)
{
    fprintf(out, "usage: %s\n\n", page->usage);
    option_wrap(page->summary, 0, 0, out);
    bool titled = false;
    for (const struct option *o = rows; o->type != OPT_END; o++) {
        if (o->type == OPT_HEADING) {
            fprintf(out, "\n%s\n", o->help);
        } else {
            if (!titled)
                fputc('\n', out);
            print_row(o, out);
        }
        titled = true;
    }
    if (page->examples)
        fprintf(out, "\nExamples\n%s", page->examples);
}
