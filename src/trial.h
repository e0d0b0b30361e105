/* SPDX-License-Identifier: Apache-2.0
 *
 * trial: what quantization would cost on a float model as it is now. For passes that rewrite the
 * float model and want to know whether it helped.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include "measure.h"
#include "pass.h"

/* How many samples a trial takes: 8, fewer where a run costs much. */
int trial_samples(const struct pass_ctx *ctx);
/* dB that a trial may be better than the plainly rounded model, whose weights have a bit less. */
enum { TRIAL_FINER = 6 };
/* Will any layer read or write codes, or are only weights rounded? */
int trial_rounds_activations(const struct model *m, struct pass_ctx *ctx, bool *rounds,
                             struct err *err);
/* Quantizes a clone of `m` for the target in ctx on a few samples (ranges by min-max, weights as
 * finely as refining passes will make them) and measures its outputs against `reference`: those of
 * the float model, by measure_watch() on trial_samples(); the trial takes the same samples. The n
 * taps watch the run of the float clone, whose values have the ids of m's (those that later passes
 * fuse away are not seen); the reference may be one of them. ctx->data and ctx->target must be
 * set. */
int trial_sqnr(const struct model *m, const struct measure *reference, const struct tap *tap, int n,
               struct pass_ctx *ctx, double *db, struct err *err);

#endif
