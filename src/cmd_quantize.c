/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_quantize: read, run every pass, write, report.
 */
#include "command.h"
#include "file.h"
#include "infer.h"
#include "log.h"
#include "measure.h"
#include "observe.h"
#include "onnx.h"
#include "op.h"
#include "pass.h"
#include "place.h"
#include "predict.h"
#include "quantized.h"
#include "recurrent.h"
#include "report.h"
#include "spell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct quantize_options {
    struct common_options common;
    const char *model, *out, *report;
    struct dataset_options data;
    const char *target, *format, *weights, *activations, *observer, *recurrent;
    double min_sqnr;
    struct option_list skip_node;
    const char *skip, *print_after;
    bool verify, check_result, requantize_rest, external, elementwise;
};

enum { DEFAULT_SAMPLES = 300, MIN_SQNR = 20, NEAR_SQNR = 5 };

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
           "put the weights into FILE.data (always above 2 GB)"),
    OPTION_HEADING("Quantization"),
    OPTION(OPT_STRING, 't', "target", struct quantize_options, target, "NAME",
           "the runtime to quantize for: onnxruntime (default), openvino, tensorrt, qnn or "
           "generic; 'quern list targets'"),
    OPTION(OPT_STRING, 'f', "format", struct quantize_options, format, "NAME",
           "qdq (default); qoperator: operators on codes, for onnxruntime; fakequantize: for "
           "openvino; dynamic: activations at run time; dq: weights only. The last two need no "
           "data"),
    OPTION(OPT_STRING, 'w', "weights", struct quantize_options, weights, "TYPE[,...]",
           "int8 or uint8, with --format dq also int4 or uint4; tensor, channel or block=N: one "
           "scale, or one per output channel, or per N inputs of each; symmetric or asymmetric "
           "(default int8,channel,symmetric); float8e4m3fn or float8e5m2 where the target takes "
           "them"),
    OPTION(OPT_STRING, 'a', "activations", struct quantize_options, activations, "TYPE[,...]",
           "uint8 or int8; uint16, int16, float8e4m3fn (weights likewise) or float8e5m2 where the "
           "target takes them; symmetric or asymmetric "
           "(default uint8,asymmetric; tensorrt: int8,symmetric)"),
    OPTION(OPT_STRING, 0, "observer", struct quantize_options, observer, "NAME",
           "how ranges are read from the data: one of 'quern list observers', or auto (default: "
           "the best of them, but for entropy, by the error of the outputs)"),
    OPTION(OPT_STRING, 0, "recurrent", struct quantize_options, recurrent, "HOW",
           "LSTM, GRU, RNN: auto (integers where the target runs them faster and the outputs stay "
           "near; default), weights (int8 with DequantizeLinear: smaller, slower), float"),
    OPTION(OPT_FLOAT, 0, "min-sqnr", struct quantize_options, min_sqnr, "DB",
           "where the outputs are further from float than this on the data, the layers at fault "
           "stay float; the worst output counts most (0: never; default: 20, and from 15 on no "
           "more than 5 % of the multiply-adds for it)", .min = 0, .max = 100),
    OPTION(OPT_LIST, 0, "skip-node", struct quantize_options, skip_node, "PATTERN",
           "keep nodes with this name in float; * and ? match; may be given many times"),
    OPTION(OPT_FLAG, 0, "elementwise", struct quantize_options, elementwise, NULL,
           "also run sums, products, pools and the like in integers, where their inputs are "
           "quantized"),
    OPTION(OPT_FLAG, 0, "requantize-rest", struct quantize_options, requantize_rest, NULL,
           "accept a model that is quantized in part, and quantize the rest"),
    OPTION_HEADING("Passes ('quern list passes')"),
    OPTION(OPT_STRING, 0, "skip", struct quantize_options, skip, "PASS,...", "leave passes out"),
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
        "  quern quantize model.onnx --data samples/ -o m.onnx --weights int8,tensor "
        "--skip-node '/head/*'\n"
        "  quern quantize model.onnx -o model.dynamic.onnx --format dynamic\n"
        "  quern quantize model.onnx -o model.int4.onnx --format dq --weights int4,block=32\n",
};

