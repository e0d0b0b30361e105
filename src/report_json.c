/* SPDX-License-Identifier: Apache-2.0
 *
 * report_json: the report as JSON.
 */
#include "report.h"

#include "json_out.h"
#include "log.h"
#include "str.h"

#include <math.h>
#include <string.h>

static json_t *json_lines(const char *text)
{
    json_t *list = json_array();
    while (text && *text) {
        size_t n = strcspn(text, "\n");
        struct str line = {0};
        str_add_n(&line, text, n);
        json_array_append_new(list, json_text(line.text));
        str_release(&line);
        text += n + (text[n] == '\n');
    }
    return list;
}

static json_t *json_file(const struct report_file *f)
{
    json_t *j = json_object();
    json_object_set_new(j, "path", json_text(f->path));
    json_object_set_new(j, "bytes", json_integer(f->bytes));
    return j;
}

static json_t *json_data(const struct report *r)
{
    json_t *j = json_object();
    json_object_set_new(j, "path", json_text(r->data));
    json_object_set_new(j, "image", json_text(r->image));
    json_object_set_new(j, "summary", json_text(r->data_summary));
    json_object_set_new(j, "samples", json_integer(r->samples));
    json_object_set_new(j, "judged", json_integer(r->judged));
    json_object_set_new(j, "random", json_boolean(r->random_data));
    return j;
}

static json_t *json_layers(const struct report *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->layer.n; i++) {
        const struct report_layer *l = &r->layer.at[i];
        json_t *j = json_object();
        json_object_set_new(j, "node", json_text(l->node));
        json_object_set_new(j, "op", json_text(l->op));
        json_object_set_new(j, "quantized", json_boolean(!l->left));
        if (l->left)
            json_object_set_new(j, "reason", json_text(l->left));
        if (l->weight) {
            json_object_set_new(j, "weight", json_text(l->weight));
            json_object_set_new(j, "scales", json_integer(l->scales));
        }
        if (l->runs) {
            json_object_set_new(j, "runs", json_text(l->runs));
            json_object_set_new(j, "runs_why", *l->runs_why ? json_text(l->runs_why) : json_null());
            json_object_set_new(j, "multiply_adds", json_real(l->macs));
        }
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *json_why(const struct report *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->why.n; i++) {
        const struct report_why *w = &r->why.at[i];
        json_t *j = json_object();
        json_object_set_new(j, "node", json_text(w->node));
        json_object_set_new(j, "op", json_text(w->op));
        json_object_set_new(j, "why", json_text(w->why));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *json_passes(const struct report *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->pass.n; i++) {
        const struct report_pass *p = &r->pass.at[i];
        json_t *j = json_object();
        json_object_set_new(j, "name", json_text(p->name));
        json_object_set_new(j, "changes", json_integer(p->changes));
        json_object_set_new(j, "notes", json_lines(p->notes));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *json_results(const struct report *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->result.n; i++) {
        double sqnr = r->result.at[i].sqnr;
        json_t *j = json_object();
        json_object_set_new(j, "name", json_text(r->result.at[i].name));
        json_object_set_new(j, "equal", json_boolean(isinf(sqnr) && sqnr > 0));
        json_object_set_new(j, "sqnr_db", isfinite(sqnr) ? json_real(sqnr) : json_null());
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *json_cost(const struct report *r)
{
    struct cost cost = cost_now();
    json_t *j = json_object(), *passes = json_object();
    json_object_set_new(j, "seconds", json_real(log_clock() - r->started));
    json_object_set_new(j, "cpu_seconds", json_real(cost.cpu_seconds));
    json_object_set_new(j, "peak_bytes", json_integer(cost.peak_bytes));
    for (int i = 0; i < r->pass.n; i++)
        json_object_set_new(passes, r->pass.at[i].name, json_real(r->pass.at[i].seconds));
    json_object_set_new(j, "pass_seconds", passes);
    return j;
}

static json_t *json_report(const struct report *r)
{
    json_t *j = json_object(), *settings = json_object();
    for (int i = 0; i < r->setting.n; i++)
        json_object_set_new(settings, r->setting.at[i].name, json_text(r->setting.at[i].value));
    json_object_set_new(j, "quern", json_text(QUERN_VERSION));
    json_object_set_new(j, "input", json_file(&r->input));
    json_object_set_new(j, "output", json_file(&r->output));
    json_object_set_new(j, "target", json_text(r->target));
    json_object_set_new(j, "format", json_text(r->format));
    json_object_set_new(j, "settings", settings);
    json_object_set_new(j, "recipe", json_text(r->recipe));
    json_object_set_new(j, "data", json_data(r));
    json_object_set_new(j, "outputs", json_results(r));
    json_object_set_new(j, "picked_from_db",
                        isnan(r->picked_from) ? json_null() : json_real(r->picked_from));
    json_object_set_new(j, "integer_percent",
                        r->predicted ? json_real(r->integer_percent) : json_null());
    double time = predict_time_ratio(&r->prediction);
    json_object_set_new(j, "predicted_time", isnan(time) ? json_null() : json_real(time));
    json_object_set_new(j, "advice", json_lines(r->advice));
    json_object_set_new(j, "layers", json_layers(r));
    json_object_set_new(j, "nodes", json_why(r));
    json_object_set_new(j, "passes", json_passes(r));
    json_object_set_new(j, "cost", json_cost(r));
    return j;
}

int report_write(const struct report *r, const char *path, struct err *err)
{
    return json_write(json_report(r), path, err);
}
