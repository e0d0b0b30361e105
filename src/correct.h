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

#include "dataset.h"
#include "err.h"
#include "place.h"

/* corrected[i]: the new bias of layer i in arena `a`, NULL where it has none or the
 * layer is in a body. The model is not
 * changed; it must be annotated and solved. */
int correct_biases(const struct model *m, const struct placement *p, const struct dataset *d,
                   int jobs, struct arena *a, const struct tensor **corrected, struct err *err);

#endif
