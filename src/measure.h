/* SPDX-License-Identifier: Apache-2.0
 *
 * measure: how far a quantized model's outputs are from the float model's, on calibration samples.
 *
 * The figure is the signal-to-quantization-noise ratio in dB, 10 log10(sum y^2 / sum (y - yq)^2),
 * pooled over samples, averaged over outputs, 100 at most. An output behind Softmax, ArgMax and
 * the like is measured in front of them, where errors show before they are squashed. Where a node
 * cannot be executed, what it reads is measured instead of what depends on it.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include "dataset.h"
#include "err.h"
#include "graph.h"

enum { MEASURE_SAMPLES = 16 };

struct measure;

/* Runs the float model on n samples spread over the dataset and keeps what it gives, in `a`. */
struct measure *measure_open(const struct model *m, const struct dataset *d, int n, int jobs,
                             struct arena *a, struct err *err);
/* On the n samples index[], which ascend. */
struct measure *measure_open_at(const struct model *m, const struct dataset *d, int *index, int n,
                                int jobs, struct arena *a, struct err *err);
/* Simulates `m` (the same model or a clone, annotated and solved) on the same samples. */
int measure_sqnr(const struct measure *s, const struct model *m, int jobs, double *db,
                 struct err *err);
/* The same for each output by itself: db[i] for i below measure_outputs(). */
int measure_outputs(const struct measure *s);
int measure_each(const struct measure *s, const struct model *m, int jobs, double *db,
                 struct err *err);

#endif
