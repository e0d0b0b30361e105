/* SPDX-License-Identifier: Apache-2.0
 *
 * place_layers: the layers of an annotated model and their parts, found from its quants; and how
 * some of them become float again.
 */
#include "place.h"

#include "op.h"
#include "place_borders.h"
#include "place_form.h"
#include "vec.h"

struct value *qlayer_weight(const struct qlayer *l)
{
    return node_input(l->node, l->weight_slot);
}

struct value *qlayer_bias(const struct qlayer *l)
{
    return l->bias_node ? node_input(l->bias_node, l->bias_slot) : NULL;
}

struct value *qlayer_source(const struct qlayer *l)
{
    const struct node *n = l->input->def;
    return n && place_is_border(n) ? node_input(n, 0) : l->input;
}

bool qlayer_reads_codes(const struct qlayer *l)
{
    return l->input->quant && !l->node->in[l->weight_slot == 0].plain;
}

/* The axis of the weight that has a row for each output channel. */
static int row_axis(const struct qlayer *l)
{
    struct op_weight w;
    return op_weight(l->node, &w) ? w.axis : qlayer_weight(l)->type.shape.rank - 1;
}

int64_t qlayer_channels(const struct qlayer *l)
{
    return qlayer_weight(l)->type.shape.dim[row_axis(l)];
}

int64_t qlayer_row_length(const struct qlayer *l)
{
    return shape_count(&qlayer_weight(l)->type.shape) / qlayer_channels(l);
}

int64_t qlayer_groups(const struct qlayer *l)
{
    return l->node->op == OP_Conv ? node_int(l->node, "group", 1) : 1;
}

int64_t qlayer_weight_at(const struct qlayer *l, int64_t o, int64_t k)
{
    const struct shape *s = &qlayer_weight(l)->type.shape;
    int axis = row_axis(l);
    int64_t inner = shape_span(s, axis + 1, s->rank);
    return (k / inner * s->dim[axis] + o) * inner + k % inner;
}

struct value *constant_replace(struct value *old, const struct tensor *t)
{
    struct build at = {.graph = old->graph, .stem = old->name};
    struct value *v = build_constant(&at, "replaced", t);
    value_swap_names(v, old);
    v->quant = old->quant;
    old->quant = NULL;
    value_replace(old, v);
    return v;
}

/* Behind a layer: the activation that is computed before anything reads the sum. */
static struct value *behind_activation(struct value *sum)
{
    struct node *n = sum->quant ? NULL : value_user_behind(sum);
    return n && (n->op == OP_Relu || n->op == OP_Clip) && node_input(n, 0) == sum ? n->out[0] : sum;
}

/* Is the node a quantized layer? Then l tells of its parts. */
static bool find_layer(struct node *n, struct qlayer *l)
{
    struct op_weight ow;
    if (op_table[n->op].role != ROLE_WEIGHTED || !op_weight(n, &ow))
        return false;
    if (ow.groups > 1) /* a ConvTranspose whose output channels the weight does not count */
        return false;
    struct value *w = node_input(n, ow.slot), *x = node_input(n, 0);
    if (!w || !w->constant || !w->quant || n->in[ow.slot].plain)
        return false;
    *l = (struct qlayer){.node = n, .input = x, .weight_slot = ow.slot, .sum = n->out[0]};
    if (n->op != OP_MatMul && node_input(n, ow.bias)) {
        l->bias_node = n;
        l->bias_slot = ow.bias;
    } else if (n->op == OP_MatMul && !l->sum->quant) {
        l->bias_node = form_bias_behind(n, op_weight_channels(w->constant, &ow), &l->bias_slot);
        l->sum = l->bias_node ? l->bias_node->out[0] : l->sum;
    }
    l->output = behind_activation(l->sum);
    return true;
}

void place_find_layers(const struct model *m, struct arena *a, struct placement *p)
{
    VEC(struct qlayer) list = {0};
    *p = (struct placement){0};
    int n_graphs;
    struct graph **graph = model_graphs(m, a, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        graph_each(graph[i], n) {
            struct qlayer l;
            if (find_layer(n, &l))
                *vec_add(&list, a) = l;
        }
    p->layer = list.at;
    p->n_layer = list.n;
}

void place_drop(struct model *m, struct placement *p, const bool *drop, const char *reason)
{
    VEC(struct left_float) left = {0};
    for (int i = 0; i < p->n_left; i++)
        *vec_add(&left, m->arena) = p->left[i];
    for (int i = 0; i < p->n_layer; i++) {
        struct qlayer *l = &p->layer[i];
        if (!drop[i])
            continue;
        l->node->in[0].plain = true;
        l->node->in[l->weight_slot].plain = true;
        if (l->bias_node)
            l->bias_node->in[l->bias_slot].plain = true;
        *vec_add(&left, m->arena) = (struct left_float){l->node, reason};
    }
    place_find_layers(m, m->arena, p);
    p->left = left.at;
    p->n_left = left.n;
}
