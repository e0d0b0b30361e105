/* SPDX-License-Identifier: Apache-2.0
 *
 * place_units: one walk in execution order, so that what a unit gives is known to the next.
 */
#include "place_units.h"

#include "op.h"
#include "quantized.h"

#include <math.h>

/* How many of the inputs are data: behind them stand limits and sizes. */
static int count_data(const struct node *n)
{
    return n->op == OP_Resize || n->op == OP_Clip ? 1 : n->n_in;
}

bool unit_has_factors(const struct node *n)
{
    return n->op == OP_LayerNormalization || n->op == OP_InstanceNormalization
        || n->op == OP_ConvTranspose;
}

static bool is_float(const struct value *v)
{
    return v && v->type.dtype == DTYPE_F32;
}

/* Every output is float, and so is some input that is computed; where the rule is to follow, such
 * inputs have quants. */
static bool unit_fits(const struct target *t, const struct node *n)
{
    bool any = false;
    for (int i = 0; i < count_data(n); i++) {
        const struct value *v = node_input(n, i);
        if (!is_float(v) || v->constant)
            continue;
        if ((v->def && node_is_quantized(v->def))
            || (t->unit_rule == UNITS_FOLLOW && !v->quant))
            return false;
        any = true;
    }
    return any && is_float(n->out[0]);
}

/* Masks are made of such numbers: no grid holds them and ordinary ones. */
static bool is_huge(const struct tensor *t)
{
    if (t->dtype != DTYPE_F32)
        return false;
    for (int64_t i = 0, n = tensor_count(t); i < n; i++)
        if (!(fabsf(tensor_f32(t)[i]) <= 1e6f))
            return true;
    return false;
}

/* Does a huge number come into the node? Then it comes out, too, unless the operator has limits. */
static bool note_huge(const struct node *n, bool *huge)
{
    bool any = false;
    for (int i = 0; i < n->n_in; i++) {
        const struct value *v = node_input(n, i);
        any = any || (v && (huge[v->id] || (v->constant && is_huge(v->constant))));
    }
    bool bounded = op_table[n->op].role == ROLE_FIXED || n->op == OP_Clip;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            huge[n->out[i]->id] = any && !bounded;
    return any && n->op != OP_Clip;
}

/* A Relu that vanishes in the quantization behind it. */
static bool is_folded_away(const struct target *t, const struct node *n)
{
    const struct value *in = node_input(n, 0);
    if (target_rule(t, n) != TARGET_FOLDED || !in->def || in->def->graph != n->graph || in->quant
        || !n->out[0]->quant)
        return false;
    return target_wants_output(t, in->def) || target_is_unit(t, in->def);
}

static void place_norm_constants(const struct target *t, struct node *n)
{
    struct model *m = n->graph->model;
    struct qtype scale = t->weight, shift = {.dtype = DTYPE_I32, .symmetric = true};
    scale.grain = GRAIN_TENSOR;
    struct value *w = node_input(n, 1), *b = node_input(n, 2);
    if (!w || !w->constant)
        return;
    value_claim(w, &scale);
    n->in[1].plain = false;
    if (!b || !b->constant)
        return;
    if (!value_used_once(b)) {
        struct build at = build_before(n);
        b = build_constant(&at, "bias", b->constant);
        node_set_input(n, 2, b);
    }
    b->quant = quant_new(m, &shift, 1);
}

