/* SPDX-License-Identifier: Apache-2.0
 *
 * summary: a model in counts: inputs, outputs, parameters, and the nodes by operator.
 */
#ifndef SUMMARY_H
#define SUMMARY_H

#include "graph.h"

#include <stdio.h>

void summary_print(const struct model *m, FILE *f);

#endif
