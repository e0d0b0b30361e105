/* SPDX-License-Identifier: Apache-2.0
 *
 * quantize_options: the table of options, and what follows from them.
 */
#include "quantize_options.h"

#include "log.h"
#include "observe.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_SAMPLES = 300, NEAR_SQNR = 5, ENOUGH_SQNR = 40, REACH = 12 };

static const struct option quantize_rows[] = {
    OPTION(OPT_POSITION, 0, "MODEL", struct quantize_options, model, NULL, "a float ONNX model"),
    OPTION_HEADING("Calibration data (300 samples unless --samples says otherwise)"),
    DATA_ROWS(struct quantize_options, data),
    OPTION_HEADING("Output"),
    OPTION(OPT_STRING, 'o', "output", struct quantize_options, out, "FILE",
           "the quantized model"),
    OPTION(OPT_STRING, 'r', "report", struct quantize_options, report, "FILE",
           "write what was done, and why, as JSON"),
    OPTION(OPT_FLAG, 0, "external-data", struct quantize_options, external, NULL,
           "put the weights into FILE.data (always above 2 GB)", .recipe = true),
    OPTION_HEADING("Quantization"),
    OPTION(OPT_STRING, 0, "recipe", struct quantize_options, recipe, "FILE",
           "options, targets and rules for single nodes from a YAML file (docs/recipes.md); what "
           "is given here wins, --no-NAME unsets a flag and empties a list"),
    OPTION(OPT_FLAG, 0, "print-recipe", struct quantize_options, print_recipe, NULL,
           "print the recipe that all of this makes, and do nothing"),
    OPTION(OPT_STRING, 't', "target", struct quantize_options, target, "NAME",
           "the runtime to quantize for: onnxruntime (default), openvino, tensorrt, qnn, "
           "generic, or one of the recipe; 'quern list targets'", .recipe = true),
    OPTION(OPT_STRING, 'f', "format", struct quantize_options, format, "NAME",
           "qdq (default); qoperator: operators on codes, for onnxruntime; fakequantize: for "
           "openvino; dynamic: activations at run time; dq: weights only. The last two need no "
           "data", .recipe = true),
    OPTION(OPT_STRING, 'w', "weights", struct quantize_options, weights, "TYPE[,...]",
           "int8 or uint8, with --format dq also int4 or uint4; tensor, channel or block=N: one "
           "scale, or one per output channel, or per N inputs of each; symmetric or asymmetric "
           "(default int8,channel,symmetric); float8e4m3fn or float8e5m2 where the target takes "
           "them", .recipe = true),
    OPTION(OPT_STRING, 'a', "activations", struct quantize_options, activations, "TYPE[,...]",
           "uint8 or int8; with --format dynamic uint8,token: a scale for each row; uint16, int16, "
           "float8e4m3fn (weights likewise) or float8e5m2 where the target takes them; symmetric "
           "or asymmetric (default uint8,asymmetric; tensorrt: int8,symmetric)", .recipe = true),
    OPTION(OPT_STRING, 0, "cpu", struct quantize_options, cpu, "KIND",
           "the processors that the model is for: any (default): also x86 without VNNI, where "
           "sums of two products must fit 16 bits, and weights are scaled so that they do; or "
           "vnni: only those that add in 32 bits", .recipe = true),
    OPTION(OPT_INT, 0, "effort", struct quantize_options, effort, "N",
           "0: one run over the data, min-max ranges, weights rounded to nearest; 1: ranges by "
           "mse, weights rounded by second moments, biases corrected; 2: also a search for what "
           "serves best, and for layers at fault (default). What other options say wins",
           .max = SEARCH_EFFORT, .recipe = true),
    OPTION(OPT_STRING, 0, "observer", struct quantize_options, observer, "NAME",
           "how ranges are read from the data: one of 'quern list observers' (percentile=99.9 with "
           "its parameter), or auto (default: mse, or another but entropy that brings the outputs "
           "a decibel nearer)", .recipe = true),
    OPTION(OPT_INT, 0, "reach", struct quantize_options, reach, "N",
           "where the data have fewer samples, ranges reach beyond what was seen, as far as N "
           "samples would, and layers that cost no more so find theirs at run time, where the "
           "target can (0: as far as the data; default 12, but 0 with an observer that is named "
           "and with --effort 0)", .max = 1e6, .recipe = true),
    OPTION(OPT_STRING, 0, "recurrent", struct quantize_options, recurrent, "HOW",
           "LSTM, GRU, RNN: auto (integers where the target runs them faster and the outputs stay "
           "near; default), weights (int8 with DequantizeLinear: smaller, slower), float",
           .recipe = true),
    OPTION(OPT_STRING, 0, "min-sqnr", struct quantize_options, min_sqnr, "DB",
           "where the outputs are further from float than this on the data, the layers at fault "
           "stay float; the worst output counts most, and of one to three samples 5 to 2 dB more "
           "are asked (0: never; default auto: 20, and from 15 on, or 5 where class scores come "
           "out, no more than 5 % of the multiply-adds for it)",
           .recipe = true),
    OPTION(OPT_FLOAT, 0, "enough-sqnr", struct quantize_options, enough_sqnr, "DB",
           "where the outputs are so near to float on the data, channels are not equalized, "
           "weights not rounded by second moments, and no further observer is tried (0: always; "
           "default 40)", .max = 100, .recipe = true),
    OPTION(OPT_LIST, 0, "skip-node", struct quantize_options, skip_node, "PATTERN",
           "keep nodes with this name in float; * and ? match; may be given many times",
           .recipe = true),
    OPTION(OPT_FLAG, 0, "elementwise", struct quantize_options, elementwise, NULL,
           "also run sums, products, pools and the like in integers, where their inputs are "
           "quantized", .recipe = true),
    OPTION(OPT_FLAG, 0, "requantize-rest", struct quantize_options, requantize_rest, NULL,
           "accept a model that is quantized in part, and quantize the rest", .recipe = true),
    OPTION_HEADING("Passes ('quern list passes')"),
    OPTION(OPT_STRING, 0, "skip", struct quantize_options, skip, "PASS,...", "leave passes out",
           .recipe = true),
    OPTION(OPT_STRING, 0, "print-after", struct quantize_options, print_after, "PASS",
           "print the graph after a pass, or after all"),
    OPTION(OPT_FLAG, 0, "verify", struct quantize_options, verify, NULL,
           "check the rules of the graph after every pass"),
    OPTION(OPT_FLAG, 0, "check-result", struct quantize_options, check_result, NULL,
           "check that passes that must not change results do not"),
    COMMON_ROWS,
};

