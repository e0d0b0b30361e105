/* SPDX-License-Identifier: Apache-2.0
 *
 * quantize_plan: what `quantize` would do, for commands that look at a model or run single passes.
 */
#ifndef QUANTIZE_PLAN_H
#define QUANTIZE_PLAN_H

#include "place.h"
#include "quantize_options.h"

struct quantize_plan {
    struct recipe recipe;
    struct quantize_options options;
    struct quantize_choice choice;
};

/* The options of a recipe (NULL: none) over the defaults; `target`, if it is not NULL, wins over
 * both. Released also after an error. */
int quantize_plan_open(struct quantize_plan *p, const char *recipe, const char *target,
                       struct err *err);
void quantize_plan_release(struct quantize_plan *p);

/* Runs the passes up to `place` on `m`, but for those that choose better numbers: they take long,
 * and change nothing of what is quantized. The placement lives in `a`. */
int quantize_plan_place(const struct quantize_plan *p, struct model *m, int jobs, struct arena *a,
                        struct placement **placement, struct err *err);

#endif
