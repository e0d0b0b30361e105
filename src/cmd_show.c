/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_show: prints a model as text.
 */
#include "command.h"
#include "infer.h"
#include "log.h"
#include "onnx.h"
#include "print.h"

struct show_options {
    struct common_options common;
    const char *model, *node;
    bool summary, no_constants, types;
};

static const struct option show_rows[] = {
    OPTION(OPT_POSITION, 0, "MODEL", struct show_options, model, NULL, "an ONNX model"),
    OPTION_HEADING("Options"),
    OPTION(OPT_STRING, 0, "node", struct show_options, node, "PATTERN",
           "only nodes whose name, operator or an output matches (* any text, ? any letter), and "
           "their constants"),
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
               "values are quantized.",
    .examples = "  quern show model.onnx | less\n"
                "  quern show model.onnx --summary\n"
                "  quern show model.onnx --node '*conv1*'\n"
                "  quern show model.onnx --node Gemm\n",
};

int cmd_show(int argc, char **argv, struct err *err)
{
    struct show_options o = {0};
    int todo = command_parse(&show_page, show_rows, &o, argc, argv, err);
    if (todo <= 0)
        return todo;
    struct model *m = onnx_read(o.model, err);
    if (!m)
        return -1;
    struct err why = {0};
    if (graph_infer(m->graph, &why)) /* no reason not to look at the model */
        log_info("%s: types are incomplete: %s", o.model, why.text);
    struct print_options p = {o.node, o.no_constants, o.summary, 0};
    if (o.types)
        model_print_types(m, stdout);
    else
        model_print(m, stdout, &p);
    model_close(m);
    return 0;
}
