/* SPDX-License-Identifier: Apache-2.0
 *
 * region: which layers must stay float for the outputs to stay near, found by measurement.
 *
 * A region is a layer, or in large networks a few neighbours. Each is simulated alone, all others
 * in float; that gives what it adds to the noise of the outputs. Noises of regions add up nearly.
 * So regions are taken back, those first that add most for their multiply-adds, until the whole is
 * quiet enough; that is measured, and what turns out to be needless is given back. Neighbours that
 * would be taken back together and are much of the work are looked at one by one.
 *
 * The noise of a model is the mean over its outputs of noise to signal, so the worst output counts
 * most; in dB, -10 log10 of that. Weights have the codes that they will have, where these are known
 * and serve; others one bit more than they will have, which is about what choosing their codes will
 * gain. What rounding does to the means goes into the biases. A model that is near enough when they
 * are corrected stays as it is. A region that alone is too much for the whole is measured with the
 * ranges of other observers as well, before it is taken back.
 */
#ifndef REGION_H
#define REGION_H

#include "calibrate.h"
#include "dataset.h"
#include "effort.h"
#include "err.h"
#include "measure.h"
#include "place.h"
#include "rounding.h"
#include "shift.h"

struct region {
    int first, n;  /* layers of the placement */
    double share;  /* of the model's multiply-adds, percent */
    double noise;  /* to signal, of the outputs if only this region is quantized */
    bool off;      /* it is to stay float */
    bool worst;    /* it was among the first, which made up half of the way in dB */
};
struct ranged { /* a better range, of what is in this slot of the calibration */
    int slot;
    struct range range;
};
struct regions {
    struct region *region; /* of the layers; none where the model is near enough as it is */
    int n;
    struct ranged *ranged; /* the figures and regions are with these */
    int n_ranged;
    double before, after; /* dB of the model with no region off, and as proposed */
    double off_share;     /* of the multiply-adds in regions that are off, percent */
    bool serves;          /* it does its work: few were taken back */
};

double region_decibels(double noise); /* the noise of struct figures as models are judged by it */
double region_alone(const struct region *r); /* its noise in dB */
/* What is asked for. A model that has db - near as it is does its work, unless it is a step of a
 * sequence, where errors add up: then regions are only taken back while they are SPEND percent of
 * the multiply-adds together, and if that wins 2 dB. Of class scores the order counts, which bears
 * more noise: such a model does its work from SCORES_DB on. near 0: none does. */
struct region_goal {
    double db, near;
};
enum { SPEND = 5, SCORES_DB = 5 };

/* What is known of the model. */
struct region_look {
    const struct model *model; /* annotated and solved; it is not changed */
    const struct target *target;
    const struct dataset *data;
    const struct measure *measure; /* of its float outputs */
    const struct means *means;     /* of its layers' inputs */
    const struct rounding *rounding; /* of its weights; NULL: not known */
    const struct targets *targets;   /* for its biases; NULL: they are not corrected */
    struct calibration *calibration; /* of its ranges, for other ones; NULL: these stay */
    double noise;                  /* of the model as it is, struct figures */
    struct effort effort;
    int jobs;
};
/* How many samples the means are worth. */
int region_mean_samples(double ops);
/* *result is empty, or of the same layers with other ranges: then only those that are off are
 * looked at again. */
int regions_settle(const struct region_look *look, const struct region_goal *goal, struct arena *a,
                   struct regions *result, struct err *err);

#endif
