/* SPDX-License-Identifier: Apache-2.0
 *
 * calibrate: the ranges of activations, from running the float model on data.
 */
#ifndef CALIBRATE_H
#define CALIBRATE_H

#include "err.h"
#include "measure.h"
#include "place.h"
#include "shift.h"
#include "tap.h"

/* Statistics of activations under way. The model and the placement must live as long as it does;
 * layers in bodies that no sample runs are dropped from the placement when the run ends. */
struct calibration;

/* Watches every activation with a quant on `samples` samples of d; 0: all. */
struct calibration *calibration_watch(struct model *m, struct placement *p, const struct dataset *d,
                                      int samples, int jobs, struct tap *tap);
/* Fills the range of every activation's quant by one observer: a name of observer_table, or "auto":
 * most observers take turns for the whole network, and the one whose simulated outputs are nearest
 * to the float ones (by `measure`) is kept. */
struct ranges {
    const char *observer; /* NULL: there was no range to measure: activations are rounded at run
                             time, or not at all */
    struct figures figures; /* of the last simulation; NAN: nothing was simulated */
};
/* The means of layers' inputs, from the same run: with them "auto" compares what is left when
 * biases have been shifted by them (shift.h). */
void calibration_use_means(struct calibration *c, const struct means *means);
/* "auto" ends with the first whose outputs have `enough` dB. May be called again, when layers have
 * been switched off. */
int calibration_settle(struct calibration *c, const char *observer, const struct measure *measure,
                       double enough, struct ranges *result, struct err *err);
void calibration_close(struct calibration *c); /* NULL: nothing happens */

#endif