void place_shifts(struct model *m)
{
    struct arena scratch = {0};
    int n_graphs;
    struct graph **graph = model_graphs(m, &scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        graph_each(graph[i], n) {
            const struct value *shift = unit_has_factors(n) ? node_input(n, 2) : NULL;
            if (!shift || !shift->quant || shift->quant->type.dtype != DTYPE_I32)
                continue;
            shift->quant->product[0] = node_input(n, 0)->quant;
            shift->quant->product[1] = node_input(n, 1)->quant;
        }
    arena_release(&scratch);
}

static void place_unit(const struct target *t, struct node *n)
{
    for (int i = 0; i < count_data(n); i++) {
        if (!is_float(node_input(n, i)) || (i > 0 && unit_has_factors(n)))
            continue;
        value_claim(node_input(n, i), &t->activation);
        n->in[i].plain = false;
    }
    if (unit_has_factors(n))
        place_norm_constants(t, n);
    value_claim_wholly(value_behind_folded(t, n->out[0]), &t->activation);
}

/* The output has the input's quant; where it has its own by now, place_codes() joins them. */
static void place_mover(const struct target *t, struct node *n)
{
    struct value *in = node_input(n, 0);
    if (!is_float(in) || in->constant || (in->def && node_is_quantized(in->def)))
        return;
    if (t->unit_rule == UNITS_ALWAYS)
        value_claim(in, &t->activation);
    for (int i = 0; i < n->n_out && in->quant; i++) {
        if (!is_float(n->out[i]) || n->out[i]->quant)
            continue;
        n->in[0].plain = false;
        n->out[i]->quant = in->quant;
    }
}

struct qtype weight_type(const struct target *t, const struct qtype *wanted,
                         const struct node *layer, const struct shape *s, int axis)
{
    struct qtype type = *wanted;
    bool matrix = s->rank == 2 && layer->op != OP_Conv && layer->op != OP_ConvTranspose;
    int inner = 1 - axis;
    bool parted = matrix && type.grain == GRAIN_BLOCK
               && !(t->whole_blocks && s->dim[inner] % type.block);
    if ((dtype_info(type.dtype)->bits < 8 && !(matrix && (parted || type.grain != GRAIN_BLOCK)))
        || (type.grain == GRAIN_BLOCK && !parted))
        type = (struct qtype){.dtype = DTYPE_I8, .grain = GRAIN_CHANNEL, .symmetric = true,
                              .narrow = true};
    type.axis = type.grain == GRAIN_BLOCK ? inner : axis;
    bool columns = layer->op == OP_MatMul && s->rank > 2; /* scales a column are for matrices */
    bool signless = !type.symmetric || dtype_info(type.dtype)->min == 0;
    type.short_sums = t->short_sums && type.dtype == DTYPE_I8 && type.grain != GRAIN_BLOCK
                   && t->inputs != INPUTS_FLOAT;
    bool zeros = layer->op == OP_Conv && t->inputs == INPUTS_DYNAMIC && signless;
    if (type.grain == GRAIN_CHANNEL && (columns || zeros || !target_takes_channels(t, layer)))
        type.grain = GRAIN_TENSOR;
    return type;
}

void gemm_turn_weight(struct node *n)
{
    if (!node_int(n, "transB", 0))
        return;
    struct arena *a = n->graph->model->arena;
    const struct tensor *w = node_constant(n, 1);
    struct quant *q = node_input(n, 1)->quant;
    int64_t rows = w->shape.dim[0], columns = w->shape.dim[1];
    struct tensor *t = tensor_new(a, w->dtype, &(struct shape){2, {columns, rows}});
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < columns; k++)
            tensor_f32(t)[k * rows + i] = tensor_f32(w)[i * columns + k];
    struct build at = build_before(n);
    node_set_input(n, 1, build_constant(&at, "weight", t));
    node_drop_attr(n, "transB");
    if (!q)
        return;
    q = arena_copy(a, q, sizeof *q);
    q->type.axis = 1 - q->type.axis;
    node_input(n, 1)->quant = q;
}

static void place_units_in(struct graph *g, const struct target *t, const bool *may, bool *huge)
{
    graph_each(g, n) {
        if (note_huge(n, huge) || !may[n->id])
            continue;
        enum target_op rule = target_rule(t, n);
        if (rule == TARGET_CODES)
            place_mover(t, n);
        else if (target_is_unit(t, n) && !is_folded_away(t, n) && unit_fits(t, n)
                 && !(rule == TARGET_INTEGER && (node_constant(n, 0) || node_constant(n, 1))))
            place_unit(t, n);
    }
}

void place_units(struct model *m, const struct target *t, const bool *may)
{
    struct arena scratch = {0};
    bool *huge = NEW_ARRAY(&scratch, m->n_values, bool);
    int n_graphs;
    struct graph **graph = model_graphs(m, &scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        place_units_in(graph[i], t, may, huge);
    arena_release(&scratch);
}
