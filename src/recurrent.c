/* SPDX-License-Identifier: Apache-2.0
 *
 * recurrent: the forms and the way back.
 */
#include "recurrent.h"

#include "op.h"
#include "pairs.h"
#include "quant.h"

#include <math.h>
#include <string.h>

enum { PAYS_FROM = 32 }; /* hidden size; docs/targets.md */
enum { W_SCALE = 8, R_SCALE = 10 }; /* inputs of DynamicQuantizeLSTM; zero points follow each */

bool recurrent_is(const struct node *n)
{
    return n->op == OP_LSTM || n->op == OP_GRU || n->op == OP_RNN;
}

static const char *reason_against(const struct node *n)
{
    for (int i = 1; i <= 2; i++) {
        const struct tensor *t = node_constant(n, i);
        if (!t)
            return "its weights are not constant";
        if (t->dtype != DTYPE_F32 || t->shape.rank != 3)
            return "its weights are not float32";
    }
    return NULL;
}

const char *recurrent_reason_against_dynamic(const struct target *t, const struct node *n)
{
    if (target_rule(t, n) != TARGET_INTEGER)
        return "the target has no integer kernel for this operator";
    if (node_int(n, "layout", 0))
        return "the integer kernel has no layout 1";
    if (t->inputs == INPUTS_FLOAT)
        return "format dq rounds its weights with --recurrent weights only";
    const struct tensor *r = node_constant(n, 2);
    if (r && r->shape.rank == 3 && r->shape.dim[2] < PAYS_FROM)
        return "it is so small that the integer kernel is slower";
    return reason_against(n);
}

const char *recurrent_reason_against_weights(const struct target *t, const struct node *n)
{
    return t->recurrent_weights ? reason_against(n)
                                : "the target does not load it with integer weights";
}

bool recurrent_any_dynamic(const struct target *t, const struct model *m)
{
    struct arena scratch = {0};
    int n_graphs;
    bool any = false;
    struct graph **graph = model_graphs(m, &scratch, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        graph_each(graph[i], n)
            any = any || (recurrent_is(n) && !recurrent_reason_against_dynamic(t, n));
    arena_release(&scratch);
    return any;
}

/* [directions][rows][k] => codes [directions][k][rows], scales [directions][rows]. */
static void code_rows(const struct tensor *w, struct tensor *codes, struct tensor *scale,
                      bool short_sums)
{
    int64_t dirs = w->shape.dim[0], rows = w->shape.dim[1], k = w->shape.dim[2];
    const struct qtype type = {.dtype = DTYPE_I8, .symmetric = true, .narrow = true};
    for (int64_t r = 0; r < dirs * rows; r++) {
        const float *x = tensor_f32(w) + r * k;
        struct range range = {0, 0};
        int32_t zero;
        for (int64_t i = 0; i < k; i++)
            range = (struct range){fminf(range.lo, x[i]), fmaxf(range.hi, x[i])};
        float *s = &tensor_f32(scale)[r];
        quant_solve_range(&type, range, s, &zero);
        if (short_sums)
            *s = fmaxf(*s, pairs_lowest_of_row(x, k, 1));
        int8_t *to = (int8_t *)codes->data + r / rows * rows * k + r % rows;
        for (int64_t i = 0; i < k; i++)
            to[i * rows] = (int8_t)fminf(fmaxf(rintf(x[i] / *s), -127), 127);
    }
}

void recurrent_make_dynamic(const struct target *t, struct node *n, struct recurrent_old *old)
{
    struct model *m = n->graph->model;
    struct build at = build_before(n);
    *old = (struct recurrent_old){n->op, n->domain, n->type,
                                  {node_input(n, 1), node_input(n, 2)}, n->n_in};
    for (int i = 0; i < 2; i++) {
        const struct tensor *w = old->weight[i]->constant;
        const struct shape *s = &w->shape;
        struct shape turned = {3, {s->dim[0], s->dim[2], s->dim[1]}};
        struct shape rows = {2, {s->dim[0], s->dim[1]}};
        struct tensor *codes = tensor_new(m->arena, DTYPE_I8, &turned);
        struct tensor *scale = tensor_new(m->arena, DTYPE_F32, &rows);
        struct tensor *zero = tensor_new(m->arena, DTYPE_I8, &rows);
        code_rows(w, codes, scale, t->short_sums);
        memset(zero->data, 0, zero->size);
        at.stem = old->weight[i]->name;
        int slot = i ? R_SCALE : W_SCALE;
        node_set_input(n, 1 + i, build_constant(&at, "quantized", codes));
        node_set_input(n, slot, build_constant(&at, "scale", scale));
        node_set_input(n, slot + 1, build_constant(&at, "zero_point", zero));
    }
    const struct op_info *info = &op_table[OP_DynamicQuantizeLSTM];
    node_drop_attr(n, "layout"); /* 0 */
    n->op = OP_DynamicQuantizeLSTM;
    n->domain = info->domain;
    n->type = info->name;
    if (!model_opset(m, n->domain))
        model_set_opset(m, n->domain, 1);
}

void recurrent_take_back(struct node *n, const struct recurrent_old *old)
{
    n->op = old->op;
    n->domain = old->domain;
    n->type = old->type;
    for (int i = 0; i < 2; i++)
        node_set_input(n, 1 + i, old->weight[i]);
    for (int i = old->n_in; i < n->n_in; i++)
        node_set_input(n, i, NULL);
    n->n_in = old->n_in;
}

static void round_rows(struct value *v)
{
    const struct tensor *w = v->constant;
    struct arena *a = v->graph->model->arena;
    struct quant *q = v->quant = NEW(a, struct quant);
    q->type = (struct qtype){.dtype = DTYPE_I8, .grain = GRAIN_CHANNEL, .axis = 1,
                             .symmetric = true, .narrow = true};
    q->n = quant_count(&q->type, &w->shape);
    q->range = NEW_ARRAY(a, q->n, struct range);
    q->scale = NEW_ARRAY(a, q->n, float);
    q->zero = NEW_ARRAY(a, q->n, int32_t);
    for (int64_t i = 0, n = tensor_count(w); i < n; i++) {
        struct range *r = &q->range[quant_index(&q->type, &w->shape, i)];
        float x = tensor_f32(w)[i];
        *r = (struct range){fminf(r->lo, x), fmaxf(r->hi, x)};
    }
    for (int64_t i = 0; i < q->n; i++)
        quant_solve_range(&q->type, q->range[i], &q->scale[i], &q->zero[i]);
}

void recurrent_round_weights(struct node *n)
{
    for (int i = 1; i <= 2; i++) {
        struct value *w = node_input(n, i);
        if (!value_used_once(w)) {
            struct build at = build_before(n);
            node_set_input(n, i, build_constant(&at, i == 1 ? "W" : "R", w->constant));
        }
        round_rows(node_input(n, i));
    }
}

bool recurrent_weights(const struct node *n, struct qtype *t, int64_t *scales)
{
    const struct value *w = node_input(n, 1);
    if (n->op == OP_DynamicQuantizeLSTM) {
        const struct tensor *scale = node_constant(n, W_SCALE), *codes = node_constant(n, 1);
        *t = (struct qtype){.dtype = codes ? codes->dtype : DTYPE_I8, .grain = GRAIN_CHANNEL,
                            .axis = 2, .symmetric = true};
        *scales = scale ? tensor_count(scale) : 0;
        return true;
    }
    if (!recurrent_is(n) || !w || !w->quant)
        return false;
    *t = w->quant->type;
    *scales = w->quant->n;
    return true;
}
