/* SPDX-License-Identifier: Apache-2.0
 *
 * calibrate: the ranges of activations, from running the float model on data.
 */
#ifndef CALIBRATE_H
#define CALIBRATE_H

#include "dataset.h"
#include "err.h"
#include "measure.h"
#include "place.h"

/* Fills the range of every activation's quant from `n` samples (0: all) with one observer: a name
 * of observer_table, or "auto": most observers take turns for the whole network, and the one whose
 * simulated outputs are nearest to the float ones (by `measure`) is kept. The SQNR of the last
 * simulation is NAN where nothing was simulated; the observer is NULL where there was no range to
 * measure: activations are rounded at run time, or not at all. Layers in bodies that no sample runs
 * are dropped from p. */
struct calibration {
    const char *observer;
    double sqnr;
};
int calibrate_model(struct model *m, struct placement *p, const struct dataset *d, int n,
                    const char *observer, const struct measure *measure, int jobs,
                    struct calibration *result, struct err *err);

#endif
