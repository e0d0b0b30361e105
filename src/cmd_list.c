/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_list: prints the tables that quern is built from.
 */
#include "command.h"
#include "observe.h"
#include "op.h"
#include "pass.h"
#include "table.h"
#include "target.h"

#include <string.h>

struct list_options {
    struct common_options common;
    const char *kind;
    bool markdown;
};

static const struct option list_rows[] = {
    OPTION(OPT_POSITION, 0, "KIND", struct list_options, kind, NULL,
           "ops, passes, targets, formats, rewrites or observers"),
    OPTION(OPT_FLAG, 0, "markdown", struct list_options, markdown, NULL,
           "print the table for a document"),
    COMMON_ROWS,
};

static const struct option_page list_page = {
    .usage = "quern list ops|passes|targets|formats|rewrites|observers",
    .summary =
        "Lists what is built in: the operators that are understood, the passes in the order in "
        "which they run, the runtimes that models are quantized for, the formats in which they are "
        "written, the operators that runtimes get in the place of several, and the rules that "
        "choose ranges.",
    .examples = "  quern list ops\n"
                "  quern list passes\n"
                "  quern list targets --markdown\n",
};

static const char *const role_names[] = {
    [ROLE_NONE] = "-",           [ROLE_COMPUTE] = "compute", [ROLE_WEIGHTED] = "weighted",
    [ROLE_SAME] = "same",        [ROLE_JOIN] = "join",       [ROLE_FIXED] = "fixed range",
    [ROLE_FUSE] = "takes over",
};

static void text_cell(struct table *t, const char *text)
{
    table_cell(t, "%s", text && *text ? text : "-");
}

/* Notes are for documents, where lines may be long. */
static void list_ops(struct table *t, bool document)
{
    static const char *const title[] = {"operator", "domain", "opsets", "engine",
                                        "role",     "types",  "note"};
    t->align = document ? "lllllll" : "llllll";
    for (int i = 0; t->align[i]; i++)
        table_cell(t, "%s", title[i]);
    for (int i = OP_RESULT + 1; i < N_OPS; i++) {
        const struct op_info *op = &op_table[i];
        table_cell(t, "%s", op->name);
        table_cell(t, "%s", *op->domain ? op->domain : "ai.onnx");
        if (op->since < op->last)
            table_cell(t, "%d-%d", op->since, op->last);
        else
            table_cell(t, "%d", op->since);
        table_cell(t, "%s", op_runs((enum op)i) ? op->engine : "not run");
        table_cell(t, "%s", role_names[op->role]);
        text_cell(t, op->types);
        if (document)
            table_cell(t, "%s", op->note ? op->note : "");
    }
}

static void list_passes(struct table *t, bool document)
{
    (void)document;
    t->align = "ll";
    table_cell(t, "pass");
    table_cell(t, "what it does");
    for (int i = 0; i < pass_count; i++) {
        table_cell(t, "%s", pass_table[i]->name);
        table_cell(t, "%s", pass_table[i]->summary);
        const struct option *o = pass_table[i]->options;
        for (; o && o->type != OPT_END; o++) {
            table_cell(t, "  %s: %s", o->name, o->arg);
            table_cell(t, "%s", o->help);
        }
    }
}

/* Long lists of operators go on in rows of their own. */
static void target_row(struct table *t, const char **target, const char *rule, const char *value)
{
    enum { WIDTH = 60 };
    while (*value) {
        size_t n = strlen(value);
        while (n > WIDTH) {
            const char *space = memrchr(value, ' ', n);
            if (!space)
                break;
            n = (size_t)(space - value);
        }
        table_cell(t, "%s", *target);
        table_cell(t, "%s", rule);
        table_cell(t, "%.*s", (int)n, value);
        *target = rule = "";
        value += n + (value[n] == ' ');
    }
}