static const struct option_page quantize_page = {
    .usage = "quern quantize MODEL --data PATH -o FILE [options]",
    .summary =
        "Quantizes a float model: rewrites it, runs the calibration data through it, and writes a "
        "model that the target runtime executes in integers. Calibration data are a few hundred "
        "typical inputs, preprocessed as for inference; labels are not needed. The formats "
        "dynamic and dq need none.",
    .examples =
        "  quern quantize model.onnx --data samples/ -o model.int8.onnx\n"
        "  quern quantize model.onnx --data photos/ -o model.int8.onnx \\\n"
        "      --image \"resize=256 crop=224 layout=nchw rgb scale=1/255 mean=.5 std=.25\"\n"
        "  quern quantize model.onnx --data samples/ -o model.ov.onnx --target openvino\n"
        "  quern quantize model.onnx --data samples/ -o m.onnx --effort 0 --observer percentile\n"
        "  quern quantize model.onnx --data samples/ -o m.onnx --weights int8,tensor "
        "--skip-node '/head/*'\n"
        "  quern quantize model.onnx -o model.dynamic.onnx --format dynamic\n"
        "  quern quantize model.onnx -o model.int4.onnx --format dq --weights int4,block=32\n",
};

static const struct quantize_options defaults = {
    .target = "onnxruntime", .cpu = "any", .observer = "auto", .recurrent = "auto",
    .min_sqnr = "auto", .enough_sqnr = ENOUGH_SQNR, .effort = SEARCH_EFFORT, .reach = -1,
    .data.samples = DEFAULT_SAMPLES};

/* Passes that others build on cannot be left out: there would be no quantized model to write. */
static int check_skipped(const char *names, struct err *err)
{
    struct arena a = {0};
    struct pass_list list = {.n = 0};
    int r = command_parse_passes("quantize", names, &a, &list, err);
    for (int i = 0; i < list.n && r >= 0; i++)
        if (list.at[i]->gives)
            r = err_set(err, ERR_USAGE, "quantize: pass '%s' cannot be left out",
                        list.at[i]->name);
    arena_release(&a);
    return r;
}

