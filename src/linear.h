/* SPDX-License-Identifier: Apache-2.0
 *
 * linear: a Conv, ConvTranspose, Gemm or MatMul with a constant weight, seen as a matrix that leads
 * from channels in to channels out:
 *
 *     y[o] = alpha * sum over c of W[o][c] * x[c]  +  bias[o]
 *
 * W[o][c] is one number (Gemm, MatMul) or a kernel (Conv). The weight is stored as
 * [batch][major][minor][inner]: one of major and minor counts output channels, the other input
 * channels; with groups, minor counts those of one group only. inner is the kernel's size; batch
 * is 1 but for a MatMul with a weight of more than two axes.
 *
 * A MatMul and the Add of a constant vector that alone reads it are one layer with a bias. All
 * arithmetic is in double; results are stored in the dtype of the weight. Channels are numbered as
 * the activations count them, groups included.
 */
#ifndef LINEAR_H
#define LINEAR_H

#include "graph.h"

struct linear {
    struct node *node;
    const struct tensor *weight;
    struct node *bias_node;  /* whose input bias_slot is the bias; NULL: a MatMul without an Add */
    int bias_slot;
    struct value *out;       /* with the bias added */
    bool out_major;          /* major counts output channels: Conv, Gemm with transB */
    int64_t batch, major, minor, inner, groups;
    int64_t n_out, n_in;     /* channels of the output and of input 0 */
    bool axis_last;          /* channels are the last axis (MatMul), not axis 1 */
    double alpha, beta;      /* Gemm; 1 otherwise */
};

/* False: another operator, a weight that is not constant or not floating, or shapes that do not
 * fit together. */
bool linear_find(struct node *n, struct linear *l);
/* The layer whose output this value is; false: it is none. */
bool linear_of_value(const struct value *v, struct linear *l);

/* The input channel and the output channel of weight block (major i, minor k). */
static inline int64_t linear_minor(const struct linear *l, int64_t i, int64_t k)
{
    return i / (l->major / l->groups) * l->minor + k;
}
static inline int64_t linear_in(const struct linear *l, int64_t i, int64_t k)
{
    return l->out_major ? linear_minor(l, i, k) : i;
}
static inline int64_t linear_out(const struct linear *l, int64_t i, int64_t k)
{
    return l->out_major ? i : linear_minor(l, i, k);
}

/* False: the bias is not constant, or not one number per channel. Zeros where it is left out. The
 * Gemm's beta is multiplied in. */
bool linear_bias(const struct linear *l, double *bias);
/* W[o][c] * out[o] * in[c]; NULL stands for ones. NULL: a number does not fit the dtype. */
const struct tensor *linear_scaled(const struct linear *l, const double *out, const double *in);
/* top[i * minor + k]: the largest |w| of each block. */
void linear_tops(const struct linear *l, double *top);
/* y[o] += alpha * sum over c of (sum of the kernel W[o][c]) * x[c]. batch must be 1. */
void linear_add_product(const struct linear *l, const double *x, double *y);

/* A new constant in the place of the weight, or a new bias [n_out] of that dtype, for this node
 * alone; it is named after the old one, or the node, with the suffix. A MatMul without an Add gets
 * one. The layer is up to date afterwards. False: a number of the bias does not fit the dtype. */
void linear_set_weight(struct linear *l, const char *suffix, const struct tensor *w);
bool linear_set_bias(struct linear *l, const char *suffix, const double *bias);

/* Do some outputs see fewer inputs than others: padding, or the border of a ConvTranspose? */
bool linear_is_padded(const struct linear *l);
/* The axis of channels in the input or output value; -1: a MatMul and a rank that is not known. */
int linear_axis(const struct linear *l, const struct value *v);

#endif