/* A type by its name; false: it is none that values are quantized to. Where there are few codes,
 * all of them are used, and what is unsigned has a zero point. */
static bool parse_dtype(const char *word, struct qtype *t)
{
    enum dtype type = dtype_find(word);
    const struct dtype_info *d = dtype_info(type);
    bool small = type == DTYPE_F8E4M3FN || type == DTYPE_F8E5M2;
    if (!small && (!d->is_integer || (d->bits != 4 && d->bits != 8 && d->bits != 16)))
        return false;
    t->dtype = type;
    if (small)
        *t = (struct qtype){.dtype = type, .grain = GRAIN_TENSOR, .symmetric = true};
    if (d->bits < 8) {
        t->narrow = false;
        t->symmetric = d->min < 0;
    }
    return true;
}

static bool parse_block(const char *word, struct qtype *t)
{
    char *end;
    if (strncmp(word, "block=", 6))
        return false;
    long n = strtol(word + 6, &end, 10);
    if (*end || n < 1 || n > 1 << 20)
        return false;
    t->grain = GRAIN_BLOCK;
    t->block = n;
    return true;
}

/* "int8,channel,symmetric" onto a type; a word that is left out stays as the target has it. */
static int parse_qtype(const char *option, const char *text, bool weights, struct qtype *t,
                       struct err *err)
{
    char copy[128], *rest = copy;
    if (!text)
        return 0;
    if (strlen(text) >= sizeof copy)
        return err_set(err, ERR_USAGE, "--%s: '%s' is too long", option, text);
    memcpy(copy, text, strlen(text) + 1);
    for (char *word; (word = strsep(&rest, ","));) {
        if (parse_dtype(word, t) || (weights && parse_block(word, t)))
            continue;
        if (!strcmp(word, "symmetric") || !strcmp(word, "asymmetric"))
            t->symmetric = *word == 's';
        else if (weights && (!strcmp(word, "tensor") || !strcmp(word, "channel")))
            t->grain = *word == 't' ? GRAIN_TENSOR : GRAIN_CHANNEL;
        else
            return err_set(err, ERR_USAGE, "--%s: unknown word '%s'; known are %s, symmetric, "
                           "asymmetric", option, word,
                           weights ? "int8, uint8, int4, uint4, float8e4m3fn, float8e5m2, tensor, "
                                     "channel, block=N"
                                   : "uint8, int8, uint16, int16, float8e4m3fn, float8e5m2");
    }
    return 0;
}

/* The target with what the command line says otherwise, and the format. */
static int choose_target(const struct quantize_options *o, struct target *t, enum format *format,
                         struct err *err)
{
    const struct target *found = target_find(o->target);
    if (!found)
        return err_set(err, ERR_USAGE, "unknown target '%s'; see 'quern list targets'", o->target);
    *t = *found;
    TRY(parse_qtype("weights", o->weights, true, &t->weight, err));
    TRY(parse_qtype("activations", o->activations, false, &t->activation, err));
    if (!o->weights && qtype_is_float(&t->activation))
        t->weight = t->activation;
    if (o->format)
        *format = format_find(o->format);
    if (!target_has_format(t, *format))
        return err_set(err, ERR_USAGE, "target %s has no format '%s'; it has: %s", t->name,
                       o->format, t->formats);
    if (o->elementwise && t->unit_rule == UNITS_NEVER)
        t->unit_rule = UNITS_FOLLOW;
    TRY(target_settle(t, *format, err));
    if (t->caution && (t->opset > found->opset))
        log_info("note: %s", t->caution);
    if (strcmp(o->observer, "auto") && !observer_find(o->observer))
        return err_set(err, ERR_USAGE, "unknown observer '%s'; see 'quern list observers'",
                       o->observer);
    if (strcmp(o->recurrent, "auto") && strcmp(o->recurrent, "weights")
        && strcmp(o->recurrent, "float"))
        return err_set(err, ERR_USAGE, "--recurrent: unknown word '%s'; known are auto, weights, "
                       "float", o->recurrent);
    return 0;
}

/* Passes in the order of the table, but for the lowerings to other formats, and without data those
 * that measure. */
