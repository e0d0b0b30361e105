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
    return quantize_choose(o, &p->recipe, &p->choice, err);
}

void quantize_plan_release(struct quantize_plan *p)
{
    str_release(&p->choice.recipe);
    recipe_release(&p->recipe);
}

int quantize_plan_place(const struct quantize_plan *p, struct model *m, int jobs, struct arena *a,
                        struct placement **placement, struct err *err)
{
    struct arena scratch = {0};
    struct pass_ctx ctx = {.jobs = jobs, .arena = a, .scratch = &scratch};
    quantize_context(&p->options, &p->choice, &ctx);
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
