/* SPDX-License-Identifier: Apache-2.0
 *
 * raise_opset: what happens to one node when its operator changed. raise_opset.c says which
 * operator changed in which version; here is how.
 *
 * Each gets a node that is correct in the version before, and leaves it (or what it puts in its
 * place) correct in the new version, with the same meaning. -1: that cannot be said in the new
 * version; the text says why, the caller puts the node in front.
 */
#ifndef RAISE_OPSET_H
#define RAISE_OPSET_H

#include "err.h"
#include "graph.h"

typedef int step_fn(struct node *n, struct err *err);

/* raise_opset_attrs.c: what was an attribute becomes an input, or has another default. */
step_fn raise_axes, raise_slice, raise_topk, raise_clip, raise_pad, raise_dropout_ratio;
step_fn raise_split, raise_split_count, raise_upsample_scales, raise_roialign, raise_gridsample;
step_fn raise_dft, raise_resize_mode;
/* raise_opset_meaning.c: the operator got another meaning or another name. */
step_fn raise_scan, raise_batchnorm_spatial, raise_upsample, raise_dropout_mask, raise_scatter;
step_fn raise_resize, raise_softmax, raise_quantize, raise_groupnorm;

/* Gives a node a constant as input `slot`, named after the node and the suffix. */
void raise_set_constant(struct node *n, int slot, const char *suffix, const struct tensor *t);

#endif
