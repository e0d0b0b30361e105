/* SPDX-License-Identifier: Apache-2.0
 *
 * report: what a quantization did, for people (report_print) and for machines (report_write).
 *
 * `struct report r = {0}; report_begin(&r);` then the fields are filled as they become known and
 * rows are added with vec_add(&r.layer, &r.arena). Texts are not copied: they must live until the
 * report was printed and written. All but what stands under "cost" depends on the input only, so
 * two reports of the same work can be compared.
 */
#ifndef REPORT_H
#define REPORT_H

#include "err.h"
#include "predict.h"
#include "vec.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct node;

struct report_file {
    const char *path;
    int64_t bytes; /* with its external data */
};
struct report_setting { /* "weights": "int8 per channel (axis 0) symmetric" */
    const char *name, *value;
};
struct report_layer {
    const char *node, *op;
    const char *left;   /* why it stays float; NULL: it is quantized */
    const char *weight; /* type of the quantized weight, as qtype_text() says it; or NULL */
    int64_t scales;     /* of the weight */
    const struct node *at; /* in the model; may be NULL */
    const char *runs;      /* how the target will execute it, as verdict_names; NULL: not known */
    const char *runs_why;  /* "" where there is nothing to say */
    double macs;           /* multiply-adds; only with runs */
};
struct report_why { /* a node that computes floats */
    const char *node, *op;
    const char *why; /* as place_explain() says it */
};
struct report_pass {
    const char *name;
    int changes;
    double seconds;
    const char *notes; /* lines; "" or NULL: none */
};
struct report_output {
    const char *name;
    double sqnr; /* dB against the float model; INFINITY where they are equal */
};

struct report {
    struct arena arena;
    struct report_file input, output;
    const char *target, *format;
    const char *runtime; /* the target that the prediction is for */
    const char *recipe;  /* that says all that was asked for, as YAML */
    const char *data, *image; /* as on the command line; NULL: none */
    const char *data_summary; /* "150 images" */
    int samples;
    bool random_data;
    bool searched;          /* for what comes nearest to the float model */
    bool feeds_constants;   /* the float model's can be fed: runtimes optimize little of it then */
    bool predicted;         /* the next is known */
    double integer_percent; /* of the multiply-adds, in the target */
    struct prediction prediction; /* likewise */
    const char *advice;     /* lines: predict_advice()'s, and what else to do; NULL or "": none */
    VEC(struct report_setting) setting;
    VEC(struct report_layer) layer; /* in execution order */
    VEC(struct report_why) why;     /* likewise, layers among them; only in the JSON */
    VEC(struct report_pass) pass;
    VEC(struct report_output) result;
    int judged;         /* samples that `result` is from */
    double picked_from; /* dB in front of what picks elements; NAN: nothing does, or not known */
    double started;
};

void report_begin(struct report *r);
void report_release(struct report *r);
int report_write(const struct report *r, const char *path, struct err *err);
/* Ends with the next command to try. */
void report_print(const struct report *r, FILE *out);

/* What this process has cost so far. */
struct cost {
    double cpu_seconds;
    int64_t peak_bytes;
};
struct cost cost_now(void);
/* "13.99 MB"; returns buf. */
enum { BYTES_TEXT = 32 };
const char *bytes_text(int64_t bytes, char buf[BYTES_TEXT]);

#endif