static int choose_passes(enum format format, bool data, const struct pass **list)
{
    int n = 0;
    for (int i = 0; i < pass_count; i++) {
        bool other = false, can = data || !(pass_table[i]->flags & PASS_REFINES);
        for (int f = 0; f < N_FORMATS; f++)
            other = other || !strcmp(pass_table[i]->name, format_table[f].pass);
        other = other && strcmp(pass_table[i]->name, format_table[format].pass);
        if (!other && can)
            list[n++] = pass_table[i];
    }
    return n;
}

static void record_pass(void *data, const struct pass *p, int changes, double seconds,
                        const char *notes)
{
    struct report *r = data;
    *vec_add(&r->pass, &r->arena) = (struct report_pass){
        p->name, changes, seconds, arena_strdup(&r->arena, notes)};
}

static const char *type_text(struct report *r, const struct qtype *t)
{
    return arena_strdup(&r->arena, qtype_text(t, (char[QTYPE_TEXT]){0}));
}

static void report_graph(struct report *r, const struct graph *g, const struct placement *p)
{
    for (const struct node *n = g->first; n; n = n->next) {
        struct report_layer row = {
            .node = *n->name ? n->name : n->out[0]->name, .op = n->type, .at = n};
        struct qtype type;
        bool known = recurrent_weights(n, &type, &row.scales);
        if (known)
            row.weight = type_text(r, &type);
        for (int i = 0; i < p->n_layer && !known; i++)
            if (p->layer[i].node == n) {
                const struct quant *q = qlayer_weight(&p->layer[i])->quant;
                row.weight = type_text(r, &q->type);
                row.scales = q->n;
                known = true;
            }
        for (int i = 0; i < p->n_left && !known; i++)
            if (p->left[i].node == n) {
                row.left = p->left[i].reason;
                known = true;
            }
        if (known)
            *vec_add(&r->layer, &r->arena) = row;
    }
}

/* Layers as the placement has them, quantized ones and others, in the order of the graphs. */
static void report_layers(struct report *r, const struct model *m, const struct placement *p)
{
    int n_graphs;
    struct graph **graph = model_graphs(m, &r->arena, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        report_graph(r, graph[i], p);
}

/* How the lowered model will run, where that is known of the target. */
static int report_prediction(struct report *r, struct model *m, struct err *err)
{
    struct prediction p;
    if (!predict_knows(r->target))
        return 0;
    TRY(graph_infer(m->graph, err));
    TRY(predict_model(m, r->target, &r->arena, &p, err));
    for (int i = 0; i < p.node.n; i++)
        for (int k = 0; k < r->layer.n; k++)
            if (r->layer.at[k].at == p.node.at[i].node) {
                r->layer.at[k].runs = verdict_names[p.node.at[i].is.verdict];
                r->layer.at[k].runs_why = p.node.at[i].is.reason;
                r->layer.at[k].macs = p.node.at[i].macs;
            }
    r->predicted = true;
    r->integer_percent = predict_share(&p);
    return 0;
}

static int64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) ? 0 : (int64_t)st.st_size;
}

