/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_convert: reads a model, runs the passes that were named, writes it.
 */
#include "command.h"
#include "log.h"
#include "onnx.h"
#include "quantize_plan.h"

#include <math.h>
#include <string.h>

struct convert_options {
    struct common_options common;
    const char *model, *out, *passes, *target, *recipe;
    struct pass_options pass;
    struct dataset_options data;
    int opset;
    bool external;
};

static const struct option convert_rows[] = {
    OPTION(OPT_POSITION, 0, "MODEL", struct convert_options, model, NULL, "an ONNX model"),
    OPTION_HEADING("Passes"),
    OPTION(OPT_STRING, 'p', "pass", struct convert_options, passes, "NAME,...",
           "run these passes, in this order; see 'quern list passes' (default: none)"),
    OPTION(OPT_STRING, 0, "skip", struct convert_options, pass.skip, "NAME,...",
           "leave these passes out"),
    OPTION(OPT_STRING, 0, "target", struct convert_options, target, "NAME",
           "the runtime that 'place' and the lowering passes quantize for"),
    OPTION(OPT_STRING, 0, "recipe", struct convert_options, recipe, "FILE",
           "the target, the rules and the options of `quern quantize --recipe FILE`; what is given "
           "here wins"),
    OPTION(OPT_INT, 0, "opset", struct convert_options, opset, "N",
           "the opset that 'raise-opset' raises to (default: what the target needs, 13 at least)"),
    OPTION(OPT_STRING, 0, "print-after", struct convert_options, pass.print_after, "NAME,...",
           "print the graph after these passes, or after 'all'"),
    OPTION(OPT_FLAG, 0, "verify", struct convert_options, pass.verify, NULL,
           "check the rules of the graph after every pass"),
    OPTION(OPT_FLAG, 0, "check-result", struct convert_options, pass.check_result, NULL,
           "run the model before and after each pass that promises the same result"),
    OPTION_HEADING("Data, for passes that calibrate and for --check-result"),
    DATA_ROWS(struct convert_options, data),
    OPTION_HEADING("Output"),
    OPTION(OPT_STRING, 'o', "output", struct convert_options, out, "FILE", "the model to write"),
    OPTION(OPT_FLAG, 0, "external-data", struct convert_options, external, NULL,
           "put the weights into FILE.data beside it, as files above 2 GB always do",
           .recipe = true),
    COMMON_ROWS,
};

static const struct option_page convert_page = {
    .usage = "quern convert MODEL -o FILE [--pass NAME,...] [options]",
    .summary =
        "Reads a model, runs the passes named, and writes it. Without passes the file that is "
        "written has the same bytes as the one that was read; with -v it is said where that "
        "cannot be.",
    .examples = "  quern convert model.onnx -o same.onnx\n"
                "  quern convert model.onnx -o folded.onnx --pass fold-constants,fold-bn\n"
                "  quern convert model.onnx -o folded.onnx --pass fold-bn --verify --check-result\n"
                "  quern convert model.onnx -o big.onnx --external-data\n",
};

static const char *pass_that_gives(unsigned facts)
{
    for (int i = 0; i < pass_count; i++)
        if (pass_table[i]->gives & facts)
            return pass_table[i]->name;
    return "another pass";
}

/* Here the user orders the passes; quantize has them in the order of passes.def. */
static int check_order(const struct pass_list *list, struct err *err)
{
    unsigned facts = FACT_TYPES; /* computed on demand */
    for (int i = 0; i < list->n; i++) {
        const struct pass *p = list->at[i];
        unsigned missing = p->needs & ~facts;
        if (missing)
            return err_set(err, ERR_USAGE, "convert: pass '%s' works on what '%s' gives; name that "
                           "one before it", p->name, pass_that_gives(missing));
        facts = (facts & ~p->breaks) | FACT_TYPES | p->gives;
    }
    return 0;
}

static int run_passes(const struct convert_options *o, const struct quantize_plan *plan,
                      const struct pass_list *list, struct model *m, struct err *err)
{
    struct arena arena = {0}, scratch = {0};
    struct pass_ctx ctx = {
        .jobs = o->common.jobs, .opset = o->opset, .observer = "auto", .sqnr = NAN,
        .arena = &arena, .scratch = &scratch};
    struct dataset *d = NULL;
    int r = 0;
    if (o->recipe || o->target)
        quantize_context(&plan->options, &plan->choice, &ctx);
    if (o->data.path && !(d = dataset_open(m->graph, &o->data, err)))
        r = -1;
    ctx.data = d;
    if (!r)
        r = pass_run_all(list->at, list->n, m, &ctx, &o->pass, err);
    if (d)
        dataset_close(d);
    str_release(&ctx.notes);
    arena_release(&scratch);
    arena_release(&arena);
    return r;
}

static int convert_model(const struct convert_options *o, const struct quantize_plan *plan,
                         const struct pass_list *list, struct model *m, struct err *err)
{
    const char *change = onnx_fidelity(m);
    if (change)
        log_debug("%s: the bytes will not be the same: %s", o->model, change);
    if (list->n)
        TRY(run_passes(o, plan, list, m, err));
    struct onnx_write_options w = {.external = o->external};
    return onnx_write(m, o->out, &w, err);
}

/* The command line over the recipe. The plan stays empty where neither names a target. */
static int parse(struct convert_options *o, struct quantize_plan *plan, int argc, char **argv,
                 struct err *err)
{
    int todo = command_parse(&convert_page, convert_rows, o, argc, argv, err);
    if (todo <= 0 || !(o->recipe || o->target))
        return todo;
    TRY(quantize_plan_open(plan, o->recipe, o->target, err));
    if (!o->recipe)
        return todo;
    const struct quantize_options *q = &plan->options;
    *o = (struct convert_options){.data = q->data, .pass.skip = q->skip, .external = q->external};
    return command_parse(&convert_page, convert_rows, o, argc, argv, err);
}

static int convert(const struct convert_options *o, const struct quantize_plan *plan,
                   struct err *err)
{
    if (!o->out)
        return err_set(err, ERR_USAGE, "convert: no output: name the model to write with -o FILE");
    struct arena a = {0};
    struct pass_list run = {.n = 0}, skipped = {.n = 0};
    struct model *m = NULL;
    int r = -1;
    if (!command_parse_passes("convert", o->passes, &a, &run, err)
        && !command_parse_passes("convert", o->pass.skip, &a, &skipped, err)
        && !command_check_print_after("convert", o->pass.print_after, err)
        && !check_order(&run, err))
        m = onnx_read(o->model, err);
    if (m)
        r = convert_model(o, plan, &run, m, err);
    model_close(m);
    arena_release(&a);
    return r;
}

int cmd_convert(int argc, char **argv, struct err *err)
{
    struct convert_options o = {0};
    struct quantize_plan plan = {0};
    int r = parse(&o, &plan, argc, argv, err);
    if (r > 0)
        r = convert(&o, &plan, err);
    quantize_plan_release(&plan);
    return r;
}
