/* SPDX-License-Identifier: Apache-2.0
 *
 * sweep: gives the memory of weights back that a pass has replaced.
 *
 * A pass puts new constants in the place of old ones, and the model's arena would keep both. What
 * was a constant before the pass and is none after it has no reader any more: nobody but the model
 * keeps tensors from pass to pass.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include "graph.h"

/* Large constants of a model, attributes and bodies included. */
struct sweep {
    struct sweep_piece {
        const char *at;
        size_t size;
    } *piece;
    int n;
};

/* Takes constants that nobody uses off the lists of their graphs: then their data may go. */
void sweep_constants(struct model *m);

struct sweep sweep_note(const struct model *m, struct arena *a);
/* Does that, and gives back what was noted and is not in use any more. */
void sweep_up(struct model *m, const struct sweep *before);

#endif
