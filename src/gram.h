/* SPDX-License-Identifier: Apache-2.0
 *
 * gram: second moments of a layer's float input, as the columns that its weight rows multiply.
 *
 * For column x of K elements (im2col order c, kh, kw for a convolution; padding counts as zeros):
 *     xx = sum x x^T,  x = sum x   over `columns` sampled positions, for each group of channels.
 * A change e of a weight row then costs exactly e (xx / columns) e^T in mean squared output error.
 * At most GRAM_POSITIONS positions are taken each time the layer runs, spread evenly.
 */
#ifndef GRAM_H
#define GRAM_H

#include "dataset.h"
#include "err.h"
#include "place.h"

enum { GRAM_POSITIONS = 400 };

struct gram {
    int64_t k, groups; /* as qlayer_row_length(), qlayer_groups() */
    int64_t columns;   /* a group */
    float *xx;         /* [groups][k][k]; the lower triangle is filled */
    double *x;         /* [groups][k] */
};

/* Bytes that the Gram of a layer takes. */
int64_t gram_bytes(const struct qlayer *l);
/* Gathers the Grams of n layers from `samples` samples of float inference; gram[i] belongs to
 * layer[i]. Everything lives in arena a. */
int gram_gather(const struct model *m, const struct qlayer *const *layer, int n,
                const struct dataset *d, int samples, int jobs, struct arena *a,
                struct gram *gram, struct err *err);

#endif
