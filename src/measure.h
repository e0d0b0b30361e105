/* SPDX-License-Identifier: Apache-2.0
 *
 * measure: how far a quantized model's outputs are from the float model's, on calibration samples.
 *
 * The figure is the signal-to-quantization-noise ratio in dB, 10 log10(sum y^2 / sum (y - yq)^2),
 * pooled over samples, averaged over outputs, 100 at most. Scores behind Softmax, ArgMax and the
 * like are measured in front of them, where errors show before they are squashed; what Sigmoid
 * gives is measured itself, since users read it element by element. Where elements are picked by
 * their numbers (choice.h), what is behind, up to the next layer, is measured by what it is picked
 * from, and layers behind see what the float model picks. Where a node cannot be executed, what it
 * reads is measured instead of what depends on it.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include "dataset.h"
#include "err.h"
#include "graph.h"
#include "tap.h"

struct measure;

/* Watches the float model on n samples spread over the dataset; what it gives is kept in `a`, and
 * can be measured against when the run has ended. */
struct measure *measure_watch(const struct model *m, const struct dataset *d, int n,
                              struct arena *a, struct tap *tap);
/* The same in a run of its own. NULL: it failed. */
struct measure *measure_open(const struct model *m, const struct dataset *d, int n, int jobs,
                             struct arena *a, struct err *err);
/* On the n samples index[], which ascend and live as long. */
struct measure *measure_open_at(const struct model *m, const struct dataset *d, int *index, int n,
                                int jobs, struct arena *a, struct err *err);
/* How many samples are enough for a model whose run takes so many operations: 16; fewer where a run
 * costs much, above all where it gives many elements, since errors average out within a sample. */
int measure_enough(const struct model *m, double ops);
/* How many samples it has. */
int measure_samples(const struct measure *s);
/* The same in two rounds, 0 and 1, for who wants to know early which candidates are not worth the
 * second: each simulates its part of the samples, a quarter (of many, half) and the rest, and adds
 * it to the tally, in the arena. Where there are few samples all are in the first. */
struct tally;
struct tally *tally_new(const struct measure *s, struct arena *a);
int measure_round(const struct measure *s, const struct model *m, int round, int jobs,
                  struct tally *tally, struct err *err);
/* dB of an output whose shape differs from the float model's, or that has no numbers. */
enum { MEASURE_APART = -100 };
struct figures {
    double sqnr;  /* dB, averaged over the outputs */
    double noise; /* to signal, averaged over the outputs (each 100 at most): the worst counts */
};
struct figures tally_figures(const struct measure *s, const struct tally *tally);
/* For who runs the samples himself: which sample of the dataset is the i-th, the values (by id) to
 * watch in a simulated run, and what becomes of one of them, in its own thread for each sample. */
int measure_index(const struct measure *s, int i);
const bool *measure_wanted(const struct measure *s, const struct model *m, struct arena *a);
void measure_add(const struct measure *s, struct tally *tally, int i, const struct value *v,
                 const struct tensor *t);
/* What the value is to be instead of what a simulated run computes; NULL: that. */
const struct tensor *measure_pick(const struct measure *s, int i, const struct value *v);
/* About n of the samples, spread over them, with the same float outputs. */
struct measure *measure_part(const struct measure *s, int n, struct arena *a);
/* Simulates `m` (the same model or a clone, annotated and solved) on the same samples. */
int measure_sqnr(const struct measure *s, const struct model *m, int jobs, double *db,
                 struct err *err);
int measure_figures(const struct measure *s, const struct model *m, int jobs,
                    struct figures *figures, struct err *err);
/* What a user of the lowered model will get: db[i] is the figure of graph output i itself, with its
 * own rounding and behind Softmax and the like. INFINITY where nothing differs, NAN where it is no
 * float or cannot be executed. */
int measure_outputs(const struct measure *s, const struct model *lowered, int jobs, double *db,
                    struct err *err);
/* Does any of them hold elements that were picked by their numbers, whose order may be another? */
bool measure_picks(const struct measure *s);
/* Is any of them a float? */
bool measure_sees_outputs(const struct measure *s);

#endif
