/* SPDX-License-Identifier: Apache-2.0
 *
 * labels: the right class of each sample, and what a model answered.
 *
 * The file has a line for each sample: NAME<TAB>CLASS, where NAME is what dataset_name() says and
 * lines may come in any order; or CLASS alone, in the order of the samples. Empty lines and lines
 * that begin with # do not count.
 */
#ifndef LABELS_H
#define LABELS_H

#include "dataset.h"

/* The class of each sample of the data set, in the arena; NULL: error, which names file and line,
 * or the sample that has no label. */
const int64_t *labels_read(const char *path, const struct dataset *d, struct arena *a,
                           struct err *err);

/* The class that an output says: the index of its largest element, or, where it is one integer,
 * that number. The output is that of one sample. */
int64_t output_class(const struct tensor *t);

#endif
