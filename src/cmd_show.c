/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_show: prints a model as text; for a target also why each node is quantized or not.
 */
#include "command.h"
#include "infer.h"
#include "log.h"
#include "onnx.h"
#include "place_why.h"
#include "predict.h"
#include "print.h"
#include "quantize_plan.h"
#include "quantized.h"

struct show_options {
    struct common_options common;
    const char *model, *node, *target, *recipe;
    bool summary, no_constants, types;
};

static const struct option show_rows[] = {
    OPTION(OPT_POSITION, 0, "MODEL", struct show_options, model, NULL, "an ONNX model"),
    OPTION_HEADING("Options"),
    OPTION(OPT_STRING, 0, "node", struct show_options, node, "PATTERN",
           "only nodes whose name, operator or an output matches (* any text, ? any letter), and "
           "their constants"),
    OPTION(OPT_STRING, 't', "target", struct show_options, target, "NAME",
           "place the quantization for this runtime, and say of each node why it is quantized or "
           "not; of a quantized model, how the runtime executes it"),
    OPTION(OPT_STRING, 0, "recipe", struct show_options, recipe, "FILE",
           "the same as `quern quantize --recipe FILE` would do it: its target, rules and "
           "options"),
    OPTION(OPT_FLAG, 0, "summary", struct show_options, summary, NULL,
           "counts instead of the graph"),
    OPTION(OPT_FLAG, 0, "no-constants", struct show_options, no_constants, NULL,
           "leave the list of constants out"),
    OPTION(OPT_FLAG, 0, "types", struct show_options, types, NULL,
           "a line a value instead of the graph: where (nothing, or a body), name and type, "
           "parted by tabs"),
    COMMON_ROWS,
};

static const struct option_page show_page = {
    .usage = "quern show MODEL [options]",
    .summary = "Prints a model's graph as text, a line a node: names, types, attributes, and how "
               "values are quantized.\n\n"
               "With --target or --recipe the graph is what `quern quantize` would make of it, "
               "prepared and placed, before any data are seen: what is decided by measuring is "
               "not in it, but in the report of `quern quantize --report`.",
    .examples = "  quern show model.onnx | less\n"
                "  quern show model.onnx --summary\n"
                "  quern show model.onnx --node '*conv1*'\n"
                "  quern show model.onnx --node Gemm\n"
                "  quern show model.onnx --target openvino --no-constants\n"
                "  quern show model.onnx --recipe board.yaml\n"
                "  quern show model.int8.onnx --target openvino --node Conv\n",
};

/* How the runtime executes the layers of a quantized model; by node id. */
static int explain_quantized(const struct model *m, const char *target, struct arena *a,
                             const char ***why, struct err *err)
{
    struct prediction p;
    TRY(graph_infer(m->graph, err));
    TRY(predict_model(m, target, a, &p, err));
    *why = NEW_ARRAY(a, m->n_nodes, const char *);
    for (int i = 0; i < p.node.n; i++) {
        const struct judgement *is = &p.node.at[i].is;
        (*why)[p.node.at[i].node->id] = arena_printf(a, "%s%s%s", verdict_names[is->verdict],
                                                     *is->reason ? ": " : "", is->reason);
    }
    return 0;
}

static int explain(struct model *m, const struct quantize_plan *plan, int jobs, struct arena *a,
                   const char ***why, struct err *err)
{
    const struct target *t = &plan->choice.target;
    struct placement *p;
    if (model_find_quantized(m))
        return explain_quantized(m, target_runtime(t), a, why, err);
    TRY(quantize_plan_place(plan, m, jobs, a, &p, err));
    *why = place_explain(m, t, p, a);
    return 0;
}

/* plan NULL: as the file has it. */
static int show(struct model *m, const struct show_options *o, const struct quantize_plan *plan,
                struct arena *a, struct err *err)
{
    const char **why = NULL;
    struct err incomplete = {0};
    if (plan && explain(m, plan, o->common.jobs, a, &why, err))
        return err_at(err, "%s", o->model);
    if (!plan && graph_infer(m->graph, &incomplete)) /* no reason not to look at the model */
        log_info("%s: types are incomplete: %s", o->model, incomplete.text);
    struct print_options p = {.pattern = o->node, .hide_constants = o->no_constants,
                              .summary = o->summary, .why = why};
    if (o->types)
        model_print_types(m, stdout);
    else
        model_print(m, stdout, &p);
    return 0;
}

int cmd_show(int argc, char **argv, struct err *err)
{
    struct show_options o = {0};
    int todo = command_parse(&show_page, show_rows, &o, argc, argv, err);
    if (todo <= 0)
        return todo;
    struct quantize_plan plan = {0};
    struct arena a = {0};
    struct model *m = NULL;
    bool placed = o.target || o.recipe;
    int r = placed ? quantize_plan_open(&plan, o.recipe, o.target, err) : 0;
    if (r >= 0)
        m = placed ? command_read_model(o.model, err) : onnx_read(o.model, err);
    r = m ? show(m, &o, placed ? &plan : NULL, &a, err) : -1;
    arena_release(&a);
    model_close(m);
    quantize_plan_release(&plan);
    return r;
}
