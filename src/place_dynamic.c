/* SPDX-License-Identifier: Apache-2.0
 *
 * place_dynamic: the mask lets go of what belongs to calibrated layers; then the weight is rounded
 * again, and the input is another. Whenever the mask is asked the inputs are those that it knows.
 */
#include "place_dynamic.h"

#include "mask.h"
#include "place_borders.h"

struct dynamics {
    struct model *model;
    struct mask *mask;
    const struct qlayer *layer;
    int n;
    enum dynamic *how;
    bool *off; /* in the mask */
};

const char *dynamics_reason_against(const struct target *t, const struct qlayer *l,
                                    enum dynamic how)
{
    const struct qtype *w = &qlayer_weight(l)->quant->type;
    if (!target_is_dynamic(t, l->node))
        return "the target does not run it with an input that is quantized at run time";
    if (!qlayer_reads_codes(l))
        return "only its weight is rounded";
    if (w->grain == GRAIN_BLOCK || (w->dtype != DTYPE_I8 && w->dtype != DTYPE_U8))
        return "its weight has neither 8-bit integers with a scale a tensor nor a channel";
    if (l->node->op == OP_Conv && how == DYNAMIC_ROWS)
        return "the input of a convolution has no rows";
    if (l->node->op == OP_Conv && w->grain != GRAIN_TENSOR
        && !(w->dtype == DTYPE_I8 && w->symmetric))
        return "its weight has a zero point for each channel, and ConvInteger takes one";
    return NULL;
}

struct dynamics *dynamics_open(struct model *m, const struct placement *p, const struct target *t,
                               struct arena *a)
{
    struct dynamics *d = NEW(a, struct dynamics);
    *d = (struct dynamics){m, mask_open(m, p, t, a), p->layer, p->n_layer,
                           NEW_ARRAY(a, p->n_layer, enum dynamic),
                           NEW_ARRAY(a, p->n_layer, bool)};
    return d;
}

static void turn_back(const struct qlayer *l)
{
    struct node *border = node_input(l->node, 0)->def;
    node_set_input(l->node, 0, l->input);
    border->in[0].plain = true;
}

static void turn(const struct qlayer *l, enum dynamic how)
{
    static const struct qtype type[] = {
        [DYNAMIC_WHOLE] = {.dtype = DTYPE_U8, .dynamic = true},
        [DYNAMIC_ROWS] = {.dtype = DTYPE_U8, .dynamic = true, .rows = true, .symmetric = true}};
    struct value *x = place_converted(l->input, &type[how], l->node->in[0].plain);
    x->def->in[0].plain = l->node->in[0].plain; /* as it is for a layer in float */
    node_set_input(l->node, 0, x);
    l->node->in[0].plain = false;
    l->node->in[l->weight_slot].plain = false;
}

void dynamics_set(struct dynamics *d, const enum dynamic *how)
{
    for (int i = 0; i < d->n; i++) {
        if (d->how[i] != DYNAMIC_NOT)
            turn_back(&d->layer[i]);
        d->off[i] = how[i] != DYNAMIC_NOT;
    }
    mask_set(d->mask, d->off);
    for (int i = 0; i < d->n; i++) {
        d->how[i] = how[i];
        if (d->off[i])
            turn(&d->layer[i], how[i]);
    }
}

void dynamics_keep(struct dynamics *d, struct placement *p)
{
    struct placement old = *p;
    for (int i = 0; i < d->n; i++)
        if (d->off[i] && qlayer_bias(&d->layer[i]))
            qlayer_bias(&d->layer[i])->quant = NULL;
    place_find_layers(d->model, d->model->arena, p);
    p->left = old.left;
    p->n_left = old.n_left;
}
