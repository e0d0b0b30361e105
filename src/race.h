/* SPDX-License-Identifier: Apache-2.0
 *
 * race: which observer serves a network best. Most of them take turns for the whole of it, since
 * ranges of neighbours belong together, and the one is kept whose simulated outputs are nearest to
 * the float ones; but the one with the least squared error of each tensor (mse) only gives way to
 * one that is a decibel ahead.
 *
 * Where the network is far from float, what rounding weights does to the means may hide what ranges
 * do: if biases that make up for it (shift.h) help the first, as they will when later passes choose
 * them, all take their turns with such biases.
 */
#ifndef RACE_H
#define RACE_H

#include "calibrate.h"
#include "measure.h"
#include "shift.h"

struct race {
    struct model *model;
    const struct placement *placement;
    struct calibration *calibration; /* its run has ended */
    const struct measure *measure;
    const struct means *means;       /* of layers' inputs; NULL: biases stay as they are */
    double enough;                   /* dB with which it ends at once */
    int jobs;
};

struct ranges {
    const char *observer;   /* NULL: there was no range to measure */
    struct figures figures; /* with the biases that the model came with; NAN: nothing was run */
};

/* Fills the ranges of the activations' quants; nothing is solved afterwards. */
int race_run(const struct race *r, struct ranges *result, struct err *err);

#endif
