/* SPDX-License-Identifier: Apache-2.0
 *
 * keep: whether what saves time or space is worth what it costs in accuracy. The user may set the
 * limits: they are options of the passes that ask.
 */
#ifndef KEEP_H
#define KEEP_H

#include "option.h"

struct keep {
    double near; /* dB of all outputs that nobody needs to look at ... */
    double cost; /* ... and below that, what may be lost */
};
#define KEEP_DEFAULT {.near = 30, .cost = 1}
extern const struct option keep_rows[]; /* of a struct keep */

/* dB before and after. */
bool keep_is_worth(const struct keep *k, double before, double after);

#endif
