/* SPDX-License-Identifier: Apache-2.0
 *
 * correct: bias correction behind the activation, layer by layer in execution order.
 *
 * With all earlier layers quantized and corrected, per output channel
 *     b += (E f(y) - E f(yq)) / E f'(yq)
 * where y is the layer's float output, yq the quantized one and f the activation behind it
 * (identity where it is none of Relu, Clip, LeakyRelu, HardSwish, SiLU). Channels with E f' < 0.1
 * are left alone; a correction is shrunk by max(0, 1 - se^2 / mean^2), with se its standard error
 * over samples. Means before the activation would count what the activation throws away.
 */
#ifndef CORRECT_H
#define CORRECT_H

#include "err.h"
#include "place.h"
#include "tap.h"

struct targets; /* E f(y) of the float model's layers, for each of a few samples */

/* Watches the layers of the main graph that have a bias; on how many samples follows from the
 * memory that the correction needs for them, and from what a run costs (effort_once()). The targets
 * live in the arena. */
struct targets *targets_watch(const struct model *m, const struct placement *p, double ops,
                              struct arena *a, struct tap *tap);
/* corrected[i]: the new bias of layer i in arena `a`, NULL where it has none or the layer is in a
 * body. The model is not changed; it must be annotated and solved. The run of the targets was over
 * the same data. */
int correct_biases(const struct model *m, const struct placement *p, const struct targets *targets,
                   const struct dataset *d, int jobs, struct arena *a,
                   const struct tensor **corrected, struct err *err);

#endif
