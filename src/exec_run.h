/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_run: one worker's state.
 */
#ifndef EXEC_RUN_H
#define EXEC_RUN_H

#include "exec_cell.h"

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
    struct arena arena, scratch; /* scratch is emptied after each call of an operator */
    struct cell **forms;         /* of each value, by id */
    struct memo *memo;           /* by index of the step */
    const struct tensor **output;
    int at;                      /* the next step */
    bool peeking;                /* it will be executed again, so its inputs must stay */
    unsigned version;            /* exec's, when the last run began */
    watch_fn *watch;
    void *watch_data;
    /* of the step under way, one for each input or output of its node */
    const struct tensor **in, **hidden_in;
    struct tensor *hidden, *type, **out;
    struct cell **cell;
};

struct run *run_new(struct exec *x, struct pool *pool);
int run_execute(struct run *r, struct step *s, struct err *err);
/* Where a form of the operand lies, in this layout if there is a choice. */
struct cell *run_form(const struct run *r, struct operand o, enum layout first);
/* The form in this layout, made where it is missing. */
struct cell *run_form_in(struct run *r, struct operand o, enum layout layout);
/* A value was computed or fed: shows it to the watcher, and rounds it where a use wants that. */
int run_settle(struct run *r, int value, struct err *err);

#endif
