/* SPDX-License-Identifier: Apache-2.0
 *
 * quantize-embeddings: tables that rows are picked from are kept as int8.
 *
 *     Gather(table, i) of axis 0  =>  Mul(Cast(Gather(codes, i)), Gather(scales, i))
 *
 * with one scale a row. It makes the file smaller. A DequantizeLinear on the table would do so too,
 * but ONNX Runtime would dequantize the whole table at each run. Kept if the simulated outputs stay
 * near.
 */
#include "keep.h"
#include "measure.h"
#include "pass.h"
#include "rule.h"
#include "target.h"
#include "quant.h"
#include "vec.h"

#include <math.h>

enum { WORTH = 4096, ROW = 8 }; /* elements of a table, and of a row: below, nothing is saved */

struct table {
    struct value *from, *codes, *scales;
};

static bool is_pick(const struct use *u)
{
    return u->user->op == OP_Gather && u == &u->user->in[0] && node_int(u->user, "axis", 0) == 0;
}

/* A float table that nobody needs once its rows are int8. */
static bool is_table(const struct value *v)
{
    const struct tensor *t = v ? v->constant : NULL;
    if (!t || t->dtype != DTYPE_F32 || t->shape.rank < 2 || tensor_count(t) < WORTH
        || shape_span(&t->shape, 1, t->shape.rank) < ROW)
        return false;
    value_each_use(v, u)
        if (node_is_result(u->user) || !(is_pick(u) || (v->quant && !u->plain)))
            return false;
    return true;
}

static void code_table(struct table *t)
{
    struct build at = {.graph = t->from->graph, .stem = t->from->name};
    const struct tensor *w = t->from->constant;
    struct arena *a = at.graph->model->arena;
    struct shape rows = {w->shape.rank, {w->shape.dim[0]}};
    for (int i = 1; i < rows.rank; i++)
        rows.dim[i] = 1;
    struct tensor *scales = tensor_new(a, DTYPE_F32, &rows);
    struct quant q = {.type = {.dtype = DTYPE_I8, .grain = GRAIN_CHANNEL, .symmetric = true,
                               .narrow = true}};
    q.n = w->shape.dim[0];
    q.scale = tensor_f32(scales);
    q.zero = NEW_ARRAY(a, q.n, int32_t);
    int64_t k = shape_span(&w->shape, 1, w->shape.rank);
    for (int64_t i = 0; i < q.n; i++) {
        struct range r = {0, 0};
        for (int64_t j = i * k; j < (i + 1) * k; j++)
            r = (struct range){fminf(r.lo, tensor_f32(w)[j]), fmaxf(r.hi, tensor_f32(w)[j])};
        quant_solve_range(&q.type, r, &q.scale[i], &q.zero[i]);
    }
    t->codes = build_constant(&at, "quantized", quant_codes(a, &q, w));
    t->scales = build_constant(&at, "scale", scales);
}

/* The value that the Gather gave is what the Mul gives now, with all that hangs on it. */
static void pick_codes(struct node *n, const struct table *t)
{
    struct value *y = n->out[0], *index = node_input(n, 1);
    struct build at = build_after(n);
    struct value *codes = value_new(n->graph, name_fresh(n->graph->model, y->name));
    codes->type = (struct tensor){.dtype = DTYPE_I8, .shape = y->type.shape};
    node_set_input(n, 0, t->codes);
    struct node *cast = build_node(&at, OP_Cast, 1, &codes, 1);
    node_set_int(cast, "to", DTYPE_F32);
    cast->out[0]->type = (struct tensor){.dtype = DTYPE_F32, .shape = y->type.shape};
    struct node *scale = build_node(&at, OP_Gather, 2, (struct value *[]){t->scales, index}, 1);
    scale->out[0]->type = (struct tensor){.dtype = DTYPE_F32, .shape = {.rank = -1}};
    struct node *mul = build_node(&at, OP_Mul, 2, (struct value *[]){cast->out[0], scale->out[0]},
                                  1);
    node_set_output(n, 0, codes);
    node_set_output(mul, 0, y);
}

/* How many Gathers now pick codes. */
static int code_tables(struct model *m, const struct node_rule *rule, struct arena *a)
{
    VEC(struct table) list = {0};
    int n_graphs, changes = 0;
    struct graph **graph = model_graphs(m, a, &n_graphs);
    for (int k = 0; k < n_graphs; k++) {
        graph_each(graph[k], n) {
            struct value *v = node_input(n, 0);
            if (n->op != OP_Gather || !is_pick(&n->in[0]) || !is_table(v)
                || rule[n->id].why_float)
                continue;
            struct table *t = NULL;
            for (int i = 0; i < list.n && !t; i++)
                t = list.at[i].from == v ? &list.at[i] : NULL;
            if (!t) {
                t = vec_add(&list, a);
                t->from = v;
                code_table(t);
            }
            pick_codes(n, t);
            changes++;
        }
    }
    return changes;
}

/* Tried on a copy first. */
extern const struct pass pass_quantize_embeddings;

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    if (!ctx->measure)
        return err_set(err, ERR_USAGE, "pass quantize-embeddings needs pass calibrate before it");
    struct model *copy = model_clone(m);
    const struct node_rule *rule = rules_resolve(ctx->target->rules, ctx->skip_nodes, m,
                                                 ctx->scratch);
    int changes = code_tables(copy, rule, ctx->scratch), r = 0;
    double now = NAN;
    if (changes && isnan(ctx->sqnr))
        r = measure_sqnr(ctx->measure, m, ctx->jobs, &ctx->sqnr, err);
    if (changes && r >= 0)
        r = measure_sqnr(ctx->measure, copy, ctx->jobs, &now, err);
    model_close(copy);
    TRY(r);
    if (!changes)
        return 0;
    struct keep limits = KEEP_DEFAULT;
    pass_take_settings(&pass_quantize_embeddings, ctx, &limits);
    bool kept = keep_is_worth(&limits, ctx->sqnr, now);
    str_printf(&ctx->notes, "%d Gathers of int8 rows: %s: %.1f -> %.1f dB\n", changes,
               kept ? "kept" : "taken back", ctx->sqnr, now);
    if (!kept)
        return 0;
    ctx->sqnr = now;
    return code_tables(m, rule, ctx->scratch);
}

const struct pass pass_quantize_embeddings = {
    .name = "quantize-embeddings",
    .summary = "keep tables that Gather picks rows from as int8; kept if outputs stay near",
    .needs = FACT_SOLVED,
    .flags = PASS_REFINES,
    .options = keep_rows,
    .run = run,
};
