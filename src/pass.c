/* SPDX-License-Identifier: Apache-2.0
 *
 * pass: runs passes one after the other and does around each what all have in common. The passes
 * themselves are in passes/, and the table of them in passes/passes.c.
 */
#include "pass.h"

#include "calibrate.h"
#include "gram.h"

#include "infer.h"
#include "log.h"
#include "measure.h"
#include "op.h"
#include "outcome.h"
#include "print.h"
#include "rounding.h"
#include "sweep.h"
#include "verify.h"

#include <math.h>
#include <string.h>

/* A pass that keeps results may change them by so much, relative to the largest element of an
 * output: room for another order of additions, none for another function. */
static const double same_result = 1e-3;

int pass_check_setting(const struct pass *p, const struct pass_setting *s, struct err *err)
{
    static const struct option none[] = {OPTION_END};
    union {
        double number;
        char room[256]; /* no pass has more */
    } into;
    if (option_set(p->options ? p->options : none, &into, s->option, s->value, err) < 0)
        return err_at(err, "pass %s", p->name);
    return 0;
}

void pass_take_settings(const struct pass *p, const struct pass_ctx *ctx, void *into)
{
    struct err err;
    for (int i = 0; i < ctx->n_setting; i++) {
        const struct pass_setting *s = &ctx->setting[i];
        if (!strcmp(s->pass, p->name) && option_set(p->options, into, s->option, s->value, &err))
            BUG("a setting that was not checked: %s", err.text);
    }
}

struct pipeline {
    struct model *model;
    struct pass_ctx *ctx;
    const struct pass_options *options;
    bool can_check;        /* the model runs, and the sample was read */
    bool known;            /* `before` is what the model computes now */
    struct sample sample;
    struct outcome before;
};

static int count_nodes(const struct graph *g)
{
    int count = 0;
    for (const struct node *n = g->first; n; n = n->next) {
        count++;
        for (int i = 0; i < n->n_attr; i++) {
            if (n->attr[i].kind == ATTR_GRAPH)
                count += count_nodes(n->attr[i].g);
            for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n; k++)
                count += count_nodes(n->attr[i].graphs[k]);
        }
    }
    return count;
}

static int give_types(struct model *m, const struct pass *p, struct err *err)
{
    if (!(p->needs & ~m->facts & FACT_TYPES))
        return 0;
    TRY(graph_infer(m->graph, err));
    m->facts |= FACT_TYPES;
    return 0;
}

/* Types are computed on demand. Any other fact is another pass's: without --skip a missing one
 * means that passes.def is in the wrong order. */
static int pipeline_give_facts(struct pipeline *g, const struct pass *p, struct err *err)
{
    struct model *m = g->model;
    TRY(give_types(m, p, err));
    if (!(p->needs & ~m->facts))
        return 0;
    if (!g->options->skip)
        BUG("pass %s needs facts %#x, and there are only %#x", p->name, p->needs, m->facts);
    return err_set(err, ERR_USAGE, "pass %s needs what a skipped pass would have given: %s",
                   p->name, g->options->skip);
}

static void pipeline_verify(const struct pipeline *g, const struct pass *p)
{
#ifdef NDEBUG
    if (!g->options->verify)
        return;
#endif
    struct str complaints = {0};
    int n = model_verify(g->model, &complaints);
    if (n)
        BUG("after pass %s the graph breaks %d rules\n%s", p->name, n, complaints.text);
    str_release(&complaints);
}

/* A model that cannot be run cannot be checked; that is said once and is no error. */
static void pipeline_begin_check(struct pipeline *g, const struct pass *p)
{
    if (!g->can_check || g->known || !(p->flags & PASS_SAME_RESULT))
        return;
    struct err why = {0};
    outcome_release(&g->before);
    g->known = g->can_check = outcome_take(&g->before, g->model, &g->sample, &why) == 0;
    if (!g->can_check)
        log_info("results are not checked: %s", why.text);
}

static int pipeline_check(struct pipeline *g, const struct pass *p, struct err *err)
{
    if (!g->known || !(p->flags & PASS_SAME_RESULT)) {
        g->known = false;
        return 0;
    }
    struct outcome after = {0};
    if (outcome_take(&after, g->model, &g->sample, err) < 0) {
        outcome_release(&after);
        return err_at(err, "pass %s left a model that cannot be run", p->name);
    }
    double difference = outcome_difference(&g->before, &after);
    outcome_release(&g->before);
    g->before = after;
    log_debug("  results differ by %.2g", difference);
    if (difference > same_result)
        return err_set(err, ERR_INPUT, "pass %s changed the results by %.2g; leave it out with "
                                       "--skip=%s", p->name, difference, p->name);
    return 0;
}

/* What the pass had to say, a line each. */
static void log_notes(const char *notes)
{
    for (const char *end; (end = strchr(notes, '\n')); notes = end + 1)
        log_debug("  %.*s", (int)(end - notes), notes);
}

