/* SPDX-License-Identifier: Apache-2.0
 *
 * place_dynamic: layers of an annotated model whose input is quantized at run time, between others
 * whose inputs are calibrated.
 *
 * Such a layer reads an Identity behind its input that has a dynamic quant; its bias and its output
 * are float. Lowered, it is a product of codes (lower_products.h). If its input is the output of a
 * calibrated layer, that is rounded before.
 */
#ifndef PLACE_DYNAMIC_H
#define PLACE_DYNAMIC_H

#include "place.h"

struct dynamics;

enum dynamic { /* what the input of a layer has */
    DYNAMIC_NOT,   /* calibrated ranges */
    DYNAMIC_WHOLE, /* one scale and zero point, made of it at run time */
    DYNAMIC_ROWS,  /* a scale for each row of its last axis (qtype.rows) */
};

/* Why the target does not compute this layer so; NULL: it does. */
const char *dynamics_reason_against(const struct target *t, const struct qlayer *l,
                                    enum dynamic how);
/* Layers can be switched while it is in use, and nobody else changes the graph. */
struct dynamics *dynamics_open(struct model *m, const struct placement *p, const struct target *t,
                               struct arena *a);
/* how[i]: what the input of the i-th layer of the placement has. */
void dynamics_set(struct dynamics *d, const enum dynamic *how);
/* The last choice stays. *p: the placement that was opened, found again. */
void dynamics_keep(struct dynamics *d, struct placement *p);

#endif
