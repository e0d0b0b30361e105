/* SPDX-License-Identifier: Apache-2.0
 *
 * verify: checks the numbered rules at the head of graph.h.
 *
 * It trusts nothing that it checks: ids, list pointers and use lists may be wrong, and it still
 * ends and complains. Whether the complaints are a bug or a bad file is the caller's to say: after
 * a pass they are ours, after reading they are the file's.
 */
#ifndef VERIFY_H
#define VERIFY_H

#include "graph.h"
#include "str.h"

/* Adds a line "rule 4: ..." for every violation found; returns how many there are. */
int model_verify(const struct model *m, struct str *complaints);

#endif
