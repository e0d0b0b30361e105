/* SPDX-License-Identifier: Apache-2.0
 *
 * work: multiply-adds of each family of operators.
 */
#include "work.h"

#include "ops/einsum.h"

static double count(const struct tensor *t)
{
    return t ? (double)tensor_count(t) : 0;
}

static const struct tensor *input(const struct call *c, int i)
{
    return i < c->n_in ? c->in[i] : NULL;
}

/* A dim from the front, or from the end where negative; 1 where there is none. */
static double dim(const struct tensor *t, int axis)
{
    if (!t)
        return 1;
    int i = axis < 0 ? t->shape.rank + axis : axis;
    return i >= 0 && i < t->shape.rank ? (double)t->shape.dim[i] : 1;
}

/* Each output element is a sum over one filter; transposed, each input element is spread by one. */
static double work_conv(const struct call *c)
{
    const struct tensor *w = input(c, 1);
    const struct tensor *many = c->node->op == OP_ConvTranspose ? input(c, 0) : c->out[0];
    return tensor_count(w) ? count(many) * count(w) / dim(w, 0) : 0;
}

/* Each output element is a sum over a row of the left matrix. */
static double work_product(const struct call *c)
{
    const struct tensor *a = input(c, 0);
    int row = -1;
    if (node_int(c->node, "transA", 0) && a->shape.rank > 1)
        row = node_int(c->node, "transBatchA", 0) ? 0 : -2;
    return count(c->out[0]) * dim(a, row);
}

/* Each step of each sequence is a product with all of W and R. */
static double work_recurrent(const struct call *c)
{
    return dim(input(c, 0), 0) * dim(input(c, 0), 1) * (count(input(c, 1)) + count(input(c, 2)));
}

/* Factors are multiplied one after the other, over all labels at most. */
static double work_einsum(const struct call *c)
{
    struct einsum e;
    struct err err;
    bool complete;
    if (einsum_read(c, &e, &complete, &err) < 0 || !complete)
        return 0;
    double n = e.n_terms - 1;
    for (int i = 0; i < EINSUM_LABELS; i++)
        n *= e.used[i] ? (double)e.dim[i] : 1;
    return n;
}

/* Scores of every row and key, and as many sums of values; q: elements of all queries. */
static double work_scores(double q, double keys, const struct tensor *y)
{
    return keys * (q + count(y));
}

static double work_attention(const struct call *c)
{
    const struct tensor *q = input(c, 0), *k = input(c, 1), *y = c->out[0], *past;
    double keys, width;
    switch (c->node->op) {
    case OP_MsAttention: case OP_QAttention: /* k: the weight that makes queries, keys and values of
                                                the input */
        past = input(c, c->node->op == OP_QAttention ? 8 : 4);
        keys = dim(q, 1) + (past ? dim(past, 3) : 0);
        width = (dim(k, 1) - dim(y, 2)) / 2;
        return count(q) * dim(k, 1) + work_scores(dim(y, 0) * dim(y, 1) * width, keys, y);
    case OP_GroupQueryAttention:
        past = input(c, 3);
        keys = dim(q, 1) + (past ? dim(past, 2) : 0);
        return work_scores(count(y), keys, y);
    default: /* keys of rank 4 are [batch][head][row][size], others [batch][row][...] */
        past = input(c, c->node->op == OP_MultiHeadAttention ? 6 : 4);
        keys = dim(k, k->shape.rank == 4 ? 2 : 1) + (past ? dim(past, 2) : 0);
        return work_scores(count(q), keys, y);
    }
}

static double multiply_adds(const struct call *c)
{
    switch (c->node->op) {
    case OP_Conv: case OP_FusedConv: case OP_ConvTranspose:
        return work_conv(c);
    case OP_MatMul: case OP_Gemm: case OP_FusedGemm: case OP_FusedMatMul:
    case OP_TransposeMatMul: case OP_MatMulNBits:
        return work_product(c);
    case OP_Einsum:
        return work_einsum(c);
    case OP_Attention: case OP_FlexAttention: case OP_MsAttention: case OP_MultiHeadAttention:
    case OP_GroupQueryAttention: case OP_QAttention:
        return work_attention(c);
    case OP_CausalConvWithState: case OP_MsCausalConvWithState:
        return count(c->out[0]) * dim(input(c, 1), -1);
    case OP_RNN: case OP_GRU: case OP_LSTM: case OP_DynamicQuantizeLSTM:
        return work_recurrent(c);
    default:
        return 0;
    }
}

static double bytes_of(const struct tensor *t)
{
    return t ? (double)dtype_size(t->dtype, tensor_count(t)) : 0;
}

struct work work_of(const struct call *c)
{
    struct work w = {.ops = 2 * multiply_adds(c)};
    for (int i = 0; i < c->n_in; i++)
        w.bytes += bytes_of(c->in[i]);
    for (int i = 0; i < c->n_out; i++)
        w.bytes += bytes_of(c->out[i]);
    if (op_table[c->node->op].flags & OP_VIEW)
        w.bytes = 0;
    return w;
}
