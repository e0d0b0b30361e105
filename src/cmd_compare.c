/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_compare: how far one model's outputs and inner values are from another's.
 */
#include "command.h"
#include "compare.h"
#include "table.h"

#include <math.h>

struct compare_options {
    struct common_options common;
    const char *a, *b;
    struct dataset_options data;
    bool all;
};

static const struct option compare_rows[] = {
    OPTION(OPT_POSITION, 0, "A", struct compare_options, a, NULL, "the model that is right"),
    OPTION(OPT_POSITION, 0, "B", struct compare_options, b, NULL, "the model to compare with it"),
    OPTION_HEADING("Data"),
    DATA_ROWS(struct compare_options, data),
    OPTION_HEADING("Output"),
    OPTION(OPT_FLAG, 'a', "all", struct compare_options, all, NULL,
           "print all layers, not only the 20 worst"),
    COMMON_ROWS,
};

static const struct option_page compare_page = {
    .usage = "quern compare A B --data PATH [options]",
    .summary =
        "Runs two models on the same samples and prints how far B is from A: for each output, and "
        "for each node whose output has the same name in both, the worst first. SQNR is the "
        "signal-to-noise ratio in dB (6 dB are a bit), error the relative error in per cent, max "
        "error the largest absolute one.",
    .examples = "  quern compare model.onnx model.int8.onnx --data samples/\n"
                "  quern compare model.onnx model.int8.onnx --data samples/ --samples 20 --all\n",
};

enum { LAYERS_SHOWN = 20, NAME_COLUMNS = 44 };

static void difference_cells(struct table *t, const struct difference *d)
{
    if (d->shapes_differ) {
        table_cell(t, "other shape");
        table_cell(t, "-");
        table_cell(t, "-");
        return;
    }
    double sqnr = difference_sqnr(d);
    if (sqnr == INFINITY)
        table_cell(t, "equal");
    else
        table_cell(t, "%.2f", sqnr);
    table_cell(t, "%.3g", 100 * difference_relative(d));
    table_cell(t, "%.4g", d->max);
}

static void print_rows(const char *what, const struct compare_row *row, int n, struct arena *a)
{
    struct table t = {.align = "llrrr", .arena = a};
    table_cell(&t, "%s", what);
    table_cell(&t, "operator");
    table_cell(&t, "SQNR dB");
    table_cell(&t, "error %%");
    table_cell(&t, "max error");
    for (int i = 0; i < n; i++) {
        table_cell(&t, "%s", name_fit(row[i].name, NAME_COLUMNS, a));
        table_cell(&t, "%s", row[i].node ? row[i].node->type : "-");
        difference_cells(&t, &row[i].sum);
    }
    table_print(&t, stdout);
}

static void print_comparison(const struct comparison *c, bool all, struct arena *a)
{
    char count[COUNT_TEXT];
    int shown = all || c->n_values < LAYERS_SHOWN ? c->n_values : LAYERS_SHOWN;
    printf("%s\n\n", count_text(c->n_samples, "sample", "samples", count));
    print_rows("output", c->output, c->n_outputs, a);
    putchar('\n');
    if (!shown) {
        printf("No node's output has the same name in both models.\n");
        return;
    }
    print_rows("layer", c->value, shown, a);
    if (shown < c->n_values)
        printf("The %d worst of %d layers; --all prints all.\n", shown, c->n_values);
}

int cmd_compare(int argc, char **argv, struct err *err)
{
    struct compare_options o = {0};
    int todo = command_parse(&compare_page, compare_rows, &o, argc, argv, err);
    if (todo <= 0)
        return todo;
    if (command_need_data(argv[0], &o.data, err))
        return -1;
    struct arena a = {0};
    struct comparison c;
    struct model *first = command_read_model(o.a, err);
    struct model *second = first ? command_read_model(o.b, err) : NULL;
    int r = second ? compare_models(first, second, &o.data, o.common.jobs, &a, &c, err) : -1;
    if (!r)
        print_comparison(&c, o.all, &a);
    arena_release(&a);
    model_close(second);
    model_close(first);
    return r;
}
