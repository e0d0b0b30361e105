/* SPDX-License-Identifier: Apache-2.0
 *
 * part-sums: what is added to a product with a weight, and is no bias, becomes a sum of its own,
 * since no runtime adds it to a product of codes.
 *
 *     Gemm(a, w, c)  =>  Gemm(a, w) + c        c computed, or with several rows
 *
 * TensorFlow's converter writes the sums of recurrent cells so. From opset 11 on, where Gemm needs
 * no third input.
 */
#include "match.h"
#include "pass.h"

/* A constant row, or one number? */
static bool is_bias(const struct value *c)
{
    return c->constant && !(c->constant->shape.rank == 2 && c->constant->shape.dim[0] > 1);
}

static int part_node(struct node *n, void *unused)
{
    (void)unused;
    struct value *w = node_input(n, 1), *c = node_input(n, 2);
    if (n->op != OP_Gemm || node_opset(n) < 11 || !c || is_bias(c) || !w || !w->constant
        || node_float(n, "beta", 1) != 1)
        return 0;
    struct build at = build_before(n);
    struct node *product = build_node(&at, OP_Gemm, 2, (struct value *[]){node_input(n, 0), w}, 1);
    product->name = n->name;
    node_copy_attrs(product, n);
    match_put(n, build_node(&at, OP_Add, 2, (struct value *[]){product->out[0], c}, 1)->out[0]);
    return 1;
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)ctx;
    (void)err;
    return match_each(m->graph, part_node, NULL);
}

const struct pass pass_part_sums = {
    .name = "part-sums",
    .summary = "sums with what is no bias stand behind a Gemm, not in it",
    .needs = FACT_TYPES,
    .breaks = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
