/* SPDX-License-Identifier: Apache-2.0
 *
 * place_form: a layer in the one form that everything behind `place` knows.
 *
 *     Gemm, alpha, beta            =>  both go into the constants
 *     Gemm, transA = 1             =>  Transpose, Gemm
 *     MatMul(W, x), W a constant   =>  Transpose, MatMul(x', W'), Transpose
 *     weights of another float     =>  Cast, the layer in float32, Cast
 *
 * A transposition moves codes, and runtimes without a float16 kernel cast as well.
 */
#ifndef PLACE_FORM_H
#define PLACE_FORM_H

#include "graph.h"
#include "op.h"

struct form {
    struct arena *arena;
    struct value **wide; /* by id: the value in float32, once somebody asked for it */
    int n_values;
};
void form_open(struct form *f, const struct model *m, struct arena *a);
/* Can a layer have weights of this type? */
bool form_takes(enum dtype t);
/* Why the node cannot be brought into the form; NULL: it can. */
const char *form_reason_against(const struct node *n, const struct op_weight *w);
/* Does it. The node stays the layer's node. */
void form_layer(struct form *f, struct node *n);
/* The Add behind a MatMul whose input *slot is a constant vector, a number for each of its output
 * channels; NULL: there is none. */
struct node *form_bias_behind(const struct node *n, int64_t channels, int *slot);
/* Adds a vector of zeros to what a MatMul computes; returns the Add. */
struct node *form_add_bias(struct node *n, int64_t channels);

#endif
