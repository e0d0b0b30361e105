/* SPDX-License-Identifier: Apache-2.0
 *
 * predict_products: the nodes in the order in which lower_products writes them.
 */
#include "predict_products.h"

#include "predict_layer.h"

static const struct node *product_of_cast(const struct value *v)
{
    const struct node *cast = v && v->def && v->def->op == OP_Cast ? v->def : NULL;
    const struct node *p = cast && cast->in[0].value ? cast->in[0].value->def : NULL;
    return p && (p->op == OP_ConvInteger || p->op == OP_MatMulInteger) ? p : NULL;
}

static const struct node *product_of_scaled(const struct node *mul)
{
    if (!mul || mul->op != OP_Mul)
        return NULL;
    const struct node *p = product_of_cast(node_input(mul, 0));
    return p ? p : product_of_cast(node_input(mul, 1));
}

const struct node *product_around(const struct node *n)
{
    if (n->op == OP_Cast)
        return product_of_cast(n->out[0]);
    if (n->op == OP_Mul) {
        const struct node *p = product_of_scaled(n);
        return p ? p : product_of_scaled(value_only_user(n->out[0]));
    }
    for (int i = 0; n->op == OP_Add && i < 2; i++)
        if (operand_tensor(n, i))
            return product_of_scaled(node_input(n, 1 - i)->def);
    return NULL;
}
