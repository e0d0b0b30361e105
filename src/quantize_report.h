/* SPDX-License-Identifier: Apache-2.0
 *
 * quantize_report: filling the report of `quantize`, step by step.
 */
#ifndef QUANTIZE_REPORT_H
#define QUANTIZE_REPORT_H

#include "place.h"
#include "quantize_options.h"
#include "report.h"

/* What was asked for, and the input, before any pass; d NULL: no data. */
void quantize_report_options(struct report *r, const struct model *m,
                             const struct quantize_options *o, const struct quantize_choice *c,
                             const struct dataset *d);
/* pass_options.record; data is the report. */
void quantize_record(void *data, const struct pass *p, int changes, double seconds,
                     const char *notes);
/* Layers as the placement has them, quantized ones and others, in the order of the graphs. */
void quantize_report_layers(struct report *r, const struct model *m, const struct target *t,
                            const struct placement *p);
/* What the lowered model gives; where none of its outputs is float, what stands in front of them in
 * the simulation. */
int quantize_report_outputs(struct report *r, const struct model *m, const struct pass_ctx *ctx,
                            struct err *err);
/* How the lowered model will run, where that is known of the target. */
int quantize_report_prediction(struct report *r, struct model *m, struct err *err);
/* Where it may be slow, for inputs of the size that the data have (d NULL: not known), and whether
 * more might have been done. Afterwards the types of the model are those for such inputs: it must
 * have been written. */
int quantize_report_advice(struct report *r, struct model *m, const struct dataset *d,
                           struct err *err);
#endif
