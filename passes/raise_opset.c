/* SPDX-License-Identifier: Apache-2.0
 *
 * raise-opset: the same model in a newer version of ONNX's operators.
 *
 * Quantization per channel needs opset 13; a target may need more. Each operator that changed on
 * the way has a row below, in the order of versions; operators without a row only got more types
 * or attributes whose default is what they did before. The operators of ONNX releases are
 * described in onnx/docs/Changelog.md. What only training uses is refused before, by inference.
 *
 * Nodes that came out of functions may be in another version than the model. The model goes back to
 * the oldest of all, and each node waits until its version comes.
 *
 * From IR version 4 on, initializers need not be listed as graph inputs, and a listed one counts as
 * replaceable: runtimes then neither fold nor fuse it. So the lists are cleared of them.
 */
#include "raise_opset.h"

#include "pass.h"
#include "target.h"

#include <string.h>

enum { OLDEST = 7, USUAL = 13, NEWEST = 21 };

/* By name, since an operator that quern does not know may have changed as well. */
static const struct step {
    int version;
    const char *type;
    step_fn *raise;
} steps[] = {
    {9, "BatchNormalization", raise_batchnorm_spatial},
    {9, "Scan", raise_scan},
    {9, "Upsample", raise_upsample_scales},
    {10, "Dropout", raise_dropout_mask},
    {10, "Slice", raise_slice},
    {10, "TopK", raise_topk},
    {10, "Upsample", raise_upsample},
    {11, "Clip", raise_clip},
    {11, "Pad", raise_pad},
    {11, "Resize", raise_resize},
    {11, "Scatter", raise_scatter},
    {12, "Dropout", raise_dropout_ratio},
    {13, "DequantizeLinear", raise_quantize},
    {13, "Hardmax", raise_softmax},
    {13, "LogSoftmax", raise_softmax},
    {13, "QuantizeLinear", raise_quantize},
    {13, "ReduceSum", raise_axes},
    {13, "Resize", raise_resize_mode},
    {13, "Softmax", raise_softmax},
    {13, "Split", raise_split},
    {13, "Squeeze", raise_axes},
    {13, "Unsqueeze", raise_axes},
    {16, "RoiAlign", raise_roialign},
    {18, "ReduceL1", raise_axes},
    {18, "ReduceL2", raise_axes},
    {18, "ReduceLogSum", raise_axes},
    {18, "ReduceLogSumExp", raise_axes},
    {18, "ReduceMax", raise_axes},
    {18, "ReduceMean", raise_axes},
    {18, "ReduceMin", raise_axes},
    {18, "ReduceProd", raise_axes},
    {18, "ReduceSumSquare", raise_axes},
    {18, "Split", raise_split_count},
    {20, "DFT", raise_dft},
    {20, "GridSample", raise_gridsample},
    {21, "GroupNormalization", raise_groupnorm},
};
enum { N_STEPS = sizeof steps / sizeof steps[0] };

static int raise_node(struct node *n, int64_t version, struct err *err)
{
    int changes = 0;
    bool idle = !n->n_out || !n->out[0] || n->opset >= version;
    if (n->opset == version)
        n->opset = 0;
    for (int i = 0; i < N_STEPS && !*n->domain && !idle; i++)
        if (steps[i].version == version && !strcmp(steps[i].type, n->type)) {
            if (steps[i].raise(n, err) < 0)
                return err_at(err, "%s cannot be raised to opset %d", node_title(n),
                              (int)version);
            changes++;
            break; /* the node may be gone */
        }
    return changes;
}

/* One version at a time over the whole graph, since a step may add nodes. */
static int raise_graph(struct graph *g, int64_t version, struct err *err)
{
    int changes = 0;
    graph_each(g, n) {
        for (int i = 0; i < n->n_attr; i++) {
            size_t count = n->attr[i].kind == ATTR_GRAPHS ? n->attr[i].n : 0;
            if (n->attr[i].kind == ATTR_GRAPH)
                TRY(raise_graph(n->attr[i].g, version, err));
            for (size_t k = 0; k < count; k++)
                TRY(raise_graph(n->attr[i].graphs[k], version, err));
        }
        int done = raise_node(n, version, err);
        TRY(done);
        changes += done;
    }
    return changes;
}

/* The oldest and the newest version of ONNX's operators that nodes have. */
static void find_versions(const struct graph *g, int64_t *oldest, int64_t *newest)
{
    const struct graph *body;
    for (const struct node *n = g->first; n; n = n->next) {
        int64_t v = *n->domain || !n->opset ? *oldest : n->opset;
        *oldest = v < *oldest ? v : *oldest;
        *newest = v > *newest ? v : *newest;
        for (int k = 0; (body = node_body(n, k)); k++)
            find_versions(body, oldest, newest);
    }
}

/* From now on the model's version is `now`, and nodes of others say so. */
static void set_version(struct graph *g, int64_t before, int64_t now)
{
    struct graph *body;
    graph_each(g, n) {
        int64_t v = n->opset ? n->opset : before;
        if (!*n->domain)
            n->opset = v == now ? 0 : v;
        for (int k = 0; (body = node_body(n, k)); k++)
            set_version(body, before, now);
    }
}

static int unlist_constants(struct graph *g)
{
    int kept = 0;
    for (int i = 0; i < g->n_input; i++) {
        if (g->input[i]->constant)
            g->input[i]->is_input = false;
        else
            g->input[kept++] = g->input[i];
    }
    int changes = g->n_input - kept;
    g->n_input = kept;
    return changes;
}

/* The IR version of the first release that had the opset, but 8 at least: older ones gain nothing,
 * and every runtime of the last years reads it. */
static int64_t ir_of_opset(int64_t opset)
{
    return opset <= 18 ? 8 : opset <= 20 ? 9 : 10;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    int64_t own = model_opset(m, ""), from = own, newest = own, to = USUAL;
    find_versions(m->graph, &from, &newest);
    if (ctx->target && ctx->target->opset > to)
        to = ctx->target->opset;
    if (ctx->opset > to)
        to = ctx->opset;
    if (to > NEWEST)
        return err_set(err, ERR_USAGE, "opset %lld is asked for; the newest that models are raised "
                       "to is %d", (long long)to, NEWEST);
    if ((from < own || newest > own) && newest > to)
        to = newest;
    if (to > NEWEST)
        return err_set(err, ERR_INPUT, "the model has nodes of opset %d and %d; the newest that "
                       "they can be raised to together is %d", (int)from, (int)newest, NEWEST);
    if (from < OLDEST)
        return err_set(err, ERR_INPUT, "the model has opset %d; the oldest that can be raised is "
                                       "%d", (int)from, OLDEST);
    int changes = unlist_constants(m->graph);
    if (from < own) {
        set_version(m->graph, own, from);
        model_set_opset(m, "", from);
    }
    for (int64_t version = from + 1; version <= to; version++) {
        int done = raise_graph(m->graph, version, err);
        TRY(done);
        changes += done + 1;
        model_set_opset(m, "", version);
    }
    int64_t ir = ir_of_opset(model_opset(m, ""));
    if (changes && m->ir_version < ir)
        m->ir_version = ir;
    return changes;
}

const struct pass pass_raise_opset = {
    .name = "raise-opset",
    .summary = "express the model in the opset that quantization needs",
    .needs = FACT_TYPES,
    .breaks = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
