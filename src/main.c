/* SPDX-License-Identifier: Apache-2.0
 *
 * main: the table of commands. Exit codes: 0 done; 1 the model, the data or another file of the
 * user is at fault; 2 wrong usage; 3 the machine is at fault (disk full, no permission, memory).
 */
#include "arena.h"
#include "command.h"
#include "file.h"
#include "k_startup.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const struct command command_table[] = {
    {"quantize", cmd_quantize, "quantize a model with calibration data"},
    {"run", cmd_run, "run a model on samples: outputs, or accuracy"},
    {"compare", cmd_compare, "two models on the same samples: error of each output and layer"},
    {"convert", cmd_convert, "read a model, apply single passes, write it"},
    {"show", cmd_show, "print a model's graph as text"},
    {"check", cmd_check, "say everything that stands in the way of quantizing a model"},
    {"list", cmd_list, "list what is built in: operators, passes, targets, observers"},
};
enum { N_COMMANDS = sizeof command_table / sizeof command_table[0] };

struct main_options {
    struct common_options common;
    bool version;
};
static const struct option main_rows[] = {
    OPTION(OPT_FLAG, 0, "version", struct main_options, version, NULL, "print the version"),
    COMMON_ROWS,
};

static void print_overview(FILE *out)
{
    fprintf(out, "quern quantizes trained networks: it reads an ONNX model, runs your data through "
                 "it, and\nwrites an ONNX model that runtimes execute in integer arithmetic.\n\n"
                 "usage: quern COMMAND ... [options]\n\n");
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-10s %s\n", command_table[i].name, command_table[i].summary);
    fprintf(out, "\nExamples\n"
                 "  quern quantize model.onnx --data samples/ -o model.int8.onnx\n"
                 "  quern run model.int8.onnx --data images/ --labels labels.tsv\n"
                 "  quern compare model.onnx model.int8.onnx --data samples/\n\n"
                 "Next: 'quern check MODEL' says whether a model can be quantized, and "
                 "'quern COMMAND --help'\nexplains a command and its options.\n");
}

static const struct command *find_command(const char *name, struct err *err)
{
    const char *known[N_COMMANDS + 1] = {0};
    for (int i = 0; i < N_COMMANDS; i++) {
        if (!strcmp(command_table[i].name, name))
            return &command_table[i];
        known[i] = command_table[i].name;
    }
    const char *nearest = option_nearest(name, known);
    if (nearest)
        err_set(err, ERR_USAGE, "unknown command '%s'; did you mean '%s'?", name, nearest);
    else
        err_set(err, ERR_USAGE, "unknown command '%s'", name);
    return NULL;
}

static int report_error(const char *command, const struct err *err)
{
    fflush(stdout);
    fprintf(stderr, "quern: %s\n", err->text);
    if (err->code == ERR_USAGE)
        fprintf(stderr, "Try 'quern %s%s--help'.\n", command, *command ? " " : "");
    return err_exit_code(err);
}

/* Options may also stand before the command: they are moved behind its name. */
static int run_command(int argc, char **argv)
{
    struct err err = {0};
    struct main_options o = {0};
    int n_leading = option_count_leading(main_rows, argc, argv);
    if (option_parse(main_rows, &o, n_leading + 1, argv, &err))
        return report_error("", &err);
    if (o.version) {
        printf("quern %s\n", QUERN_VERSION);
        return 0;
    }
    char *name = n_leading + 1 < argc ? argv[n_leading + 1] : NULL;
    if (!name || o.common.help || !strcmp(name, "help")) {
        print_overview(name || o.common.help ? stdout : stderr);
        return name || o.common.help ? 0 : 2;
    }
    memmove(argv + 2, argv + 1, (size_t)n_leading * sizeof *argv);
    argv[1] = name;
    const struct command *c = find_command(name, &err);
    if (!c)
        return report_error("", &err);
    return c->run(argc - 1, argv + 1, &err) ? report_error(name, &err) : 0;
}

/* Results that did not reach their reader are an error; a reader that stopped reading knows it. */
static int close_output(int code)
{
    int failed = fflush(stdout) || ferror(stdout);
    if (!failed)
        return code;
    if (errno != EPIPE)
        fprintf(stderr, "quern: standard output: cannot write: %s\n", strerror(errno));
    return 3;
}

int main(int argc, char **argv)
{
    kernels_startup(argv);
    mem_startup();
    file_guard_signals();
    signal(SIGPIPE, SIG_IGN);
    return close_output(run_command(argc, argv));
}
