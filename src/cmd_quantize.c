/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_quantize: read, run every pass, write, report.
 */
#include "measure.h"
#include "onnx.h"
#include "quantize_report.h"
#include "quantized.h"

#include <math.h>

/* The passes up to the lowering, the report's figures, the lowering, the prediction. */
static int run_passes(const struct quantize_options *o, struct model *m, struct pass_ctx *ctx,
                      enum format format, struct report *r, struct err *err)
{
    const struct pass **list = NEW_ARRAY(ctx->arena, pass_count, const struct pass *);
    int n = quantize_passes(format, ctx->data, list), lowering = 0;
    while (!(list[lowering]->gives & FACT_LOWERED))
        lowering++;
    struct pass_options how = {o->skip, o->print_after, o->verify, o->check_result,
                               quantize_record, r};
    TRY(pass_run_all(list, lowering, m, ctx, &how, err));
    quantize_report_layers(r, m, ctx->target, ctx->placement);
    if (isnan(ctx->sqnr) && ctx->measure && !measure_sees_outputs(ctx->measure))
        TRY(measure_sqnr(ctx->measure, m, ctx->jobs, &ctx->sqnr, err));
    TRY(pass_run_all(list + lowering, n - lowering, m, ctx, &how, err));
    if (ctx->measure)
        TRY(quantize_report_outputs(r, m, ctx, err));
    return quantize_report_prediction(r, m, err);
}

static int quantize_model(const struct quantize_options *o, const struct quantize_choice *c,
                          struct model *m, struct dataset *d, struct report *r, struct err *err)
{
    struct arena arena = {0}, scratch = {0};
    struct pass_ctx ctx = {.jobs = o->common.jobs, .data = d, .sqnr = NAN, .arena = &arena,
                           .scratch = &scratch};
    quantize_context(o, c, &ctx);
    quantize_report_options(r, m, o, c, d);
    int status = run_passes(o, m, &ctx, c->format, r, err);
    if (status >= 0) {
        r->output.path = o->out;
        struct onnx_write_options how = {.stamp = true, .external = o->external,
                                         .bytes = &r->output.bytes};
        status = onnx_write(m, o->out, &how, err);
        if (status >= 0)
            status = quantize_report_advice(r, m, d, err);
    } else {
        err_at(err, "%s", o->model);
    }
    str_release(&ctx.notes);
    arena_release(&arena);
    arena_release(&scratch);
    return status;
}

static int quantize_files(const struct quantize_options *o, const struct quantize_choice *c,
                          struct report *r, struct err *err)
{
    if (c->target.inputs == INPUTS_CALIBRATED)
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
        status = quantize_model(o, c, m, d, r, err);
    if (status >= 0 && o->report)
        status = report_write(r, o->report, err);
    if (status >= 0 && !o->common.quiet)
        report_print(r, stdout);
    dataset_close(d);
    model_close(m);
    return status;
}

static int quantize(const struct quantize_options *o, const struct quantize_choice *c,
                    struct err *err)
{
    if (o->print_recipe) {
        fputs(c->recipe.text, stdout);
        return 0;
    }
    struct report r = {0};
    report_begin(&r);
    int status = quantize_files(o, c, &r, err);
    report_release(&r);
    return status;
}

int cmd_quantize(int argc, char **argv, struct err *err)
{
    struct quantize_options o;
    struct recipe recipe = {0};
    struct quantize_choice c = {0};
    int status = quantize_parse(&o, &recipe, argc, argv, err);
    if (status > 0)
        status = quantize_choose(&o, &recipe, &c, err);
    if (status == 0 && c.recipe.n)
        status = quantize(&o, &c, err);
    str_release(&c.recipe);
    recipe_release(&recipe);
    return status;
}
