/* SPDX-License-Identifier: Apache-2.0
 *
 * rule: what the user says of certain nodes, over what the target does about their operators.
 *
 * A rule names nodes by patterns of names, by operators, by the ways on which they lie; what it
 * leaves out fits all. Of the rules that fit a node each says something of its own, or the last
 * wins.
 */
#ifndef RULE_H
#define RULE_H

#include "graph.h"
#include "quant.h"

enum rule_extent { RULE_OPEN, RULE_ALL, RULE_WEIGHTS, RULE_DYNAMIC, RULE_NONE };
extern const char *const rule_extents[]; /* the words for them, behind RULE_OPEN */

struct rule {
    const char *where;     /* "FILE:LINE": for reasons */
    const char *nodes;     /* patterns of names, separated by commas; NULL: any */
    const char *operators; /* types of nodes, separated by spaces; NULL: any */
    const char *from, *to; /* patterns: nodes on the ways from the ones to the others; NULL: any */
    enum rule_extent extent; /* what is quantized; open: not said */
    const char *weights, *activations;  /* as the user wrote them; NULL: not said */
    struct qtype weight, activation;    /* what that makes of the target's types */
};
struct rules {
    struct rule *at;
    int n;
};

/* What holds for one node. */
struct node_rule {
    const char *why_float; /* NULL: it may be quantized */
    bool weights_only, all, dynamic; /* RULE_WEIGHTS, RULE_ALL, RULE_DYNAMIC */
    bool rows; /* with dynamic: a scale a row */
    const struct qtype *weight, *activation; /* NULL: the target's */
};

/* The name by which the user knows a node: its own, or its first output's. */
const char *node_name(const struct node *n);
/* By id, for the nodes that the model has now. r NULL: none; skip: patterns of nodes that stay
 * float, separated by commas; NULL: none. */
const struct node_rule *rules_resolve(const struct rules *r, const char *skip,
                                      const struct model *m, struct arena *a);
/* Does any node of the model fit? */
bool rule_fits_any(const struct rule *r, const struct model *m, struct arena *scratch);
/* Does the name fit one of the patterns, separated by commas? */
bool rule_names(const char *patterns, const char *name);

#endif
