/* SPDX-License-Identifier: Apache-2.0
 *
 * quantize_report: what `quantize` did becomes the fields and rows of a report.
 */
#include "quantize_report.h"

#include "infer.h"
#include "measure.h"
#include "place_why.h"
#include "predict.h"
#include "recurrent.h"
#include "rule.h"

#include <math.h>
#include <sys/stat.h>

void quantize_record(void *data, const struct pass *p, int changes, double seconds,
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

static void report_graph(struct report *r, const struct graph *g, const struct placement *p,
                         const char *const *why)
{
    for (const struct node *n = g->first; n; n = n->next) {
        if (why[n->id])
            *vec_add(&r->why, &r->arena) = (struct report_why){node_name(n), n->type, why[n->id]};
        struct report_layer row = {.node = node_name(n), .op = n->type, .at = n};
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
                row.left = arena_strdup(&r->arena, p->left[i].reason);
                known = true;
            }
        if (known)
            *vec_add(&r->layer, &r->arena) = row;
    }
}

void quantize_report_layers(struct report *r, const struct model *m, const struct target *t,
                            const struct placement *p)
{
    int n_graphs;
    struct graph **graph = model_graphs(m, &r->arena, &n_graphs);
    const char **why = place_explain(m, t, p, &r->arena);
    for (int i = 0; i < n_graphs; i++)
        report_graph(r, graph[i], p, why);
}

int quantize_report_outputs(struct report *r, const struct model *m, const struct pass_ctx *ctx,
                            struct err *err)
{
    int n = m->graph->result->n_in, known = 0;
    double *db = NEW_ARRAY(&r->arena, n, double), total = 0, least = INFINITY;
    TRY(measure_outputs(ctx->measure, m, ctx->jobs, db, err));
    struct report_output *all = vec_add(&r->result, &r->arena);
    for (int i = 0; i < n; i++)
        if (!isnan(db[i])) {
            known++;
            total += fmin(db[i], 100);
            least = fmin(db[i], least);
        }
    r->judged = measure_samples(ctx->measure);
    r->picked_from = measure_picks(ctx->measure) ? ctx->sqnr : NAN;
    *all = known ? (struct report_output){"all outputs", total / known}
                 : (struct report_output){"in front of the outputs", ctx->sqnr};
    if (known && isinf(least))
        all->sqnr = INFINITY;
    for (int i = 0; i < n && known > 1; i++)
        if (!isnan(db[i]))
            *vec_add(&r->result, &r->arena) = (struct report_output){m->graph->output_name[i],
                                                                     db[i]};
    return 0;
}

int quantize_report_prediction(struct report *r, struct model *m, struct err *err)
{
    struct prediction *p = &r->prediction;
    if (!predict_knows(r->runtime))
        return 0;
    TRY(graph_infer(m->graph, err));
    TRY(predict_model(m, r->runtime, &r->arena, p, err));
    for (int i = 0; i < p->node.n; i++)
        for (int k = 0; k < r->layer.n; k++)
            if (r->layer.at[k].at == p->node.at[i].node) {
                r->layer.at[k].runs = verdict_names[p->node.at[i].is.verdict];
                r->layer.at[k].runs_why = p->node.at[i].is.reason;
                r->layer.at[k].macs = p->node.at[i].macs;
            }
    r->predicted = true;
    r->integer_percent = predict_share(p);
    return 0;
}

/* The dims of inputs that are not known become those of the first sample, and others follow as far
 * as they can. */
static int take_sizes(struct model *m, const struct dataset *d, struct err *err)
{
    struct arena scratch = {0};
    struct err incomplete = {0};
    struct graph *g = m->graph;
    const struct tensor **sample = NEW_ARRAY(&scratch, g->n_input, const struct tensor *);
    int status = dataset_read(d, 0, g, &scratch, sample, err);
    for (int i = 0; status >= 0 && i < g->n_input; i++) {
        struct shape *s = &g->input[i]->type.shape;
        for (int k = 0; sample[i] && s->rank == sample[i]->shape.rank && k < s->rank; k++)
            s->dim[k] = s->dim[k] < 0 ? sample[i]->shape.dim[k] : s->dim[k];
    }
    graph_infer(g, &incomplete);
    arena_release(&scratch);
    return status;
}

static int advise_speed(struct report *r, struct model *m, const struct dataset *d, struct err *err)
{
    if (d)
        TRY(take_sizes(m, d, err));
    predict_again(m, r->runtime, &r->arena, &r->prediction);
    if (r->feeds_constants)
        r->prediction.time = (struct model_time){0};
    r->advice = predict_advice(&r->prediction, r->runtime, &r->arena);
    return 0;
}

/* Nothing can be said in dB about outputs whose number of elements depends on what they hold. */
static bool is_incomparable(const struct report *r)
{
    for (int i = 0; i < r->result.n; i++)
        if (r->result.at[i].sqnr <= MEASURE_APART)
            return true;
    return false;
}

/* Where nothing was searched and the outputs are far, or have another form. */
static void advise_accuracy(struct report *r)
{
    if (is_incomparable(r)) {
        r->advice = arena_printf(&r->arena, "%soutputs of some samples have another shape than "
                                 "float's, or no numbers: compare them by a measure of your own\n",
                                 r->advice ? r->advice : "");
        return;
    }
    if (!r->searched && r->result.n && r->result.at[0].sqnr < MIN_SQNR)
        r->advice = arena_printf(&r->arena, "%sthe outputs are only %.1f dB from float: with "
                                 "--effort %d they come nearer\n", r->advice ? r->advice : "",
                                 r->result.at[0].sqnr, SEARCH_EFFORT);
}

int quantize_report_advice(struct report *r, struct model *m, const struct dataset *d,
                           struct err *err)
{
    if (r->predicted)
        TRY(advise_speed(r, m, d, err));
    advise_accuracy(r);
    return 0;
}

/* Of a model's files. */
static int64_t input_bytes(const struct model *m, const char *path)
{
    struct stat st;
    int64_t bytes = stat(path, &st) ? 0 : (int64_t)st.st_size;
    for (const struct model_resource *r = m->resources; r; r = r->next)
        bytes += (int64_t)r->bytes;
    return bytes;
}

/* They were inputs of any model before IR version 4, and could not be fed. */
static bool has_fed_constants(const struct model *m)
{
    for (int i = 0; m->ir_version >= 4 && i < m->graph->n_input; i++)
        if (m->graph->input[i]->constant)
            return true;
    return false;
}

void quantize_report_options(struct report *r, const struct model *m,
                             const struct quantize_options *o, const struct quantize_choice *c,
                             const struct dataset *d)
{
    r->feeds_constants = has_fed_constants(m);
    r->searched = o->effort == SEARCH_EFFORT;
    r->input = (struct report_file){o->model, input_bytes(m, o->model)};
    const struct target *t = &c->target;
    r->target = t->name;
    r->runtime = target_runtime(t);
    r->format = format_table[c->format].name;
    r->recipe = c->recipe.text;
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
