/* SPDX-License-Identifier: Apache-2.0
 *
 * einsum: the equation of an Einsum node, taken apart. A label is a letter, or an axis that an
 * ellipsis stands for; ellipsis axes are counted from the last.
 */
#ifndef EINSUM_H
#define EINSUM_H

#include "op.h"

enum { EINSUM_TERMS = 8, EINSUM_ELLIPSIS = 52, EINSUM_LABELS = EINSUM_ELLIPSIS + MAX_RANK };

struct einsum_term {
    int n;
    int label[MAX_RANK];
    int dots; /* position of the ellipsis; -1: none */
};

struct einsum {
    int n_terms;
    struct einsum_term term[EINSUM_TERMS], result;
    int64_t dim[EINSUM_LABELS]; /* -1: not known; 0 elements: not used, where !used */
    bool used[EINSUM_LABELS];
};

/* Fills *complete with whether the ranks of all inputs are known; without them nothing else is
 * filled. */
int einsum_read(const struct call *c, struct einsum *e, bool *complete, struct err *err);

#endif
