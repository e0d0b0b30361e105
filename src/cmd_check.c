/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_check: says everything that stands in the way of quantizing a model, at once.
 *
 * The exit code is 0 where `quern quantize` would find layers to quantize, and could run the model
 * on data to do it; 1 otherwise. For a model that is quantized already it says how the runtime will
 * execute it; 1 where something would be computed wrongly, or nothing at all.
 */
#include "command.h"
#include "exec.h"
#include "infer.h"
#include "quantize_plan.h"
#include "report_predict.h"
#include "spell.h"
#include "survey.h"

#include <string.h>

struct check_options {
    struct common_options common;
    const char *model, *target, *recipe, *json;
};

static const struct option check_rows[] = {
    OPTION(OPT_POSITION, 0, "MODEL", struct check_options, model, NULL, "an ONNX model"),
    OPTION(OPT_STRING, 't', "target", struct check_options, target, "NAME",
           "the runtime: of 'quern list targets' or of the recipe (default: onnxruntime)"),
    OPTION(OPT_STRING, 0, "recipe", struct check_options, recipe, "FILE",
           "what `quern quantize --recipe FILE` would do: its target, rules and options"),
    OPTION(OPT_STRING, 0, "json", struct check_options, json, "FILE",
           "of a quantized model: write how each layer will run as JSON"),
    COMMON_ROWS,
};

static const struct option_page check_page = {
    .usage = "quern check MODEL [--target NAME] [--recipe FILE] [--json FILE]",
    .summary =
        "Says whether a model can be quantized: its inputs and outputs, operators that are not "
        "known or cannot be run, quantization that is there already, and which layers would stay "
        "float for which reason. The exit code is 0 where it can be quantized (layers that stay "
        "float do not matter) and 1 where it cannot.\n\n"
        "Of a model that is quantized already, for onnxruntime and openvino: which layers the "
        "runtime will execute in integers, which in float and why, and which it computes wrongly "
        "or refuses. The exit code is 1 where there are such.",
    .examples = "  quern check model.onnx\n"
                "  quern check model.onnx --target openvino\n"
                "  quern check model.onnx --recipe board.yaml\n"
                "  quern check model.int8.onnx --target onnxruntime --json layers.json\n",
};

static void print_values(const struct graph *g)
{
    char type[TYPE_TEXT];
    for (int i = 0; i < g->n_input; i++)
        if (value_is_fed(g->input[i]))
            printf("  input     %s: %s\n", g->input[i]->name, spell_type(&g->input[i]->type, type));
    for (int i = 0; i < g->result->n_in; i++)
        printf("  output    %s: %s\n", g->output_name[i],
               spell_type(&g->result->in[i].value->type, type));
}

static void print_missing(const struct survey *s)
{
    for (int i = 0; i < s->missing.n; i++) {
        const struct survey_op *op = &s->missing.at[i];
        printf("  %s  %s%s%s: %d of %d nodes, first %s\n", op->known ? "not run " : "unknown ",
               op->domain, *op->domain ? "." : "", op->type, op->count, s->n_nodes,
               node_title(op->first));
    }
}

/* Layers that stay float, those with the same reason in one line. */
static void print_left(const struct placement *p, struct arena *a)
{
    bool *done = NEW_ARRAY(a, p->n_left, bool);
    for (int i = 0; i < p->n_left; i++) {
        const struct left_float *first = &p->left[i];
        int count = 0;
        for (int k = i; k < p->n_left && !done[i]; k++) {
            if (strcmp(p->left[k].reason, first->reason))
                continue;
            done[k] = k > i;
            count++;
        }
        if (count)
            printf("  float     %d: %s: %s%s\n", count, first->reason, node_title(first->node),
                   count > 1 ? ", ..." : "");
    }
}

/* 0, or an error that says why ranges cannot be measured or would serve nobody. */
static int judge(const struct model *m, const struct placement *p, struct err *err)
{
    struct exec *x = exec_open(m->graph, &(struct exec_options){.partial = true}, err);
    if (!x)
        return err_at(err, "%s: cannot be run on data", m->path);
    exec_close(x);
    if (!p->n_layer)
        return err_set(err, ERR_INPUT, "%s: no layer can be quantized", m->path);
    return 0;
}

/* How long it takes is said of one sample. */
static void take_one_sample(struct model *m)
{
    struct err incomplete = {0};
    for (int i = 0; i < m->graph->n_input; i++) {
        struct shape *s = &m->graph->input[i]->type.shape;
        if (s->rank > 0 && s->dim[0] < 0)
            s->dim[0] = 1;
    }
    graph_infer(m->graph, &incomplete);
}

static int check_quantized(const struct check_options *o, struct model *m, const char *runtime,
                           struct arena *a, struct err *err)
{
    struct prediction p;
    TRY(graph_infer(m->graph, err));
    TRY(predict_model(m, runtime, a, &p, err));
    take_one_sample(m);
    predict_again(m, runtime, a, &p);
    predict_print(&p, runtime, stdout);
    if (o->json)
        TRY(predict_write(&p, o->model, runtime, o->json, err));
    if (p.count[VERDICT_FAILS])
        return err_set(err, ERR_INPUT, "%s: %s refuses it, or stops when it runs it", m->path,
                       runtime);
    if (p.count[VERDICT_WRONG])
        return err_set(err, ERR_INPUT, "%s: %s computes something else than the model says",
                       m->path, runtime);
    return 0;
}

static int check_model(const struct check_options *o, const struct quantize_plan *plan,
                       struct model *m, struct arena *a, struct err *err)
{
    const struct target *t = &plan->choice.target;
    struct survey s;
    struct placement *p = NULL;
    char nodes[COUNT_TEXT];
    survey_take(&s, m, a);
    printf("%s: IR version %lld, opset %lld, %s\n", m->path, (long long)m->ir_version,
           (long long)model_opset(m, ""), count_text(s.n_nodes, "node", "nodes", nodes));
    print_values(m->graph);
    print_missing(&s);
    if (s.quantized)
        printf("  quantized %d nodes, first %s\n", s.n_quantized, node_title(s.quantized));
    if (s.quantized)
        return check_quantized(o, m, target_runtime(t), a, err);
    if (o->json)
        return err_set(err, ERR_USAGE, "check: --json is for quantized models");
    if (quantize_plan_place(plan, m, o->common.jobs, a, &p, err))
        return err_at(err, "%s", m->path);
    printf("  layers    %d of %d can be quantized for %s\n", p->n_layer, p->n_layer + p->n_left,
           t->name);
    print_left(p, a);
    TRY(judge(m, p, err));
    printf("It can be quantized: quern quantize %s --data PATH -o OUT%s%s\n", m->path,
           o->recipe ? " --recipe " : "", o->recipe ? o->recipe : "");
    return 0;
}

int cmd_check(int argc, char **argv, struct err *err)
{
    struct check_options o = {0};
    int todo = command_parse(&check_page, check_rows, &o, argc, argv, err);
    if (todo <= 0)
        return todo;
    struct quantize_plan plan;
    struct arena a = {0};
    struct model *m = NULL;
    int r = quantize_plan_open(&plan, o.recipe, o.target, err);
    if (r >= 0)
        m = command_read_model(o.model, err);
    r = m ? check_model(&o, &plan, m, &a, err) : -1;
    arena_release(&a);
    model_close(m);
    quantize_plan_release(&plan);
    return r;
}
