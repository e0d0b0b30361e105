/* SPDX-License-Identifier: Apache-2.0
 *
 * quantized: by operator names, since most of these operators have no row in ops.def.
 */
#include "quantized.h"

#include "str.h"

bool node_is_quantized(const struct node *n)
{
    static const char *const pattern[] = {
        "QuantizeLinear", "DequantizeLinear", "DynamicQuantize*", "QLinear*", "*Integer",
        "*IntegerToFloat", "FakeQuantize", "QGemm", "QAttention", "MatMulNBits", "MatMulBnb4",
        "GatherBlockQuantized", "NhwcMaxPool",
    };
    for (size_t i = 0; i < sizeof pattern / sizeof pattern[0]; i++)
        if (str_glob(pattern[i], n->type))
            return true;
    return false;
}

static const struct node *graph_find_quantized(const struct graph *g)
{
    const struct node *found = NULL;
    for (const struct node *n = g->first; n && !found; n = n->next) {
        if (node_is_quantized(n))
            return n;
        for (int i = 0; i < n->n_attr && !found; i++) {
            if (n->attr[i].kind == ATTR_GRAPH)
                found = graph_find_quantized(n->attr[i].g);
            for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n && !found; k++)
                found = graph_find_quantized(n->attr[i].graphs[k]);
        }
    }
    return found;
}

const struct node *model_find_quantized(const struct model *m)
{
    const struct node *found = graph_find_quantized(m->graph);
    for (int i = 0; i < m->n_functions && !found; i++)
        if (m->function[i].body) /* somebody calls it */
            found = graph_find_quantized(m->function[i].body);
    return found;
}
