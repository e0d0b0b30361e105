/* SPDX-License-Identifier: Apache-2.0
 *
 * command: parsing with the common options, opening data, texts that several commands print.
 */
#include "command.h"

#include "inline_attention.h"
#include "inline_function.h"
#include "k_startup.h"
#include "log.h"
#include "onnx.h"
#include "threads.h"

#include <string.h>

int command_parse(const struct option_page *page, const struct option *rows, void *options,
                  int argc, char **argv, struct err *err)
{
    struct common_options *common = options;
    if (option_parse(rows, options, argc, argv, err))
        return err_at(err, "%s", argv[0]);
    if (common->help) {
        option_help(page, rows, stdout);
        return 0;
    }
    const char *missing = option_missing(rows, options);
    if (missing)
        return err_set(err, ERR_USAGE, "%s: %s is missing", argv[0], missing);
    bool safe = kernels_may_run_in_threads(), asked = common->jobs > 1;
    if (!common->jobs)
        common->jobs = threads_available();
    log_set_level(common->quiet ? LOG_QUIET : common->verbose ? LOG_DEBUG : LOG_INFO);
    if (!safe && asked)
        log_info("note: -j 1: this OpenBLAS was built for programs of one thread; its package "
                 "with threads (libopenblas-pthread) lets quern use more");
    if (!safe)
        common->jobs = 1;
    return 1;
}

int command_need_data(const char *command, const struct dataset_options *o, struct err *err)
{
    if (o->path)
        return 0;
    return err_set(err, ERR_USAGE,
                   "%s: no data: name the samples with --data PATH (.npz or .npy files, "
                   "test_data_set_* directories, or images with --image), or ask for noise with "
                   "--data random", command);
}

static int unknown_pass(const char *command, const char *name, struct err *err)
{
    const char *known[MAX_PASSES] = {0};
    for (int i = 0; i < pass_count && i < MAX_PASSES - 1; i++)
        known[i] = pass_table[i]->name;
    const char *nearest = option_nearest(name, known);
    if (nearest)
        return err_set(err, ERR_USAGE, "%s: unknown pass '%s'; did you mean '%s'?", command,
                       name, nearest);
    return err_set(err, ERR_USAGE, "%s: unknown pass '%s'; see 'quern list passes'", command, name);
}

int command_parse_passes(const char *command, const char *names, struct arena *a,
                         struct pass_list *list, struct err *err)
{
    if (!names || !*names)
        return 0;
    char *text = arena_strdup(a, names), *rest = text;
    while (rest) {
        char *name = rest;
        rest = strchr(rest, ',');
        if (rest)
            *rest++ = 0;
        const struct pass *p = pass_find(name);
        if (!p)
            return unknown_pass(command, name, err);
        if (list->n == MAX_PASSES)
            return err_set(err, ERR_USAGE, "%s: more than %d passes", command, MAX_PASSES);
        list->at[list->n++] = p;
    }
    return 0;
}

int command_check_print_after(const char *command, const char *names, struct err *err)
{
    if (!names || !strcmp(names, "all"))
        return 0;
    struct arena a = {0};
    struct pass_list list = {.n = 0};
    int r = command_parse_passes(command, names, &a, &list, err);
    arena_release(&a);
    return r;
}

const char *count_text(long long n, const char *one, const char *many, char buf[COUNT_TEXT])
{
    snprintf(buf, COUNT_TEXT, "%lld %s", n, n == 1 ? one : many);
    return buf;
}

struct model *command_read_model(const char *path, struct err *err)
{
    struct model *m = onnx_read(path, err);
    if (m && (model_inline_functions(m, err) < 0 || model_inline_attention(m, err) < 0)) {
        err_at(err, "%s", path);
        model_close(m);
        return NULL;
    }
    return m;
}
