/* SPDX-License-Identifier: Apache-2.0
 *
 * rounding: codes of weights by the second moments of each layer's input (k_rounding.h has the
 * method), and what that does to the mean moved into the bias.
 *
 * The new weights lie on the grid of the old scales, so rounding them to nearest gives the codes.
 */
#ifndef ROUNDING_H
#define ROUNDING_H

#include "pass.h"

struct rounded { /* constants of one layer, others than those in use; NULL: no others */
    const struct tensor *weight, *bias;
    float *scale; /* of the weight's grid */
};
struct rounding {
    struct rounded *of_node; /* by id; a node has one such layer at most */
    struct arena arena;      /* of the constants */
};

/* Watches what the layers that can be rounded so need, as many as fit the memory: the tap for
 * ctx->grams. False: there are none. */
bool rounding_watch(const struct model *m, struct pass_ctx *ctx, struct tap *tap);
/* ctx->rounding, if it is not there yet: from ctx->grams, which end here, and further runs for the
 * layers whose moments did not fit. The model is not changed. */
int rounding_find(const struct model *m, struct pass_ctx *ctx, struct err *err);
/* Do the outputs serve as well with the new constants as with the old? In dB on the samples that
 * are looked at; less than half a decibel is chance. */
bool rounding_serves(double before, double after);
void rounding_close(struct rounding *r); /* NULL: nothing happens */

#endif
