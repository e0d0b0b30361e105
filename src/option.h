/* SPDX-License-Identifier: Apache-2.0
 *
 * option: a row per option. The same rows parse a command line, set one option by name (the
 * "KEY=VALUE" of a pass), and print the help; so what is documented is what is understood.
 *
 *     struct run_options { const char *data; int samples; };
 *     static const struct option rows[] = {
 *         OPTION(OPT_STRING, 0, "data", struct run_options, data, "PATH", "the samples"),
 *         OPTION(OPT_INT, 'n', "samples", struct run_options, samples, "N", "at most N",
 *                .min = 1, .max = 1e6),
 *         OPTION_END,
 *     };
 *
 * Written as --data PATH, --data=PATH, -n 5, -n5; `--` ends the options; a later option wins over
 * an earlier one, except that a list keeps all. --no-NAME unsets a flag, and empties a list, that
 * may stand in a recipe. Texts point into argv: nothing is copied.
 */
#ifndef OPTION_H
#define OPTION_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum option_type {      /* the type of the field */
    OPT_END,            /* ends the rows */
    OPT_HEADING,        /* help: a title above the rows that follow */
    OPT_POSITION,       /* const char *: an argument without a dash */
    OPT_FLAG,           /* bool: set to true */
    OPT_INT,            /* int, between min and max */
    OPT_FLOAT,          /* double, between min and max */
    OPT_STRING,         /* const char * */
    OPT_CHOICE,         /* int: the index in choices */
    OPT_LIST,           /* struct option_list: may be given many times */
};

enum { OPTION_LIST_MAX = 256 };
struct option_list {
    const char *at[OPTION_LIST_MAX];
    int n;
};

struct option {
    enum option_type type;
    char letter;                /* 0: has no short form */
    const char *name;           /* without "--" */
    size_t offset;              /* of the field in the struct that is filled */
    const char *arg;            /* what the value is called in the help: "FILE" */
    const char *help;           /* the default, where there is one, is said here */
    const char *const *choices; /* of OPT_CHOICE; ends with NULL */
    double min, max;            /* of OPT_INT and OPT_FLOAT; both 0: any number */
    bool recipe;                /* may stand in a recipe */
};

/* A row; `field` of struct `owner`. More fields of struct option may follow the help. */
#define OPTION(kind, short_name, long_name, owner, field, value, ...)                              \
    {                                                                                              \
        .type = kind, .letter = short_name, .name = long_name, .offset = offsetof(owner, field),   \
        .arg = value, .help = __VA_ARGS__                                                          \
    }
#define OPTION_HEADING(title) {.type = OPT_HEADING, .help = title}
#define OPTION_END {.type = OPT_END}

/* Fills `into` from argv[1..]; what is not given stays as it is. Errors are ERR_USAGE and propose
 * the nearest known option. */
int option_parse(const struct option *rows, void *into, int argc, char **argv, struct err *err);
/* The name of the first OPT_POSITION whose field is still NULL; NULL: all were given. */
const char *option_missing(const struct option *rows, const void *into);
/* How many of argv[1..] come before the first argument that is no option (nor an option's value).
 * Options that no row knows count as one argument. */
int option_count_leading(const struct option *rows, int argc, char **argv);
/* One option by its long name. */
int option_set(const struct option *rows, void *into, const char *name, const char *value,
               struct err *err);

/* What the help says around the rows. */
struct option_page {
    const char *usage;    /* "quern run MODEL --data PATH [options]" */
    const char *summary;  /* sentences; wrapped */
    const char *examples; /* lines, printed as they are */
};
void option_help(const struct option_page *page, const struct option *rows, FILE *out);
/* A text broken into lines below 90 columns that start at column `indent`; "\n" starts a line.
 * The first line starts where the cursor is, at column `at`. */
void option_wrap(const char *text, int at, int indent, FILE *out);

/* The known word that was probably meant, or NULL; known ends with NULL. */
const char *option_nearest(const char *word, const char *const *known);

#endif
