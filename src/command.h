/* SPDX-License-Identifier: Apache-2.0
 *
 * command: what the commands have in common.
 *
 * A command is a row of the table in main.c and a file cmd_<name>.c with one function. It gets its
 * own name as argv[0], prints results on standard output, and returns 0, or -1 and an error.
 * Adding one: the row, the file, its line in meson.build, a test in tests/cli.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "dataset.h"
#include "err.h"
#include "option.h"
#include "pass.h"
#include "str.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv, struct err *err);
    const char *summary; /* one line of the overview */
};

int cmd_check(int argc, char **argv, struct err *err);
int cmd_compare(int argc, char **argv, struct err *err);
int cmd_convert(int argc, char **argv, struct err *err);
int cmd_list(int argc, char **argv, struct err *err);
int cmd_quantize(int argc, char **argv, struct err *err);
int cmd_run(int argc, char **argv, struct err *err);
int cmd_show(int argc, char **argv, struct err *err);

/* The options that every command has; the first field of its own options. */
struct common_options {
    int jobs; /* threads; command_parse() puts in the processors where it is 0 */
    bool verbose, quiet, help;
};
/* They are the last rows of a command's table. */
#define COMMON_ROWS                                                                                \
    OPTION_HEADING("Options of every command"),                                                    \
    OPTION(OPT_INT, 'j', "jobs", struct common_options, jobs, "N",                                 \
           "threads; the result does not depend on it (default: all processors)",                  \
           .min = 1, .max = 256),                                                                  \
    OPTION(OPT_FLAG, 'v', "verbose", struct common_options, verbose, NULL, "say more"),            \
    OPTION(OPT_FLAG, 'q', "quiet", struct common_options, quiet, NULL,                             \
           "print results and errors only"),                                                       \
    OPTION(OPT_FLAG, 'h', "help", struct common_options, help, NULL, "print this help"),           \
    OPTION_END

/* A model to be looked into and run: its functions are inlined. NULL: err says why. */
struct model *command_read_model(const char *path, struct err *err);

/* Where samples come from; `field` is a struct dataset_options. */
#define DATA_ROWS(owner, field)                                                                    \
    OPTION(OPT_STRING, 'd', "data", owner, field.path, "PATH",                                     \
           "the samples: .npz (a file or a directory of them, a file a sample, keys are input "    \
           "names), .npy (a file stacked on axis 0, or a directory with one named after each "     \
           "input), test_data_set_* directories, a directory of images (JPEG, PNG, BMP, PNM, "     \
           "WebP, TIFF, JPEG 2000; see --image), or the word random"),                             \
    OPTION(OPT_STRING, 0, "image", owner, field.image, "SPEC",                                     \
           "how images become inputs, for example \"resize=256 crop=224 layout=nchw rgb "          \
           "scale=1/255 mean=.485,.456,.406 std=.229,.224,.225\"", .recipe = true),                \
    OPTION(OPT_INT, 'n', "samples", owner, field.samples, "N",                                     \
           "use at most N samples, taken evenly over all of them (with --carry: the first N)",     \
           .min = 1, .max = 1e9, .recipe = true),                                                  \
    OPTION(OPT_LIST, 0, "carry", owner, field.carry, "OUTPUT=INPUT",                               \
           "for a model with state: what a sample gives at OUTPUT is INPUT of the next; samples "  \
           "are a sequence then. The state starts at zero; where a sample has INPUT itself, that " \
           "is taken. May be given many times", .recipe = true)

/* Parses argv into `options`, which starts with a struct common_options, and sets up the log.
 * 1: go on; 0: the help was asked for and printed; -1: error. */
int command_parse(const struct option_page *page, const struct option *rows, void *options,
                  int argc, char **argv, struct err *err);

/* Where none was named: an error that says how to give data to this command. */
int command_need_data(const char *command, const struct dataset_options *o, struct err *err);

/* "a,b" to passes; NULL and "" are none. An unknown name is an error, also where it is to be
 * skipped. */
enum { MAX_PASSES = 256 };
struct pass_list {
    const struct pass *at[MAX_PASSES];
    int n;
};
/* The value of --print-after: the same, or "all". */
int command_check_print_after(const char *command, const char *names, struct err *err);
int command_parse_passes(const char *command, const char *names, struct arena *a,
                         struct pass_list *list, struct err *err);

/* "1 sample", "300 samples": into a buffer of the caller. */
enum { COUNT_TEXT = 64 };
const char *count_text(long long n, const char *one, const char *many, char buf[COUNT_TEXT]);

#endif