static int run_and_sweep(struct model *m, const struct pass *p, struct pass_ctx *ctx,
                         struct err *err)
{
    struct arena a = {0};
    struct sweep before = sweep_note(m, &a);
    int changes = p->run(m, ctx, err);
    arena_reset(ctx->scratch);
    if (changes > 0) {
        sweep_up(m, &before);
        m->facts &= ~p->breaks;
    }
    m->facts |= changes >= 0 ? p->gives : 0;
    arena_release(&a);
    return changes;
}

int pass_anticipate(struct model *clone, const struct pass_ctx *ctx, struct err *err)
{
    struct arena scratch = {0};
    struct pass_ctx own = *ctx;
    int r = 0;
    own.scratch = &scratch;
    own.notes = (struct str){0};
    for (int i = 0; i < ctx->n_later && r >= 0; i++) {
        const struct pass *p = ctx->later[i];
        if (p->gives & FACT_PLACED)
            break;
        if (!(p->flags & PASS_SAME_RESULT) || p->flags & PASS_TRIES)
            continue;
        r = give_types(clone, p, err);
        r = r < 0 ? r : run_and_sweep(clone, p, &own, err);
    }
    str_release(&own.notes);
    arena_release(&scratch);
    return r < 0 ? -1 : 0;
}

static int pipeline_run(struct pipeline *g, const struct pass *p, struct err *err)
{
    struct model *m = g->model;
    size_t notes = g->ctx->notes.n;
    TRY(pipeline_give_facts(g, p, err));
    pipeline_begin_check(g, p);
    int nodes = count_nodes(m->graph);
    double start = log_clock();
    int changes = run_and_sweep(m, p, g->ctx, err);
    TRY(changes);
    double seconds = log_clock() - start;
    const char *new_notes = g->ctx->notes.n > notes ? g->ctx->notes.text + notes : "";
    log_debug("%-20s %5d changes %9.1f ms   %d -> %d nodes", p->name, changes, seconds * 1e3, nodes,
              count_nodes(m->graph));
    log_notes(new_notes);
    if (g->options->record)
        g->options->record(g->options->record_data, p, changes, seconds, new_notes);
    pipeline_verify(g, p);
    const char *print = g->options->print_after;
    if (print && (!strcmp(print, "all") || str_list_has(print, p->name, ',')))
        model_print(m, stdout, &(struct print_options){0});
    return changes ? pipeline_check(g, p, err) : 0;
}

/* What breaks a rule before any pass has run came with the file. */
static int pipeline_verify_input(const struct model *m, struct err *err)
{
    struct str complaints = {0};
    int n = model_verify(m, &complaints);
    if (n)
        err_set(err, ERR_INPUT, "the model is not sound (%d complaint%s): %.*s", n,
                n > 1 ? "s" : "", (int)strcspn(complaints.text, "\n"), complaints.text);
    str_release(&complaints);
    return n ? -1 : 0;
}

int64_t pass_opset(const struct pass_ctx *ctx, const struct model *m)
{
    return ctx->only_run ? INT64_MAX : model_opset(m, "");
}

int pass_judge(struct pass_ctx *ctx, const struct model *m, struct err *err)
{
    struct figures figures;
    TRY(measure_figures(ctx->measure, m, ctx->jobs, &figures, err));
    ctx->sqnr = figures.sqnr;
    ctx->noise = figures.noise;
    return 0;
}

double pass_enough(const struct pass_ctx *ctx)
{
    return ctx->enough_sqnr > 0 ? ctx->enough_sqnr : INFINITY;
}

void pass_made(struct node *n)
{
    if (op_table[n->op].since > node_opset(n))
        n->opset = op_table[n->op].since;
}

int pass_run_all(const struct pass *const *passes, int n, struct model *m, struct pass_ctx *ctx,
                 const struct pass_options *o, struct err *err)
{
    struct pipeline g = {.model = m, .ctx = ctx, .options = o};
    struct err why = {0};
    TRY(pipeline_verify_input(m, err));
    g.can_check = o->check_result && sample_take(&g.sample, m->graph, ctx->data, &why) == 0;
    if (o->check_result && !g.can_check)
        log_info("results are not checked: %s", why.text);
    int status = 0;
    struct arena arena = {0};
    const struct pass **list = NEW_ARRAY(&arena, n, const struct pass *);
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (str_list_has(o->skip, passes[i]->name, ','))
            log_debug("%-20s skipped", passes[i]->name);
        else
            list[kept++] = passes[i];
    for (int i = 0; i < kept && status == 0; i++) {
        ctx->later = list + i + 1;
        ctx->n_later = kept - i - 1;
        status = pipeline_run(&g, list[i], err);
    }
    grams_close(ctx->grams); /* of a pass that did not come to fetch them */
    rounding_close(ctx->rounding);
    calibration_close(ctx->calibration);
    ctx->grams = NULL;
    ctx->rounding = NULL;
    ctx->calibration = NULL;
    ctx->n_later = 0;
    arena_release(&arena);
    sample_release(&g.sample);
    outcome_release(&g.before);
    return status;
}
