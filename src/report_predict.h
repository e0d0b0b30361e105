/* SPDX-License-Identifier: Apache-2.0
 *
 * report_predict: a prediction for people and for machines.
 */
#ifndef REPORT_PREDICT_H
#define REPORT_PREDICT_H

#include "predict.h"

#include <stdio.h>

/* Nodes of one verdict and one reason share a line; some of them are named. */
void predict_print(const struct prediction *p, const char *target, FILE *out);
int predict_write(const struct prediction *p, const char *model, const char *target,
                  const char *path, struct err *err);

#endif
