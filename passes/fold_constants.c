/* SPDX-License-Identifier: Apache-2.0
 *
 * fold-constants: what does not depend on the inputs is computed now.
 *
 *     Constant                            =>  an initializer
 *     a node whose inputs are constant    =>  its outputs as initializers
 *     Shape, Size of a known shape        =>  its numbers
 *     Gather(Shape(x), 1) and the like    =>  the dim, where that one is known
 *     an If whose condition is constant   =>  the branch that it takes
 *     a state that a body never changes   =>  the value that it starts with, which is captured
 *
 * For the last form, shapes that are known in part are followed through operators that only move
 * elements; in them DIM_UNKNOWN stands for what is not known.
 *
 * Left alone are random operators, bodies, DequantizeLinear (the weights of a quantized model stay
 * quantized), and what would blow the file up.
 */
#include "infer.h"
#include "inline.h"
#include "op.h"
#include "ops/control.h"
#include "pass.h"

#include "k_layout.h"

#include <string.h>

enum { LARGE = 16 << 20, GROWTH = 4 }; /* bytes of outputs; their ratio to the inputs' */
static const int64_t DIM_UNKNOWN = INT64_MIN;

struct fold {
    struct model *model;
    struct arena scratch;              /* of one node */
    struct arena *partial_arena;
    const struct tensor **partial;     /* by value id: a shape known in part; NULL: none */
    struct str *notes;
    int changes;
};

/* Operators that move elements of input 0 (or of all inputs) and compute nothing with them. */
static bool op_moves(enum op op)
{
    switch (op) {
    case OP_Gather:
    case OP_Slice:
    case OP_Squeeze:
    case OP_Unsqueeze:
    case OP_Reshape:
    case OP_Identity:
    case OP_Concat:
        return true;
    default:
        return false;
    }
}

static bool has_body(const struct node *n)
{
    for (int i = 0; i < n->n_attr; i++)
        if (n->attr[i].kind == ATTR_GRAPH || n->attr[i].kind == ATTR_GRAPHS)
            return true;
    return false;
}

static bool is_foldable(const struct node *n)
{
    const struct op_info *info = &op_table[n->op];
    return info->infer && info->eval && !(info->flags & OP_RANDOM)
        && n->op != OP_DequantizeLinear && !has_body(n);
}

/* What the node's inputs are; false: one of them is not known well enough to compute with. */
static bool gather_inputs(struct fold *f, const struct node *n, const struct tensor **in,
                          bool *partial)
{
    bool moves = op_moves(n->op);
    for (int i = 0; i < n->n_in; i++) {
        const struct value *v = n->in[i].value;
        in[i] = NULL;
        if (!v)
            continue;
        bool followed = moves && (i == 0 || n->op == OP_Concat) && !v->constant;
        const struct tensor *p = followed ? f->partial[v->id] : NULL;
        if (v->constant)
            in[i] = v->constant;
        else if (p)
            in[i] = p;
        else if (i == 0 && (op_table[n->op].flags & OP_SHAPE_ONLY) && shape_known(&v->type.shape))
            in[i] = &v->type;
        else
            return false;
        *partial = *partial || p;
        if (in[i]->dtype == DTYPE_STRING)
            return false;
    }
    return true;
}

/* The shape of x with DIM_UNKNOWN for some dims, cut as Shape says. */
static const struct tensor *shape_in_part(struct fold *f, const struct node *n)
{
    const struct shape *s = &n->in[0].value->type.shape;
    int64_t dim[MAX_RANK], from = node_int(n, "start", 0), to = node_int(n, "end", s->rank);
    from = from < 0 ? from + s->rank : from;
    to = to < 0 ? to + s->rank : to > s->rank ? s->rank : to;
    int count = 0;
    for (int64_t i = from < 0 ? 0 : from; i < to; i++)
        dim[count++] = s->dim[i] < 0 ? DIM_UNKNOWN : s->dim[i];
    return tensor_from_i64(f->partial_arena, dim, count);
}

