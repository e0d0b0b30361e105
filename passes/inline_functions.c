/* SPDX-License-Identifier: Apache-2.0
 *
 * inline-functions: operators that the model defines itself become what they are made of.
 *
 *     y = F(x) <a = 2>            =>  t = Neg(x)  y = Elu(t) <alpha = 2>
 *     F <a> (x) => (y) { t = Neg(x)  y = Elu(t) <alpha = @a> }
 *
 * Every call goes, and so do the functions that nobody calls any more when the model is written.
 * Nodes of a function that is written in another operator set keep it until raise-opset. Attention
 * that computes graphs amid its scores (FlexAttention with score_mod or prob_mod) becomes products,
 * a Softmax and the nodes of those graphs.
 */
#include "inline_attention.h"
#include "inline_function.h"
#include "pass.h"

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)ctx;
    int calls = model_inline_functions(m, err), others = 0;
    if (calls >= 0)
        others = model_inline_attention(m, err);
    return calls < 0 || others < 0 ? -1 : calls + others;
}

const struct pass pass_inline_functions = {
    .name = "inline-functions",
    .summary = "replace the model's own functions by what they are made of",
    .breaks = FACT_TYPES,
    .run = run,
};
