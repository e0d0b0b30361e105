/* SPDX-License-Identifier: Apache-2.0
 *
 * exec: runs a graph on tensors. It reads the graph and never writes it; the graph must not change
 * while an exec is open, except for the numbers of quants (scale and zero point), which are read at
 * each run.
 *
 * A `struct exec` is the plan: order, last readers, layouts, constant sub-expressions, packed
 * weights; it may be shared by threads. A `struct run` is one worker's state: it runs one sample at
 * a time with single-threaded kernels, so results do not depend on how many workers there are.
 */
#ifndef EXEC_H
#define EXEC_H

#include "err.h"
#include "graph.h"
#include "work.h"

struct exec;
struct run;

enum exec_mode {
    EXEC_FLOAT,    /* quants are ignored */
    EXEC_SIMULATE, /* uses that are not plain see values with a solved quant rounded to its grid */
};

struct exec_options {
    enum exec_mode mode;
    /* Values (by id) that a watcher must see as the graph defines them; NULL: none, and everything
     * may be fused. See exec_want_all(). */
    const bool *want;
    /* Leave out nodes that cannot be executed and what depends on them, instead of refusing the
     * graph: wanted values among them are never watched, and run_output() gives NULL. */
    bool partial;
    /* The first node of the main graph to execute: what comes before is not computed but taken from
     * another run, see run_begin_at(). NULL: all of them. */
    const struct node *start;
    /* Compute no more than the wanted values need: run_output() gives NULL. */
    bool only_wanted;
};
/* Marks, by id, the values of the main graph that nodes from `start` on read and that are inputs or
 * computed before. */
void exec_find_cut(const struct graph *g, const struct node *start, bool *cut);
/* By node id: whether a node and all that it depends on can be executed. */
void exec_find_runnable(const struct graph *g, bool *runnable);

/* All operators of the graph that cannot run are reported together. */
struct exec *exec_open(const struct graph *g, const struct exec_options *o, struct err *err);
void exec_close(struct exec *x);
const struct graph *exec_graph(const struct exec *x);
/* For exec_options.want: every value of the model. */
const bool *exec_want_all(struct arena *a, const struct model *m);

/* Called for each wanted value that is computed or fed, once, as it was computed: before any
 * rounding. t->layout may be channels-last. */
typedef void watch_fn(void *data, const struct value *v, const struct tensor *t);

/* Called for the same before that: what the value is to be instead, of any shape, alive until the
 * run ends; NULL: what was computed. */
typedef const struct tensor *replace_fn(void *data, const struct value *v);

/* One execution of a node, with the followers that it was joined with, for those who measure: what
 * it took, with whatever conversion of layouts and rounding went with it. */
struct step_cost {
    const struct node *const *node; /* in the order of the graph; at least one */
    int n_nodes;
    double seconds;
    struct work work;
};
typedef void cost_fn(void *data, const struct step_cost *c);

struct run *run_open(struct exec *x);
void run_close(struct run *r);
void run_watch(struct run *r, watch_fn *fn, void *data);
void run_replace(struct run *r, replace_fn *fn, void *data);
/* From now on, what each step costs. Without it the clock is never read. */
void run_measure(struct run *r, cost_fn *fn, void *data);
/* input: one tensor per graph input, in order; NULL for those that have a constant. A wrong dtype
 * or shape is an error that names the input. */
int run_sample(struct run *r, const struct tensor *const *input, struct err *err);
/* Output i in plain layout, valid until the next run. */
const struct tensor *run_output(const struct run *r, int i);

/* The same, a node at a time: begin, then step until it returns 0 (1: more to do, -1: error).
 * run_next() is the node that the next step executes, maybe with fused followers; NULL at the end.
 * Buffers that become free are shared by the runs that were opened with run_open_beside(). */
int run_begin(struct run *r, const struct tensor *const *input, struct err *err);
/* The same with copies of the inputs, which are freed when they have been read for the last time:
 * for a caller who keeps none. */
int run_begin_copied(struct run *r, const struct tensor *const *input, struct err *err);
/* Of an exec with a start: begins where another run, of the same graph or a clone of it, stands,
 * which must be in front of that node, and must not step while this one runs. What the part before
 * gives to the part behind must be wanted in the other's exec: exec_find_cut(). */
int run_begin_at(struct run *r, const struct run *other, struct err *err);
int run_step(struct run *r, struct err *err);
const struct node *run_next(const struct run *r);
/* Executes the next node for the watcher only: what it computes is thrown away, and the next step
 * executes it again. */
int run_peek(struct run *r, struct err *err);
/* When this wanted value, a float one, is computed, it waits, once the watcher has seen it, and
 * nothing reads it: the next call must be run_shift(). */
void run_hold(struct run *r, const struct value *v);
/* The value that waits grows by these numbers, one for each index of the axis (-1: the last), and
 * goes on. */
int run_shift(struct run *r, int axis, const float *by, struct err *err);
struct run *run_open_beside(struct run *other);

#endif