static void list_target(struct table *t, const struct target *g)
{
    static const char *const unit_rules[] = {
        [UNITS_NEVER] = "on codes, with --elementwise",
        [UNITS_FOLLOW] = "on codes, if inputs are",
        [UNITS_ALWAYS] = "on codes, always",
    };
    char type[QTYPE_TEXT];
    const char *name = g->name;
    target_row(t, &name, "runs on", g->summary);
    target_row(t, &name, "formats", g->formats);
    target_row(t, &name, "activations", qtype_text(&g->activation, type));
    target_row(t, &name, "  types", g->activations);
    target_row(t, &name, "weights", qtype_text(&g->weight, type));
    target_row(t, &name, "  sums of two products",
               g->short_sums ? "fit 16 bits (--cpu vnni: as they come)" : "as they come");
    target_row(t, &name, "  types", g->weights);
    target_row(t, &name, "  types, weights only", g->weights_only);
    target_row(t, &name, "  a scale a channel", g->per_channel);
    target_row(t, &name, "biases", g->integer_bias ? "int32" : "float");
    target_row(t, &name, "layers", g->integer);
    target_row(t, &name, "  ConvTranspose",
               g->splits_transposed ? "as Conv, where it would stay float" : "");
    target_row(t, &name, "  output quantized", *g->outputs ? g->outputs : "none");
    target_row(t, &name, "residual sums", g->skip_branch ? "the skip branch is quantized" : "");
    target_row(t, &name, "move codes", g->codes);
    target_row(t, &name, "inputs quantized", g->readers);
    target_row(t, &name, "one scale", g->joined);
    target_row(t, &name, "folded", g->folded);
    target_row(t, &name, unit_rules[g->unit_rule], g->units);
}

static void list_targets(struct table *t, bool document)
{
    (void)document;
    t->align = "lll";
    table_cell(t, "target");
    table_cell(t, "rule");
    table_cell(t, "value");
    for (int i = 0; i < N_TARGETS; i++)
        list_target(t, &target_table[i]);
}

static void list_formats(struct table *t, bool document)
{
    (void)document;
    t->align = "lll";
    table_cell(t, "format");
    table_cell(t, "data");
    table_cell(t, "what it is");
    for (int i = 0; i < N_FORMATS; i++) {
        table_cell(t, "%s", format_table[i].name);
        table_cell(t, format_table[i].inputs == INPUTS_CALIBRATED ? "needed" : "not needed");
        table_cell(t, "%s", format_table[i].summary);
    }
}

/* Operators that some target gets in the place of their spelled-out form, and which do. */
static void list_rewrites(struct table *t, bool document)
{
    (void)document;
    char *align = arena_strdup(t->arena, "l");
    table_cell(t, "operator");
    for (int i = 0; i < N_TARGETS; i++) {
        align = arena_printf(t->arena, "%sl", align);
        table_cell(t, "%s", target_table[i].name);
    }
    t->align = align;
    for (enum op op = OP_RESULT + 1; op < N_OPS; op++) {
        bool any = false;
        for (int i = 0; i < N_TARGETS; i++)
            any |= target_writes(&target_table[i], op);
        if (any)
            table_cell(t, "%s", op_table[op].name);
        for (int i = 0; any && i < N_TARGETS; i++)
            table_cell(t, "%s", target_writes(&target_table[i], op) ? "yes" : "no");
    }
}

static void list_observers(struct table *t, bool document)
{
    (void)document;
    t->align = "lrl";
    table_cell(t, "observer");
    table_cell(t, "parameter");
    table_cell(t, "what it does");
    for (int i = 0; i < N_OBSERVERS; i++) {
        const struct observer *o = &observer_table[i];
        table_cell(t, "%s", o->name);
        if (o->parameter_help)
            table_cell(t, "%g", o->parameter);
        else
            table_cell(t, "-");
        table_cell(t, "%s", o->summary);
    }
}

static const struct {
    const char *name;
    void (*fill)(struct table *t, bool document);
} kind_table[] = {
    {"ops", list_ops},
    {"passes", list_passes},
    {"targets", list_targets},
    {"formats", list_formats},
    {"rewrites", list_rewrites},
    {"observers", list_observers},
};
enum { N_KINDS = sizeof kind_table / sizeof kind_table[0] };

int cmd_list(int argc, char **argv, struct err *err)
{
    struct list_options o = {0};
    int todo = command_parse(&list_page, list_rows, &o, argc, argv, err);
    if (todo <= 0)
        return todo;
    for (int i = 0; i < N_KINDS; i++) {
        if (strcmp(kind_table[i].name, o.kind))
            continue;
        struct arena a = {0};
        struct table t = {.arena = &a};
        kind_table[i].fill(&t, o.markdown);
        if (o.markdown)
            table_print_markdown(&t, stdout);
        else
            table_print(&t, stdout);
        arena_release(&a);
        return 0;
    }
    return err_set(err, ERR_USAGE, "list: '%s' is none of: ops, passes, targets, formats, "
                   "rewrites, observers", o.kind);
}
