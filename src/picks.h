/* SPDX-License-Identifier: Apache-2.0
 *
 * picks: values of which only some places are read, by convolutions of 1x1 with strides.
 */
#ifndef PICKS_H
#define PICKS_H

#include "graph.h"

enum {
    PICK_AXES = MAX_RANK - 2,
    PICK_LARGEST = 1024, /* stride, also where several come together */
};

/* The strides by which readers of a value take its places. */
struct picks {
    int axes;
    int64_t stride[PICK_AXES];
};

/* Does the use take places by strides, and does nothing else? */
bool picks_of(const struct use *u, struct picks *p);
/* Are all readers such convolutions, of the value's own graph and with the same strides? */
bool picks_all(const struct value *v, struct picks *p);

#endif