static void report_options(struct report *r, const struct quantize_options *o,
                           const struct target *t, enum format format, const struct dataset *d)
{
    r->input = (struct report_file){o->model, file_bytes(o->model)};
    r->target = t->name;
    r->format = format_table[format].name;
    r->data = o->data.path;
    r->image = o->data.image;
    if (d) {
        r->data_summary = dataset_summary(d);
        r->samples = dataset_count(d);
        r->random_data = dataset_is_random(d);
    }
    const struct report_setting row[] = {
        {"weights", type_text(r, &t->weight)},
        {"activations", t->inputs == INPUTS_FLOAT ? "float" : type_text(r, &t->activation)},
        {"observer", o->observer},
        {"recurrent", o->recurrent},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        *vec_add(&r->setting, &r->arena) = row[i];
    const struct option_list *carry = &o->data.carry;
    const char *carried = carry->n ? carry->at[0] : NULL;
    for (int i = 1; i < carry->n; i++)
        carried = arena_printf(&r->arena, "%s %s", carried, carry->at[i]);
    if (carried)
        *vec_add(&r->setting, &r->arena) = (struct report_setting){"carry", carried};
}

/* The passes up to the lowering, the report's figures, the lowering, the prediction. */
static int run_passes(const struct quantize_options *o, struct model *m, struct pass_ctx *ctx,
                      enum format format, struct report *r, struct err *err)
{
    const struct pass **list = NEW_ARRAY(ctx->arena, pass_count, const struct pass *);
    int n = choose_passes(format, ctx->data, list);
    struct pass_options how = {o->skip, o->print_after, o->verify, o->check_result, record_pass, r};
    TRY(pass_run_all(list, n - 1, m, ctx, &how, err));
    report_layers(r, m, ctx->placement);
    if (isnan(ctx->sqnr) && ctx->measure)
        TRY(measure_sqnr(ctx->measure, m, ctx->jobs, &ctx->sqnr, err));
    if (ctx->measure)
        *vec_add(&r->result, &r->arena) = (struct report_output){"all outputs", ctx->sqnr};
    TRY(pass_run_all(list + n - 1, 1, m, ctx, &how, err));
    return report_prediction(r, m, err);
}

static int quantize_model(const struct quantize_options *o, const struct target *t,
                          enum format format, struct model *m, struct dataset *d,
                          struct report *r, struct err *err)
{
    struct str skip = {0};
    for (int i = 0; i < o->skip_node.n; i++)
        str_printf(&skip, "%s%s", i ? "," : "", o->skip_node.at[i]);
    struct arena arena = {0}, scratch = {0};
    struct pass_ctx ctx = {.jobs = o->common.jobs, .target = t, .data = d,
                           .observer = o->observer, .recurrent = o->recurrent,
                           .skip_nodes = skip.text, .sqnr = NAN,
                           .min_sqnr = isnan(o->min_sqnr) ? MIN_SQNR : o->min_sqnr,
                           .near_sqnr = isnan(o->min_sqnr) ? NEAR_SQNR : 0,
                           .arena = &arena, .scratch = &scratch};
    report_options(r, o, t, format, d);
    int status = run_passes(o, m, &ctx, format, r, err);
    if (status >= 0) {
        struct onnx_write_options how = {.stamp = true, .external = o->external};
        status = onnx_write(m, o->out, &how, err);
        r->output = (struct report_file){o->out, file_bytes(o->out)};
    } else {
        err_at(err, "%s", o->model);
    }
    str_release(&ctx.notes);
    str_release(&skip);
    arena_release(&arena);
    arena_release(&scratch);
    return status;
}

static int quantize_files(const struct quantize_options *o, struct report *r, struct err *err)
{
    struct target target;
    enum format format = FORMAT_QDQ;
    TRY(choose_target(o, &target, &format, err));
    if (target.inputs == INPUTS_CALIBRATED)
        TRY(command_need_data("quantize", &o->data, err));
    struct model *m = onnx_read(o->model, err);
    if (!m)
        return -1;
    int status = -1;
    struct dataset *d = NULL;
    const struct node *done = o->requantize_rest ? NULL : model_find_quantized(m);
    if (done)
        err_set(err, ERR_INPUT, "%s: already quantized: it has %s; give the float model, or "
                "--requantize-rest to quantize only what is left", o->model, node_title(done));
    else if (!o->data.path || (d = dataset_open(m->graph, &o->data, err)))
        status = quantize_model(o, &target, format, m, d, r, err);
    if (status >= 0 && o->report)
        status = report_write(r, o->report, err);
    if (status >= 0 && !o->common.quiet)
        report_print(r, stdout);
    dataset_close(d);
    model_close(m);
    return status;
}

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

int cmd_quantize(int argc, char **argv, struct err *err)
{
    struct quantize_options o = {
        .target = "onnxruntime", .observer = "auto", .recurrent = "auto", .min_sqnr = NAN,
        .data.samples = DEFAULT_SAMPLES};
    int go = command_parse(&quantize_page, quantize_rows, &o, argc, argv, err);
    if (go <= 0)
        return go;
    if (!o.out)
        return err_set(err, ERR_USAGE, "where to? name the quantized model: -o FILE");
    TRY(check_skipped(o.skip, err));
    TRY(command_check_print_after("quantize", o.print_after, err));
    struct report r = {0};
    report_begin(&r);
    int status = quantize_files(&o, &r, err);
    report_release(&r);
    return status;
}
