/* SPDX-License-Identifier: Apache-2.0
 *
 * pass: a pass changes the graph; the verifier runs after every pass.
 *
 * passes/passes.def lists all passes in their order. The manager wraps each from outside: facts,
 * verification, timing, one log line, --print-after, --skip, --check-result. A pass keeps no state
 * between runs, has no globals, calls no other pass (a trial asks the manager what others will do:
 * pass_anticipate), and adds no private field to a value: it uses side arrays by id. A refining
 * pass measures and takes back what did not help.
 */
#ifndef PASS_H
#define PASS_H

#include "dataset.h"
#include "err.h"
#include "graph.h"
#include "option.h"
#include "str.h"

enum fact { /* what may be relied on: model.facts */
    FACT_TYPES = 1 << 0,   /* dtypes known, shapes as far as possible */
    FACT_PLACED = 1 << 1,  /* value.quant set where the target wants it */
    FACT_RANGED = 1 << 2,  /* quant.range filled from data */
    FACT_SOLVED = 1 << 3,  /* quant.scale and quant.zero filled */
    FACT_LOWERED = 1 << 4, /* no annotations left: nodes say it all */
};
enum pass_flag {
    PASS_SAME_RESULT = 1 << 0, /* float outputs do not change: --check-result measures it */
    PASS_REFINES = 1 << 1,     /* measures on data; left out where a format needs none */
    PASS_ON_REQUEST = 1 << 2,  /* runs only where it is asked for */
    PASS_CORRECTS = 1 << 3,    /* better numbers, of a run or two: --effort 0 leaves it out */
    PASS_TRIES = 1 << 4,       /* a search: --effort 1 leaves it out too */
};

struct target;    /* target.h */
struct placement; /* place.h */
struct measure;   /* measure.h */
struct calibration; /* calibrate.h */
struct grams;     /* gram.h */
struct rounding;  /* rounding.h */
struct targets;   /* correct.h */
struct means;     /* shift.h */
struct tap;       /* tap.h */

/* The user's, of one option of one pass; `where`: for messages. */
struct pass_setting {
    const char *where, *pass, *option, *value;
};

struct pass_ctx {
    int jobs;                      /* threads */
    const struct target *target;   /* NULL: none chosen (convert) */
    const struct dataset *data;    /* NULL: no data given */
    int64_t opset;                 /* raise-opset: at least this; 0: what the target needs */
    bool only_run;                 /* the model will be executed and never written: nodes may be
                                      newer than its opset */
    const char *observer;          /* name in observer_table, or "auto" */
    int reach;                     /* calibration_reach(): samples */
    const char *skip_nodes;        /* patterns of node names that stay float; NULL: none */
    double min_sqnr, near_sqnr;    /* settle: struct region_goal */
    double enough_sqnr;            /* dB from which on numbers are not refined; 0: always */
    const char *recurrent;         /* "auto", "weights" or "float"; NULL: auto */
    const struct pass_setting *setting; /* of any passes, checked */
    int n_setting;
    struct placement *placement;   /* place: the layers; NULL before it */
    const char *ranges_by;         /* calibrate: the observer that was chosen; NULL: none */
    struct measure *measure;       /* calibrate: float outputs to compare with; NULL before it */
    struct calibration *calibration; /* calibrate: its statistics, until the last pass has run */
    struct grams *grams;           /* what round-weights watched; NULL: nothing */
    struct rounding *rounding;     /* rounding_find(); NULL: nobody needed it yet */
    struct targets *targets;       /* what correct-bias watched; NULL: nothing */
    struct means *means;           /* calibrate: of layers' inputs; NULL: nobody needs them */
    const struct pass *const *later; /* the passes that come behind the one that runs */
    int n_later;
    double run_ops;                /* effort_once() */
    double foreseen;               /* dB to be expected by equalize's trials; 0: there were none */
    double sqnr;                   /* dB of the simulated model as it is now; NAN: not measured */
    double noise;                  /* calibrate: the other of struct figures; NAN: not measured */
    struct arena *arena;           /* lives as long as the pipeline */
    struct arena *scratch;         /* emptied after the pass */
    struct str notes;              /* what the pass did or skipped and why, a line each */
};

struct pass {
    const char *name, *summary; /* "fold-bn", one line for `quern list passes` */
    unsigned needs, gives, breaks; /* enum fact */
    unsigned flags;
    const struct option *options; /* of a struct of the pass's own; NULL: it has none */
    int (*run)(struct model *m, struct pass_ctx *ctx, struct err *err); /* changes, or -1 */
    /* Before `run`, while calibrate gathers: what the pass wants to see of the float model. True:
     * the tap is to be watched. NULL: nothing. */
    bool (*watch)(const struct model *m, struct pass_ctx *ctx, struct tap *tap);
};

/* Every pass in the order of passes.def; N_PASSES of them. */
extern const struct pass *const pass_table[];
extern const int pass_count;
const struct pass *pass_find(const char *name); /* NULL: none */

/* Into the pass's struct of options, which has the defaults in it, goes what the user set. */
void pass_take_settings(const struct pass *p, const struct pass_ctx *ctx, void *into);
/* 0: the setting is right; an error otherwise. */
int pass_check_setting(const struct pass *p, const struct pass_setting *s, struct err *err);

/* For trials: does to a clone of the float model what the passes behind the one that runs will do
 * to the model itself without measuring. Values that stay keep their ids. */
int pass_anticipate(struct model *clone, const struct pass_ctx *ctx, struct err *err);

/* Measures the model as it is: ctx->sqnr and ctx->noise. */
int pass_judge(struct pass_ctx *ctx, const struct model *m, struct err *err);
/* Its enough_sqnr, or INFINITY. */
double pass_enough(const struct pass_ctx *ctx);

/* For passes that write operators which the model's opset may lack: the newest opset whose
 * operators they may write, and a mark on the nodes that they made. */
int64_t pass_opset(const struct pass_ctx *ctx, const struct model *m);
void pass_made(struct node *n);

struct pass_options {
    const char *skip;        /* comma-separated names, or NULL */
    const char *print_after; /* a name, "all", or NULL */
    bool verify;             /* always on in debug builds */
    bool check_result;
    /* Called after each pass that ran, with what it added to ctx->notes; NULL: nobody listens. */
    void (*record)(void *data, const struct pass *p, int changes, double seconds,
                   const char *notes);
    void *record_data;
};
/* Runs the passes in the order given. */
int pass_run_all(const struct pass *const *passes, int n, struct model *m, struct pass_ctx *ctx,
                 const struct pass_options *o, struct err *err);

#endif