static bool is_known(const struct tensor *t)
{
    if (t->dtype != DTYPE_I64)
        return true;
    for (int64_t i = 0, n = tensor_count(t); i < n; i++)
        if (tensor_get_int(t, i) == DIM_UNKNOWN)
            return false;
    return true;
}

static bool is_too_large(struct fold *f, const struct node *n, const struct call *c)
{
    size_t in = 0, out = 0;
    for (int i = 0; i < c->n_in; i++)
        in += c->in[i] && c->in[i]->data ? c->in[i]->size : 0;
    for (int i = 0; i < c->n_out; i++)
        out += c->out[i] ? dtype_size(c->out[i]->dtype, tensor_count(c->out[i])) : 0;
    if (out <= LARGE || out <= GROWTH * in)
        return false;
    str_printf(f->notes, "%s: not folded, its result would take %.0f MB\n", node_title(n),
               (double)out / 1e6);
    return true;
}

/* Does the operator take and give this tensor channels-last? */
static bool wants_channels_last(const struct node *n, const struct tensor *t)
{
    return op_table[n->op].flags & OP_CHANNELS_LAST && t && t->shape.rank >= 3
        && t->shape.rank <= 5 && dtype_info(t->dtype)->bits % 8 == 0;
}

/* A copy of the data of `from`, in the other layout, becomes that of `to`. */
static void change_layout(const struct tensor *from, struct tensor *to)
{
    int64_t n = to->shape.dim[0], c = to->shape.dim[1];
    int64_t spatial = shape_span(&to->shape, 2, to->shape.rank);
    bool last = to->layout == LAYOUT_CHANNELS_LAST;
    k_transpose(to->data, from->data, dtype_size(to->dtype, 1), n, last ? c : spatial,
                last ? spatial : c);
}

/* Runs eval: outputs get memory in the model, and those that come channels-last are turned. */
static bool compute(struct fold *f, struct call *c, const struct tensor **in, struct tensor **out,
                    struct err *err)
{
    const struct node *n = c->node;
    struct tensor *result = NULL;
    if (n->n_in && wants_channels_last(n, in[0])) {
        struct tensor *turned = tensor_new(&f->scratch, in[0]->dtype, &in[0]->shape);
        turned->layout = LAYOUT_CHANNELS_LAST;
        change_layout(in[0], turned);
        in[0] = turned;
    }
    for (int i = 0; i < n->n_out; i++)
        if (out[i])
            out[i] = tensor_new(f->model->arena, out[i]->dtype, &out[i]->shape);
    if (wants_channels_last(n, out[0])) {
        result = out[0];
        out[0] = tensor_new(&f->scratch, result->dtype, &result->shape);
        out[0]->layout = LAYOUT_CHANNELS_LAST;
    }
    if (op_table[n->op].eval(c, err) < 0)
        return false;
    if (result) {
        change_layout(out[0], result);
        out[0] = result;
    }
    return true;
}

/* Runs infer and eval; false: it could not be computed, which is no error here. */
static bool evaluate(struct fold *f, struct node *n, const struct tensor **in, struct tensor **out)
{
    struct err ignored = {0};
    struct call c = {.node = n, .opset = node_opset(n), .n_in = n->n_in,
                     .n_out = n->n_out, .in = in, .out = out, .scratch = &f->scratch};
    for (int i = 0; i < n->n_out; i++) {
        out[i] = n->out[i] ? NEW(&f->scratch, struct tensor) : NULL;
        if (out[i])
            out[i]->shape.rank = -1;
    }
    if (op_infer(&c, &ignored) < 0)
        return false;
    for (int i = 0; i < n->n_out; i++)
        if (out[i] && (!shape_known(&out[i]->shape) || !dtype_info(out[i]->dtype)->bits))
            return false;
    return !is_too_large(f, n, &c) && compute(f, &c, in, out, &ignored);
}

/* The constants take over the names of the outputs. */
static void replace(struct fold *f, struct node *n, struct tensor *const *out)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && n->out[i]->uses)
            value_replace(n->out[i], graph_add_constant(n->graph, n->out[i]->name, out[i]));
    node_remove(n);
    f->changes++;
}