static int check_settings(const struct recipe *r, struct err *err)
{
    struct arena a = {0};
    int status = 0;
    for (int i = 0; i < r->setting.n && status >= 0; i++) {
        const struct pass_setting *s = &r->setting.at[i];
        struct pass_list list = {.n = 0};
        status = command_parse_passes("passes", s->pass, &a, &list, err);
        if (status >= 0)
            status = pass_check_setting(list.at[0], s, err);
        if (status < 0) {
            err->code = ERR_INPUT;
            err_at(err, "%s", s->where);
        }
    }
    arena_release(&a);
    return status;
}

static const struct target *find_target(const struct quantize_options *o, const struct recipe *r,
                                        struct err *err)
{
    const struct target *t = recipe_target(r, o->target);
    if (!t)
        err_set(err, ERR_USAGE, "unknown target '%s'; see 'quern list targets'", o->target);
    return t;
}

static int check_words(const struct quantize_options *o, struct err *err)
{
    struct observer known;
    if (strcmp(o->observer, "auto") && !observer_read(o->observer, &known))
        return err_set(err, ERR_USAGE, "unknown observer '%s'; see 'quern list observers'",
                       o->observer);
    if (strcmp(o->recurrent, "auto") && strcmp(o->recurrent, "weights")
        && strcmp(o->recurrent, "float"))
        return err_set(err, ERR_USAGE, "--recurrent: unknown word '%s'; known are auto, weights, "
                       "float", o->recurrent);
    if (strcmp(o->cpu, "any") && strcmp(o->cpu, "vnni"))
        return err_set(err, ERR_USAGE, "--cpu: unknown word '%s'; known are any, vnni", o->cpu);
    return 0;
}

/* Names that are not known are told with the file that has them. */
static int check_recipe(const struct quantize_options *o, const struct recipe *r, const char *path,
                        struct err *err)
{
    if (find_target(o, r, err) && check_words(o, err) >= 0)
        return 0;
    err->code = ERR_INPUT;
    return err_at(err, "%s", path);
}

int quantize_read(struct quantize_options *o, struct recipe *r, const char *recipe,
                  struct err *err)
{
    *o = defaults;
    if (recipe) {
        TRY(recipe_read(r, recipe, quantize_rows, o, err));
        TRY(check_recipe(o, r, recipe, err));
    }
    TRY(check_skipped(o->skip, err));
    return check_settings(r, err);
}

int quantize_parse(struct quantize_options *o, struct recipe *r, int argc, char **argv,
                   struct err *err)
{
    *o = defaults;
    int go = command_parse(&quantize_page, quantize_rows, o, argc, argv, err);
    if (go > 0 && o->recipe) {
        TRY(quantize_read(o, r, o->recipe, err));
        go = command_parse(&quantize_page, quantize_rows, o, argc, argv, err);
    }
    if (go <= 0)
        return go;
    if (!o->out && !o->print_recipe)
        return err_set(err, ERR_USAGE, "where to? name the quantized model: -o FILE");
    TRY(check_skipped(o->skip, err));
    TRY(command_check_print_after("quantize", o->print_after, err));
    return 1;
}

/* The format that was asked for, or the target's first. */
static int choose_format(const struct quantize_options *o, const struct target *t,
                         enum format *format, struct err *err)
{
    char first[32];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(t->formats, ","), t->formats);
    const char *name = o->format ? o->format : first;
    *format = format_find(name);
    if (!target_has_format(t, *format))
        return err_set(err, ERR_USAGE, "target %s has no format '%s'; it has: %s", t->name, name,
                       t->formats);
    return 0;
}

static int choose_min_sqnr(const struct quantize_options *o, struct quantize_choice *c,
                           struct err *err)
{
    char *end;
    c->min_sqnr = MIN_SQNR;
    c->near_sqnr = NEAR_SQNR;
    if (!strcmp(o->min_sqnr, "auto"))
        return 0;
    c->min_sqnr = strtod(o->min_sqnr, &end);
    c->near_sqnr = 0;
    if (end == o->min_sqnr || *end || !(c->min_sqnr >= 0 && c->min_sqnr <= 100))
        return err_set(err, ERR_USAGE,
                       "--min-sqnr: '%s' is neither auto nor a number from 0 to 100", o->min_sqnr);
    return 0;
}

