/* SPDX-License-Identifier: Apache-2.0
 *
 * place: gives quants to the values that the target runs in integers (place.h says how).
 */
#include "place.h"

#include "log.h"
#include "pass.h"
#include "place_dynamic.h"
#include "place_slow.h"
#include "rule.h"

/* A rule that fits nothing is a slip of the user's, or for another model. */
static void note_idle_rules(const struct model *m, struct pass_ctx *ctx)
{
    const struct rules *r = ctx->target->rules;
    for (int i = 0; r && i < r->n; i++)
        if (!rule_fits_any(&r->at[i], m, ctx->scratch)) {
            str_printf(&ctx->notes, "%s: this rule fits no node\n", r->at[i].where);
            log_info("note: %s: this rule fits no node", r->at[i].where);
        }
}

/* Layers that a rule wants with inputs quantized at run time, and the target does not run so. */
static void note_calibrated(const struct model *m, struct pass_ctx *ctx)
{
    const struct placement *p = ctx->placement;
    const struct node_rule *rule = rules_resolve(ctx->target->rules, NULL, m, ctx->scratch);
    for (int i = 0; i < p->n_layer; i++) {
        const struct node *n = p->layer[i].node;
        if (!rule[n->id].dynamic || ctx->target->inputs != INPUTS_CALIBRATED)
            continue;
        const char *reason = dynamics_reason_against(
            ctx->target, &p->layer[i], rule[n->id].rows ? DYNAMIC_ROWS : DYNAMIC_WHOLE);
        if (!reason)
            continue;
        str_printf(&ctx->notes, "the input of %s stays calibrated: %s\n", node_title(n), reason);
        log_info("note: the input of %s stays calibrated: %s", node_title(n), reason);
    }
}

/* Whoever reads "10 of 10 layers" should know that some of them run in float. */
static void note_volumes(const struct placement *p, struct pass_ctx *ctx)
{
    const struct node *first = NULL;
    int n = 0;
    for (int i = 0; i < p->n_layer; i++) {
        const struct node *node = p->layer[i].node;
        if (qlayer_reads_codes(&p->layer[i]))
            continue;
        bool slow = place_is_slow_volume(ctx->target, node);
        n += slow;
        first = slow && !first ? node : first;
    }
    if (!n)
        return;
    str_printf(&ctx->notes, "%d layers, '%s' first: the weight alone is rounded: " SLOW_VOLUME "\n",
               n, node_name(first));
    log_info("note: of %d layers, '%s' first, the weight alone is rounded: " SLOW_VOLUME, n,
             node_name(first));
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    if (!ctx->target)
        return err_set(err, ERR_USAGE, "pass place needs a target");
    note_idle_rules(m, ctx);
    struct placement *p = NEW(ctx->arena, struct placement);
    TRY(place_model(m, ctx->target, ctx->skip_nodes, ctx->arena, p, err));
    ctx->placement = p;
    note_volumes(p, ctx);
    if (ctx->target->rules)
        note_calibrated(m, ctx);
    return p->n_layer;
}

const struct pass pass_place = {
    .name = "place",
    .summary = "decide which values are quantized, with which type, for the target",
    .needs = FACT_TYPES,
    .gives = FACT_PLACED,
    .run = run,
};
