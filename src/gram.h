/* SPDX-License-Identifier: Apache-2.0
 *
 * gram: second moments of a layer's float input, as the columns that its weight rows multiply.
 *
 * For column x of K elements (im2col order c, kh, kw for a convolution; padding counts as zeros):
 *     xx = sum x x^T,  x = sum x   over `columns` sampled positions, for each group of channels.
 * A change e of a weight row then costs exactly e (xx / columns) e^T in mean squared output error.
 * Positions are spread evenly over each run of the layer, LEAST_POSITIONS or as many as make up
 * GRAM_COLUMNS for each element of a column (or of a part of it) in all samples.
 * Long columns are cut into equal parts, each some input channels, and moments between parts are
 * not gathered: what they take and cost grows with the square and the cube of their length.
 */
#ifndef GRAM_H
#define GRAM_H

#include "err.h"
#include "place.h"
#include "tap.h"

enum { LEAST_POSITIONS = 128, GRAM_COLUMNS = 8 };

struct gram {
    int64_t groups, parts; /* qlayer_groups(), and of each of their columns */
    int64_t k;             /* elements of a part */
    int64_t columns;       /* a group */
    float *xx;             /* [groups][parts][k_gram_size(k)] */
    double *x;             /* [groups][parts][k] */
};

/* Elements of a part, and the bytes that the Gram of a layer takes. */
int64_t gram_length(const struct qlayer *l);
int64_t gram_bytes(const struct qlayer *l);

struct grams; /* of some layers */

/* Watches the inputs of n layers on `samples` samples of float inference, which the data must
 * have. */
struct grams *grams_watch(const struct model *m, const struct qlayer *const *layer, int n,
                          int samples, int jobs, struct tap *tap);
/* After the run: the Gram of the layer of this node; NULL: it was not among them. */
const struct gram *grams_find(const struct grams *g, const struct node *n);
void grams_close(struct grams *g); /* NULL: nothing happens */

#endif
