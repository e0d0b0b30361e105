/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_run: one worker's state.
 */
#ifndef EXEC_RUN_H
#define EXEC_RUN_H

#include "exec_cell.h"
#include "ops/control.h"

/* The types of a step's inputs the last time, and of its outputs where those follow from types
 * alone: then they are not inferred again. */
struct memo {
    bool valid;
    bool by_data; /* the shapes depend on data: never valid */
    struct tensor *in, *out;
};

struct run {
    struct exec *exec;
    struct pool *pool;
    struct arena arena;
    struct cell **forms;         /* of each value, by id */
    struct memo *memo;           /* by index of the step */
    const struct tensor **output;
    int at;                      /* the next step */
    bool peeking;                /* it will be executed again, so its inputs must stay */
    int held;                    /* the value that is to wait; -1: none */
    bool waits;                  /* it does */
    watch_fn *watch;
    void *watch_data;
    replace_fn *replace;
    void *replace_data;
    cost_fn *cost;               /* NULL: nobody measures */
    void *cost_data;
    const struct node **joined;  /* room for the nodes of a step, where somebody does */
    /* of the step under way, one for each input or output of its node */
    const struct tensor **in, **hidden_in;
    struct tensor *hidden, *type, **out;
    struct cell **cell;
};

struct run *run_new(struct exec *x, struct pool *pool);
int run_execute(struct run *r, struct step *s, struct err *err);
/* exec_infer.c: the types of the outputs of the step's node, into r->type; r->in are its inputs. */
int run_infer(struct run *r, const struct step *s, struct err *err);
bool run_same_type(const struct tensor *a, const struct tensor *b);
/* The step's node applied to these, with outputs r->out. */
struct call run_call(struct run *r, const struct step *s, const struct tensor *const *in);
/* exec_cost.c: what the step computes and moves; r->in and r->type are those of its node. Then, to
 * the one who measures. */
struct work cost_work(struct run *r, const struct step *s);
void cost_report(struct run *r, const struct step *s, struct work w, double seconds);
/* Where a form of the operand lies, in this layout if there is a choice. */
struct cell *run_form(const struct run *r, struct operand o, enum layout first);
/* The form in this layout, made where it is missing. */
struct cell *run_form_in(struct run *r, struct operand o, enum layout layout);
/* A value was computed or fed: lets it be replaced, shows it to the watcher, and rounds it where a
 * use wants that. */
int run_settle(struct run *r, int value, struct err *err);
/* The second half of that. */
int run_round(struct run *r, int value, struct err *err);
/* Does the value die with this step of the run, and may its memory then be reused? */
bool run_is_spent(const struct run *r, const struct step *s, struct operand o,
                  const struct cell *c);
void run_free_dead(struct run *r, const struct step *s);

/* exec_body.c: the steps of a block, whose inputs are in their places. */
int run_block(struct run *r, struct block *b, struct err *err);
/* Frees what a block was given and has given out. */
void run_clear_block(struct run *r, const struct block *b);
/* Another form of the operand, as computed, in memory that lives as long as the form. */
struct cell *run_hand_on(struct run *r, struct operand o, struct cell **forms);
/* These forms become those of an input of a body. */
int run_give(struct run *r, const struct value *v, struct cell **forms, struct err *err);
/* If and Loop. */
int run_if(struct run *r, struct step *s, struct err *err);
int run_loop(struct run *r, struct step *s, struct err *err);

/* What goes from one iteration of a body to the next, and what is gathered on the way. */
struct frame {
    struct run *run;
    const struct step *step;
    struct block *body;
    struct control control;
    struct arena arena;
    struct cell **state, **list; /* forms of each state; a list for each scanned output */
    struct cell *slice;          /* on its way into the body */
};
int frame_open(struct frame *f, struct run *r, const struct step *s, struct err *err);
void frame_close(struct frame *f);
/* Gives the states to the body, runs it, and takes states and elements; where there are inputs
 * besides, these have been given before. */
int frame_iterate(struct frame *f, struct err *err);
/* The outputs of the node from number k on: they were handed to r->forms. */
int frame_settle(struct frame *f, struct err *err);
/* An output that was gathered in no iteration: empty, as far as its type is known. */
int frame_empty(struct frame *f, int i, int64_t axis, struct cell **forms, struct err *err);

/* exec_scan.c */
int run_scan(struct run *r, struct step *s, struct err *err);
int run_sequence_map(struct run *r, struct step *s, struct err *err);
/* exec_sequence.c: all others with OP_CONTROL. */
int run_sequence(struct run *r, struct step *s, struct err *err);

#endif