static void fold_node(struct fold *f, struct node *n)
{
    const struct attr *value = n->op == OP_Constant ? node_attr(n, "value") : NULL;
    if (value && value->kind == ATTR_TENSOR) {
        replace(f, n, (struct tensor *[]){arena_copy(f->model->arena, value->t, sizeof *value->t)});
        return;
    }
    if (!is_foldable(n) || !n->n_out || !n->out[0])
        return;
    bool partial = false;
    const struct tensor **in = NEW_ARRAY(&f->scratch, n->n_in, const struct tensor *);
    struct tensor **out = NEW_ARRAY(&f->scratch, n->n_out, struct tensor *);
    if (gather_inputs(f, n, in, &partial)) {
        if (!evaluate(f, n, in, out))
            return;
        if (!partial || is_known(out[0]))
            replace(f, n, out);
        else
            f->partial[n->out[0]->id] = out[0];
    } else if (n->op == OP_Shape && n->in[0].value && n->in[0].value->type.shape.rank >= 0) {
        f->partial[n->out[0]->id] = shape_in_part(f, n);
    }
}

static void drop_input(struct node *n, int i)
{
    for (; i + 1 < n->n_in; i++)
        node_set_input(n, i, n->in[i + 1].value);
    node_set_input(n, i, NULL);
    n->n_in--;
}

static void drop_graph_input(struct graph *g, int i)
{
    for (g->n_input--; i < g->n_input; i++)
        g->input[i] = g->input[i + 1];
}

static void drop_graph_output(struct graph *g, int i)
{
    drop_input(g->result, i);
    for (; i < g->result->n_in; i++) {
        g->output_name[i] = g->output_name[i + 1];
        g->output_origin[i] = g->output_origin[i + 1];
    }
}

static void drop_state(struct node *n, const struct control *k, int i)
{
    struct graph *body = k->body[0];
    struct value *start = node_input(n, k->first + i);
    value_replace(body->input[k->lead_in + i], start);
    if (n->out[i])
        value_replace(n->out[i], start);
    drop_graph_output(body, k->lead_out + i);
    drop_graph_input(body, k->lead_in + i);
    drop_input(n, k->first + i);
    for (n->n_out--; i < n->n_out; i++)
        n->out[i] = n->out[i + 1];
}

/* Exporters hand weights into a Loop as states, which its body hands on as they are. */
static void drop_states(struct fold *f, struct node *n)
{
    struct control k;
    struct err ignored;
    if ((n->op != OP_Loop && n->op != OP_Scan) || control_parse(n, &k, &ignored) < 0 || k.batched
        || k.n_state > n->n_out)
        return;
    for (int i = k.n_state - 1; i >= 0 && n->n_out > 1; i--) {
        const struct value *state = k.body[0]->input[k.lead_in + i];
        if (node_input(k.body[0]->result, k.lead_out + i) != state || !node_input(n, k.first + i))
            continue;
        drop_state(n, &k, i);
        f->changes++;
    }
}

static void fold_graph(struct fold *f, struct graph *g)
{
    graph_each(g, n) {
        drop_states(f, n);
        for (int i = 0; i < n->n_attr; i++) {
            if (n->attr[i].kind == ATTR_GRAPH)
                fold_graph(f, n->attr[i].g);
            for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n; k++)
                fold_graph(f, n->attr[i].graphs[k]);
        }
        fold_node(f, n);
        arena_reset(&f->scratch);
    }
}

/* A branch that moved out lets more become known: again, until none does. */
static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    int changes = 0;
    for (int inlined = 1; inlined;) {
        struct fold f = {.model = m, .partial_arena = ctx->scratch, .notes = &ctx->notes};
        f.partial = NEW_ARRAY(ctx->scratch, m->n_values, const struct tensor *);
        fold_graph(&f, m->graph);
        arena_release(&f.scratch);
        inlined = graph_inline_ifs(m->graph);
        changes += f.changes + inlined + graph_sweep(m->graph);
        if (inlined)
            TRY(graph_infer(m->graph, err));
    }
    return changes;
}

const struct pass pass_fold_constants = {
    .name = "fold-constants",
    .summary = "compute what does not depend on the inputs",
    .needs = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