/* What is not said otherwise follows from the effort. */
static void apply_effort(struct quantize_options *o, struct arena *a)
{
    if (o->reach < 0)
        o->reach = o->effort && !strcmp(o->observer, "auto") ? REACH : 0;
    if (o->effort == SEARCH_EFFORT)
        return;
    if (!strcmp(o->observer, "auto"))
        o->observer = o->effort ? "mse" : "min-max";
    if (!strcmp(o->min_sqnr, "auto"))
        o->min_sqnr = "0";
    unsigned flags = o->effort ? PASS_TRIES : PASS_TRIES | PASS_CORRECTS;
    for (int i = 0; i < pass_count; i++) {
        const char *name = pass_table[i]->name;
        if (pass_table[i]->flags & flags && !str_list_has(o->skip, name, ','))
            o->skip = o->skip && *o->skip ? arena_printf(a, "%s,%s", o->skip, name) : name;
    }
}

/* The list with commas. */
static const char *join(const struct option_list *list, struct arena *a)
{
    const char *text = NULL;
    for (int i = 0; i < list->n; i++)
        text = i ? arena_printf(a, "%s,%s", text, list->at[i]) : list->at[i];
    return text;
}

int quantize_choose(struct quantize_options *o, struct recipe *r, struct quantize_choice *c,
                    struct err *err)
{
    const struct target *found = find_target(o, r, err);
    struct target *t = &c->target;
    if (!found)
        return -1;
    apply_effort(o, &r->arena);
    *t = *found;
    TRY(qtype_read("--weights", o->weights, true, &t->weight, err));
    TRY(qtype_read("--activations", o->activations, false, &t->activation, err));
    if (!o->weights && qtype_is_float(&t->activation))
        t->weight = t->activation;
    TRY(choose_format(o, t, &c->format, err));
    if (o->elementwise && t->unit_rule == UNITS_NEVER)
        t->unit_rule = UNITS_FOLLOW;
    if (!strcmp(o->cpu, "vnni"))
        t->short_sums = false;
    if (str_list_has(o->skip, "pad-channels", ',')) /* place counts on it otherwise */
        t->pad_channels = t->channels_apart = false;
    t->rules = &r->rules;
    c->setting = r->setting.at;
    c->n_setting = r->setting.n;
    c->skip_nodes = join(&o->skip_node, &r->arena);
    o->format = format_table[c->format].name;
    o->weights = arena_strdup(&r->arena, qtype_words(&t->weight, true, (char[QTYPE_WORDS]){0}));
    o->activations = arena_strdup(&r->arena, qtype_words(&t->activation, false,
                                                         (char[QTYPE_WORDS]){0}));
    recipe_print(r, found, quantize_rows, o, &c->recipe);
    TRY(target_settle(t, c->format, err));
    if (t->caution && (t->opset > found->opset))
        log_info("note: %s", t->caution);
    TRY(choose_min_sqnr(o, c, err));
    return check_words(o, err);
}

void quantize_context(const struct quantize_options *o, const struct quantize_choice *c,
                      struct pass_ctx *ctx)
{
    ctx->target = &c->target;
    ctx->observer = o->observer;
    ctx->reach = o->reach;
    ctx->recurrent = o->recurrent;
    ctx->setting = c->setting;
    ctx->n_setting = c->n_setting;
    ctx->skip_nodes = c->skip_nodes;
    ctx->min_sqnr = c->min_sqnr;
    ctx->near_sqnr = c->near_sqnr;
    ctx->enough_sqnr = o->enough_sqnr;
}

int quantize_passes(enum format format, bool data, const struct pass **list)
{
    int n = 0;
    for (int i = 0; i < pass_count; i++) {
        unsigned flags = pass_table[i]->flags;
        bool other = false, can = !(flags & PASS_ON_REQUEST) && (data || !(flags & PASS_REFINES));
        for (int f = 0; f < N_FORMATS; f++)
            other = other || !strcmp(pass_table[i]->name, format_table[f].pass);
        other = other && strcmp(pass_table[i]->name, format_table[format].pass);
        if (!other && can)
            list[n++] = pass_table[i];
    }
    return n;
}
