/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_plan: what the files of the executor share; nobody else includes it.
 *
 * A value has up to three faces: as it was computed, rounded to its quant's grid, and the codes of
 * that. Which of them a use sees is decided when the plan is made. Values are found by id.
 *
 * The main graph and each body of a node is a block of steps. A body's values have ids like all
 * others, so what it captures is read where it lies; only its inputs are put in their places by
 * the step that runs it (exec_body.c), again for each iteration.
 *
 * Constants and what depends on nothing else are fixed, in bodies too: computed once by the run
 * `setup`, whose cells all other runs read.
 */
#ifndef EXEC_PLAN_H
#define EXEC_PLAN_H

#include "exec.h"
#include "k_tail.h"
#include "op.h"

enum face { FACE_COMPUTED, FACE_ROUNDED, FACE_CODES, N_FACES };

struct operand {
    int value; /* id; -1: left out */
    enum face face;
};

struct place { /* what the plan knows of one value */
    const struct value *value; /* NULL: not of this graph */
    const struct tensor *constant; /* its own; NULL: none */
    bool fixed, wanted;
    bool read[N_FACES];        /* some use sees this face */
};

/* One node, or a node with followers that its kernel does along the way: at most one sum with a
 * bias, one with a value, and one activation, in this order. Or x * Sigmoid(alpha * x), whatever x
 * is: `gates`, and the node is the Sigmoid, which then reads x. */
struct step {
    const struct node *node; /* whose eval is called */
    const struct op_info *op;
    int64_t opset;
    int index;
    int n_in, n_out;
    struct operand *in;
    int *out;                /* ids; of the last follower where there are any; -1: left out */
    unsigned constant;       /* bit i: input i is fixed */
    struct block *body;      /* of a node with bodies, in the order of struct control */
    int n_bodies;
    struct step *part;       /* a step for each node; NULL: no followers */
    int n_parts;
    struct tail tail;        /* kind and limits */
    struct operand bias, add, alpha; /* of the tail; value -1: none */
    bool gates;
    struct codes codes;      /* x NULL: computes on real values */
    const struct quant *grid; /* call.grid */
    enum face face;          /* of output 0 */
    int *dead;               /* ids that nobody reads after this step */
    int n_dead;
    struct op_state *state;
};

struct block {
    const struct graph *graph;
    struct block *outer; /* NULL: the main graph's */
    int at;              /* the outer block's step that runs it */
    struct step *step;
    int n_steps;
    struct operand *output; /* value -1: it is not computed */
    int n_outputs;
};

struct coded { /* a node that computes on codes */
    struct codes codes; /* y is not decided yet, unless there is `each` */
    struct operand in[3]; /* in the place of its inputs; value -1: the input itself */
    /* where there is `each`: */
    const struct node *limits; /* a Relu or Clip behind the node that it does itself; or NULL */
    const struct node *rounds; /* the QuantizeLinear that it does itself; or NULL */
    struct tail tail;
};

struct exec {
    struct arena arena; /* of the plan */
    const struct graph *graph;
    enum exec_mode mode;
    struct place *place; /* by id */
    int n_values;
    bool *runnable;      /* nodes, by id; all of them where the graph must run whole */
    bool *needed;        /* nodes, by id: somebody wants what they compute */
    bool *before;        /* nodes, by id: in front of the start */
    int *fed, n_fed;     /* values that are taken from another run */
    struct coded **coded; /* nodes, by id; NULL: real values */
    struct step *setup_step; /* of all graphs */
    int n_setup, n_all;      /* n_all: indices of steps are below it */
    struct block main;
    struct run *setup;
};

/* exec_need.c: which nodes run and which of them are fixed. -1: some cannot. */
int plan_need(struct exec *x, const struct exec_options *o, struct err *err);

/* exec_plan.c: places and the steps of the setup; then, when it has run, all others. */
int plan_setup(struct exec *x, const struct exec_options *o, struct err *err);
void plan_steps(struct exec *x);
/* What input i of a node reads. */
struct operand plan_operand(const struct exec *x, const struct node *n, int i);

/* exec_codes.c: fills x->coded; then, of the steps of a block, lets those that can round their
 * results themselves. */
void plan_codes(struct exec *x);
void plan_rounding(struct exec *x, struct block *b);

/* exec_fuse.c: joins steps of a block with what follows them. step_of: -1 for each node of the
 * model, before and after. */
void plan_fuse(struct exec *x, struct block *b, int *step_of);

/* exec_run.c: computes what is fixed. A node of a body that fails is not fixed after all: it may be
 * that nobody ever gets there. */
int setup_run(struct exec *x, struct err *err);
/* What an operator prepared for the step, and for those of its bodies. */
void step_forget(struct step *s);
/* The fixed value in plain order. */
const struct tensor *fixed_tensor(const struct exec *x, struct operand o);

#endif
