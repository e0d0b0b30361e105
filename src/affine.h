/* SPDX-License-Identifier: Apache-2.0
 *
 * affine: y[c] = k[c] x[c] + t[c], a multiplication and an addition for each channel: what a
 * BatchNormalization does, and Mul, Div, Add and Sub with a constant for each channel.
 */
#ifndef AFFINE_H
#define AFFINE_H

#include "graph.h"

struct affine {
    int64_t n;
    double *k, *t;
};

/* Zeros. */
struct affine affine_new(struct arena *a, int64_t n);
bool affine_is_finite(const struct affine *y);
bool affine_all(const double *v, int64_t n, double what);
/* Of a BatchNormalization whose parameters are constant. */
struct affine affine_of_bn(struct arena *a, const struct node *bn);
/* The slot of the constant in an operation on two values, one of them constant; -1: it is none. */
int affine_slot(const struct node *n);
/* The operation on a value of this rank with n channels on `axis`; false: it is not by channel. */
bool affine_of_arithmetic(struct arena *a, const struct node *node, int rank, int axis, int64_t n,
                          struct affine *y);
/* Follows x up through such operations, as far as nothing else reads what is between, and takes
 * them into *y, which is what is done with x. The value that y is a function of then. */
struct value *affine_gather(struct arena *a, struct value *x, int axis, struct affine *y);
/* If a layer (linear.h) computes x, which n alone reads, and n is affine in it, the layer takes it:
 *
 *     Conv(x, W, b) -> n    =>    Conv(x, k W, k b + t)
 *
 * and the node goes. n is arithmetic or a BatchNormalization with constant parameters. */
bool affine_fold(struct arena *scratch, struct node *n, struct value *x);

#endif
