/* SPDX-License-Identifier: Apache-2.0
 *
 * quantize_plan: options and target without a command line of `quantize`.
 */
#include "quantize_plan.h"

int quantize_plan_open(struct quantize_plan *p, const char *recipe, const char *target,
                       struct err *err)
{
    struct quantize_options *o = &p->options;
    *p = (struct quantize_plan){0};
    TRY(quantize_read(o, &p->recipe, recipe, err));
    if (target)
        o->target = target;
    TRY(quantize_choose(o, &p->recipe, &p->choice, err));
    for (int i = 0; i < o->skip_node.n; i++)
        str_printf(&p->skip_node, "%s%s", i ? "," : "", o->skip_node.at[i]);
    return 0;
}

void quantize_plan_release(struct quantize_plan *p)
{
    str_release(&p->choice.recipe);
    str_release(&p->skip_node);
    recipe_release(&p->recipe);
}

void quantize_plan_context(const struct quantize_plan *p, struct pass_ctx *ctx)
{
    ctx->target = &p->choice.target;
    ctx->observer = p->options.observer;
    ctx->recurrent = p->options.recurrent;
    ctx->setting = p->choice.setting;
    ctx->n_setting = p->choice.n_setting;
    ctx->skip_nodes = p->skip_node.text;
    ctx->min_sqnr = p->choice.min_sqnr;
    ctx->near_sqnr = p->choice.near_sqnr;
    ctx->enough_sqnr = p->options.enough_sqnr;
}

int quantize_plan_place(const struct quantize_plan *p, struct model *m, int jobs, struct arena *a,
                        struct placement **placement, struct err *err)
{
    struct arena scratch = {0};
    struct pass_ctx ctx = {.jobs = jobs, .arena = a, .scratch = &scratch};
    quantize_plan_context(p, &ctx);
    int n = 0;
    while (n < pass_count && !(pass_table[n]->gives & FACT_PLACED))
        n++;
    const char *skip = p->options.skip ? p->options.skip : "";
    struct pass_options how = {
        .skip = arena_printf(a, "clear-dead-channels,equalize,absorb-bias,%s", skip)};
    int r = pass_run_all(pass_table, n + 1, m, &ctx, &how, err);
    *placement = ctx.placement;
    str_release(&ctx.notes);
    arena_release(&scratch);
    return r;
}
