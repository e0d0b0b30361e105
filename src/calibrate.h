/* SPDX-License-Identifier: Apache-2.0
 *
 * calibrate: the ranges of activations, from running the float model on data.
 */
#ifndef CALIBRATE_H
#define CALIBRATE_H

#include "err.h"
#include "observe.h"
#include "place.h"
#include "tap.h"

/* Statistics of activations under way. The model and the placement must live as long as it does;
 * layers in bodies that no sample runs are dropped from the placement when the run ends. */
struct calibration;

/* Watches every activation with a quant on `samples` samples of d; 0: all. */
struct calibration *calibration_watch(struct model *m, struct placement *p, const struct dataset *d,
                                      int samples, int jobs, struct tap *tap);
/* Before the run: only observers that read extremes will be asked, which saves counting. */
void calibration_only_extremes(struct calibration *c);
/* Where the data have fewer samples than that, ranges of an observer reach so much beyond what
 * was seen as the extremes of so many would (stats_range_reach), for which elements must be
 * counted. 0: never, as from the start. */
void calibration_reach(struct calibration *c, int samples);
/* When the run has ended: fills the range of every activation's quant by one observer. How many
 * there are; 0: activations are rounded at run time, or not at all. May be called again, also when
 * layers have been switched off. */
int calibration_read(struct calibration *c, const struct observer *o);
/* The ranges that an observer of the table gives, [slot], without setting them; the slot of a value
 * (-1: none); and another range for what is in a slot. */
const struct range *calibration_ranges(struct calibration *c, const struct observer *o);
int calibration_slot(const struct calibration *c, const struct value *v);
void calibration_set(struct calibration *c, int slot, struct range r);
void calibration_close(struct calibration *c); /* NULL: nothing happens */

#endif
