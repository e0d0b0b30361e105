/* SPDX-License-Identifier: Apache-2.0
 *
 * trial: what quantization would cost on a float model as it is now. For passes that rewrite the
 * float model and want to know whether it helped.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include "pass.h"

/* Quantizes a clone of `m` the plain way (min-max, nearest rounding, a few samples) for the target
 * in ctx and measures the SQNR of its simulated outputs. ctx->data and ctx->target must be set. */
int trial_sqnr(const struct model *m, struct pass_ctx *ctx, double *db, struct err *err);

#endif
