/* SPDX-License-Identifier: Apache-2.0
 *
 * place: which values are quantized, with which type, for a target.
 *
 * After it every layer that will run in integers has a quant on its input, its weight and, where
 * the target wants it, its output and its bias; the units of the target (place_units.h) have one
 * on every side; a value's uses that need the float are marked plain. Layers that stay float have a
 * reason. The graph is changed only where a layer needs constants of its own: weights and biases
 * that are shared differently are copied, missing biases are added as zeros (so that they can be
 * corrected), Gemm's alpha and beta go into its constants.
 */
#ifndef PLACE_H
#define PLACE_H

#include "err.h"
#include "graph.h"
#include "target.h"

/* A quantized layer and where its parts are; the constants may be exchanged, the places stay. */
struct qlayer {
    struct node *node;
    struct value *input;    /* carries the activation's quant, unless only weights are rounded */
    int weight_slot;        /* node's input that is the weight */
    struct node *bias_node; /* the node itself, or the Add behind a MatMul; NULL: no bias */
    int bias_slot;          /* input of bias_node */
    struct value *sum;      /* value after the bias */
    struct value *output;   /* after the folded activation, if any; equals sum otherwise */
};

/* A layer that stays float, and why. */
struct left_float {
    const struct node *node;
    const char *reason;
};

struct placement {
    struct qlayer *layer; /* in execution order; those in bodies behind those around them */
    int n_layer;
    struct left_float *left;
    int n_left;
};

/* skip: patterns of node names, separated by commas, that stay float; NULL: none. Must run once on
 * a model without quants. The placement lives in arena `a` and names objects of `m`. */
int place_model(struct model *m, const struct target *t, const char *skip, struct arena *a,
                struct placement *p, struct err *err);

/* Layers of an annotated model, found again from its quants: after a clone, or in another pass. */
void place_find_layers(const struct model *m, struct arena *a, struct placement *p);

/* The layers with drop[i] become float again, for this reason. */
void place_drop(struct model *m, struct placement *p, const bool *drop, const char *reason);

struct value *qlayer_weight(const struct qlayer *l);
struct value *qlayer_bias(const struct qlayer *l); /* NULL: none */
/* The value whose numbers the layer reads: its input, or what is in front of the Identity that
 * stands there for the sake of another type. */
struct value *qlayer_source(const struct qlayer *l);
/* False: the layer reads its input in float; only its weight is rounded. */
bool qlayer_reads_codes(const struct qlayer *l);

/* The weight as a matrix of output channels times the elements that each multiplies: element k of
 * row o is at qlayer_weight_at(). In a grouped convolution the rows of group g read inputs of their
 * own; there are `groups` of them, with channels / groups rows each. */
int64_t qlayer_channels(const struct qlayer *l);
int64_t qlayer_row_length(const struct qlayer *l);
int64_t qlayer_groups(const struct qlayer *l);
int64_t qlayer_weight_at(const struct qlayer *l, int64_t o, int64_t k);

/* A new constant in the place of `old`, with its name, its quant and its uses. */
struct value *constant_replace(struct value *old, const struct tensor *t);

#endif
