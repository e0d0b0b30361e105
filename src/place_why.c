/* SPDX-License-Identifier: Apache-2.0
 *
 * place_why: layers and what stayed float are told by the placement; for all other nodes the
 * target's rule and the quants around them say it.
 */
#include "place_why.h"

#include "op.h"
#include "place_slow.h"
#include "recurrent.h"

static const char *type_text(struct arena *a, const struct qtype *t)
{
    return arena_strdup(a, qtype_text(t, (char[QTYPE_TEXT]){0}));
}

/* The quant that a node's use of an input sees; NULL: the float. */
static const struct quant *quant_seen(const struct node *n, int i)
{
    const struct value *v = node_input(n, i);
    return v && !n->in[i].plain ? v->quant : NULL;
}

static bool is_rounded(const struct value *v)
{
    value_each_use(v, u)
        if (!u->plain)
            return v->quant;
    return false;
}

static const char *explain_layer(const struct target *t, const struct qlayer *l, struct arena *a)
{
    const struct value *bias = qlayer_bias(l);
    const char *text = arena_printf(a, "layer: weight %s",
                                    type_text(a, &qlayer_weight(l)->quant->type));
    const struct quant *x = quant_seen(l->node, 0);
    if (x)
        text = arena_printf(a, "%s, input %s", text,
                            x->type.dynamic ? "rounded at run time" : type_text(a, &x->type));
    else if (place_is_slow_volume(t, l->node))
        text = arena_printf(a, "%s, input float: " SLOW_VOLUME, text);
    if (is_rounded(l->output))
        text = arena_printf(a, "%s, output %s", text, type_text(a, &l->output->quant->type));
    if (bias)
        text = arena_printf(a, "%s, bias %s", text, bias->quant ? "int32" : "float");
    return text;
}

static bool computes_floats(const struct node *n)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && dtype_info(n->out[i]->type.dtype)->is_float)
            return true;
    return false;
}

/* Relu and Clip behind a layer or a unit, in front of the quantization that contains them. */
static bool is_folded(const struct target *t, const struct node *n)
{
    const struct node *before = node_input(n, 0) ? node_input(n, 0)->def : NULL;
    return target_rule(t, n) == TARGET_FOLDED && n->out[0]->quant && before
        && !node_input(n, 0)->quant
        && (target_rule(t, before) == TARGET_INTEGER || target_is_unit(t, before)
            || before->op == OP_Add);
}

static bool moves_codes(const struct target *t, const struct node *n)
{
    const struct quant *q = quant_seen(n, 0);
    return target_rule(t, n) == TARGET_CODES && q && n->out[0]->quant == q;
}

static bool is_unit(const struct target *t, const struct node *n)
{
    return target_is_unit(t, n) && n->out[0]->quant && quant_seen(n, 0);
}

static const char *explain_other(const struct target *t, const struct node *n, struct arena *a)
{
    if (!computes_floats(n))
        return NULL;
    if (is_folded(t, n))
        return "folded: vanishes in the quantization behind it";
    if (moves_codes(t, n))
        return "moves codes: its output shares the scale of its input";
    if (is_unit(t, n))
        return "computes on codes: its inputs and its output are quantized";
    if (target_rule(t, n) == TARGET_CODES)
        return "float: it only moves numbers, and is not between two quantized values";
    if (target_rule(t, n) == TARGET_FOLDED)
        return "float: no quantization right behind it contains it";
    if (target_computes_codes(t, n))
        return t->unit_rule == UNITS_NEVER
                   ? "float: its inputs are read unrounded, unless --elementwise asks otherwise"
                   : "float: not all of its inputs are quantized";
    return *t->units ? arena_printf(a, "float: %s has no integer rule for %s", t->name, n->type)
                     : arena_printf(a, "float: %s rounds inputs of layers only", t->name);
}

/* An LSTM that has integer weights. */
static const char *explain_recurrent(const struct node *n, struct arena *a)
{
    struct qtype type;
    int64_t scales;
    return recurrent_weights(n, &type, &scales)
               ? arena_printf(a, "layer: weights %s", type_text(a, &type)) : NULL;
}

const char **place_explain(const struct model *m, const struct target *t,
                           const struct placement *p, struct arena *a)
{
    const char **why = NEW_ARRAY(a, m->n_nodes, const char *);
    for (int i = 0; i < p->n_left; i++)
        why[p->left[i].node->id] = arena_printf(a, "float: %s", p->left[i].reason);
    for (int i = 0; i < p->n_layer; i++) {
        const struct qlayer *l = &p->layer[i];
        why[l->node->id] = explain_layer(t, l, a);
        if (l->bias_node && l->bias_node != l->node)
            why[l->bias_node->id] = arena_printf(a, "layer: the bias of '%s'",
                                                 *l->node->name ? l->node->name
                                                                : l->node->out[0]->name);
    }
    int n_graphs;
    struct graph **graph = model_graphs(m, a, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        for (const struct node *n = graph[i]->first; n; n = n->next) {
            const char *recurrent = explain_recurrent(n, a);
            if (recurrent)
                why[n->id] = recurrent;
            else if (!why[n->id] && n->n_out && n->out[0])
                why[n->id] = explain_other(t, n, a);
        }
    return why;
}
