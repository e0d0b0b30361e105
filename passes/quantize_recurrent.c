/* SPDX-License-Identifier: Apache-2.0
 *
 * quantize-recurrent: LSTM, GRU and RNN get integer weights (recurrent.h has the forms).
 *
 * By itself it only makes LSTMs that the target runs in integers, which are faster. All of them are
 * kept where the simulated outputs stay near, otherwise those that stay near one by one.
 * DequantizeLinear in front of weights makes the file smaller and the model slower, since it runs
 * each time: that is done only when it is asked for. In formats that need no data, and without
 * any, nothing is measured.
 */
#include "keep.h"
#include "measure.h"
#include "pass.h"
#include "recurrent.h"
#include "rule.h"
#include "vec.h"

#include <math.h>
#include <string.h>


struct candidates {
    struct node **at;
    int n;
    struct recurrent_old *old;
    struct keep limits;
};

static void leave(struct placement *p, struct arena *a, const struct node *n, const char *reason)
{
    struct left_float *left = NEW_ARRAY(a, p->n_left + 1, struct left_float);
    for (int i = 0; i < p->n_left; i++)
        left[i] = p->left[i];
    left[p->n_left++] = (struct left_float){n, reason};
    p->left = left;
}

/* One by one; each has to keep near what was before all. */
static int choose(struct model *m, struct pass_ctx *ctx, struct candidates *c, double before,
                  struct err *err)
{
    int kept = 0;
    for (int i = 0; i < c->n; i++) {
        double now;
        recurrent_make_dynamic(ctx->target, c->at[i], &c->old[i]);
        TRY(measure_sqnr(ctx->measure, m, ctx->jobs, &now, err));
        if (keep_is_worth(&c->limits, before, now)) {
            ctx->sqnr = now;
            kept++;
            continue;
        }
        recurrent_take_back(c->at[i], &c->old[i]);
        leave(ctx->placement, ctx->arena, c->at[i], "integer weights cost too much accuracy");
        str_printf(&ctx->notes, "%s: taken back: %.1f -> %.1f dB\n", node_title(c->at[i]), before,
                   now);
    }
    return kept;
}

static int make_dynamic(struct model *m, struct pass_ctx *ctx, struct candidates *c,
                        struct err *err)
{
    double before, now;
    c->old = NEW_ARRAY(ctx->scratch, c->n, struct recurrent_old);
    for (int i = 0; !ctx->measure && i < c->n; i++)
        recurrent_make_dynamic(ctx->target, c->at[i], &c->old[i]);
    if (!ctx->measure)
        return c->n;
    if (isnan(ctx->sqnr))
        TRY(measure_sqnr(ctx->measure, m, ctx->jobs, &ctx->sqnr, err));
    before = ctx->sqnr;
    for (int i = 0; i < c->n; i++)
        recurrent_make_dynamic(ctx->target, c->at[i], &c->old[i]);
    TRY(measure_sqnr(ctx->measure, m, ctx->jobs, &now, err));
    int kept = c->n;
    if (keep_is_worth(&c->limits, before, now)) {
        ctx->sqnr = now;
    } else {
        for (int i = 0; i < c->n; i++)
            recurrent_take_back(c->at[i], &c->old[i]);
        kept = choose(m, ctx, c, before, err);
        TRY(kept);
    }
    if (kept)
        str_printf(&ctx->notes, "%d LSTM with integer weights: %.1f -> %.1f dB\n", kept, before,
                   ctx->sqnr);
    return kept;
}

extern const struct pass pass_quantize_recurrent;

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    if (!ctx->measure && ctx->target->inputs == INPUTS_CALIBRATED)
        return err_set(err, ERR_USAGE, "pass quantize-recurrent needs pass calibrate before it");
    const char *mode = ctx->recurrent ? ctx->recurrent : "auto";
    bool is_auto = !strcmp(mode, "auto"), weights = !strcmp(mode, "weights");
    VEC(struct node *) list = {0};
    int n_graphs, changes = 0;
    struct graph **graph = model_graphs(m, ctx->scratch, &n_graphs);
    const struct node_rule *rule = rules_resolve(ctx->target->rules, ctx->skip_nodes, m,
                                                 ctx->arena);
    for (int i = 0; i < n_graphs; i++) {
        graph_each(graph[i], n) {
            if (!recurrent_is(n))
                continue;
            const char *excluded = rule[n->id].why_float;
            const char *reason = excluded ? excluded
                               : weights ? recurrent_reason_against_weights(ctx->target, n)
                               : is_auto ? recurrent_reason_against_dynamic(ctx->target, n)
                                         : "excluded by --recurrent float";
            if (reason) {
                leave(ctx->placement, ctx->arena, n, reason);
            } else if (is_auto) {
                *vec_add(&list, ctx->scratch) = n;
            } else {
                recurrent_round_weights(n);
                ctx->sqnr = NAN;
                changes++;
            }
        }
    }
    struct candidates c = {.at = list.at, .n = list.n, .limits = KEEP_DEFAULT};
    pass_take_settings(&pass_quantize_recurrent, ctx, &c.limits);
    return list.n ? make_dynamic(m, ctx, &c, err) : changes;
}

const struct pass pass_quantize_recurrent = {
    .name = "quantize-recurrent",
    .summary = "give LSTMs integer weights where the target runs them; kept if outputs stay near",
    .needs = FACT_SOLVED,
    .options = keep_rows,
    .run = run,
};
