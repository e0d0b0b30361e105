/* SPDX-License-Identifier: Apache-2.0
 *
 * match: what passes that put other nodes in the place of a pattern have in common.
 *
 * A pattern is followed from its last node up. Whoever has found it builds the new nodes before the
 * last one and hands over with match_put(); the rest of the pattern goes by graph_sweep() where
 * nothing else reads it.
 */
#ifndef MATCH_H
#define MATCH_H

#include "graph.h"

/* Calls rewrite for every node in order, for those of a body before the node that has it. It may
 * remove the node and earlier ones. Returns the sum of what it returned. */
int match_each(struct graph *g, int (*rewrite)(struct node *n, void *data), void *data);

/* The node that makes v, if it is of this op and v has one reader, of the same graph; NULL
 * otherwise. */
struct node *match_inner(const struct value *v, enum op op);
/* The one element of a constant input; false: it is none. */
bool match_number(const struct node *n, int slot, double *v);
/* Of an operation on two values the one beside a number: input 0, and input 1 where the operator
 * commutes. NULL: there is none. */
struct value *match_operand(const struct node *n, double *number);
/* Of an operation on two values the one beside x; NULL: x is none of them. */
struct value *match_beside(const struct node *n, const struct value *x);
/* Equal but for the rounding of a number that somebody wrote down as float. */
bool match_near(double a, double b);

/* The readers of the node's only output get `with`, which takes its name and what is known of its
 * type; the node goes. */
void match_put(struct node *n, struct value *with);
/* A node of `op` behind n, whose output it reads: all others read what it makes, which takes the
 * name, and the type until somebody infers it again. */
struct node *match_put_behind(struct node *n, enum op op);

#endif
