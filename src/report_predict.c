/* SPDX-License-Identifier: Apache-2.0
 *
 * report_predict: the verdicts, as a short list and as JSON.
 */
#include "report_predict.h"

#include "json_out.h"

#include <math.h>
#include <string.h>

static const char *node_label(const struct node *n)
{
    return *n->name ? n->name : n->out[0]->name;
}

static bool is_alike(const struct predicted *a, const struct predicted *b)
{
    return a->is.verdict == b->is.verdict && !strcmp(a->is.reason, b->is.reason);
}

/* The nodes like `first`: how many, and the first names. */
static void print_alike(const struct prediction *p, const struct predicted *first, FILE *out)
{
    enum { SHOWN = 3, WIDTH = 40 };
    int count = 0;
    double macs = 0;
    for (int i = 0; i < p->node.n; i++)
        if (is_alike(&p->node.at[i], first)) {
            macs += p->node.at[i].macs;
            count++;
        }
    fprintf(out, "  %-11s %d node%s, %.2f %%", verdict_names[first->is.verdict], count,
            count == 1 ? "" : "s", p->macs > 0 ? 100 * macs / p->macs : 0);
    fprintf(out, *first->is.reason ? ": %s\n" : "%s\n", first->is.reason);
    if (first->is.verdict == VERDICT_INTEGER)
        return;
    int shown = 0;
    for (int i = 0; i < p->node.n && shown < SHOWN; i++) {
        const struct node *n = p->node.at[i].node;
        if (is_alike(&p->node.at[i], first))
            fprintf(out, "%s%.*s (%s)", shown++ ? ", " : "              ", WIDTH, node_label(n),
                    n->type);
    }
    fprintf(out, count > shown ? ", ...\n" : "\n");
}

void predict_print(const struct prediction *p, const char *target, FILE *out)
{
    for (int v = 0; v < N_VERDICTS; v++)
        for (int i = 0; i < p->node.n; i++) {
            bool seen = (int)p->node.at[i].is.verdict != v;
            for (int k = 0; k < i && !seen; k++)
                seen = is_alike(&p->node.at[k], &p->node.at[i]);
            if (!seen)
                print_alike(p, &p->node.at[i], out);
        }
    fprintf(out, "  share       %.2f %% of the multiply-adds run in integers in %s\n",
            predict_share(p), target);
    struct arena a = {0};
    const char *text = predict_advice(p, target, &a);
    while (*text) {
        int n = (int)strcspn(text, "\n");
        fprintf(out, "  note        %.*s\n", n, text);
        text += n + (text[n] == '\n');
    }
    arena_release(&a);
}

int predict_write(const struct prediction *p, const char *model, const char *target,
                  const char *path, struct err *err)
{
    json_t *j = json_object(), *nodes = json_array();
    for (int i = 0; i < p->node.n; i++) {
        const struct predicted *n = &p->node.at[i];
        json_t *row = json_object();
        json_object_set_new(row, "node", json_text(node_label(n->node)));
        json_object_set_new(row, "op", json_text(n->node->type));
        json_object_set_new(row, "runs", json_text(verdict_names[n->is.verdict]));
        json_object_set_new(row, "reason", *n->is.reason ? json_text(n->is.reason) : json_null());
        json_object_set_new(row, "multiply_adds", json_real(n->macs));
        json_array_append_new(nodes, row);
    }
    json_object_set_new(j, "quern", json_text(QUERN_VERSION));
    json_object_set_new(j, "model", json_text(model));
    json_object_set_new(j, "target", json_text(target));
    json_object_set_new(j, "integer_percent", json_real(predict_share(p)));
    json_object_set_new(j, "multiply_adds", json_real(p->macs));
    double time = predict_time_ratio(p);
    json_object_set_new(j, "predicted_time", isnan(time) ? json_null() : json_real(time));
    json_object_set_new(j, "nodes", nodes);
    return json_write(j, path, err);
}
