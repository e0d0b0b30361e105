/* SPDX-License-Identifier: Apache-2.0
 *
 * watched: a model placed for ONNX Runtime, and what one run over random samples tells of it.
 */
#ifndef WATCHED_H
#define WATCHED_H

#include "calibrate.h"
#include "infer.h"
#include "measure.h"
#include "shift.h"
#include "solve.h"
#include "text.h"
#include "unit.h"

enum { WATCHED_TAPS = 5 };

struct watched {
    struct model *m;
    struct arena a;
    struct placement p;
    struct dataset *data;
    struct calibration *c;
    struct means *means;
    struct measure *measure;
};

/* Without ranges so far. `more` fills further taps and says how many; NULL: none. */
static inline void watched_open(struct watched *w, const char *text, int samples,
                                int (*more)(struct watched *w, struct tap *tap))
{
    struct err err = {0};
    struct tap tap[WATCHED_TAPS];
    struct dataset_options o = {.path = "random", .samples = samples};
    w->m = text_model(text);
    w->data = dataset_open(w->m->graph, &o, &err);
    assert_int_equal(graph_infer(w->m->graph, &err), 0);
    assert_int_equal(place_model(w->m, target_find("onnxruntime"), NULL, &w->a, &w->p, &err), 0);
    w->c = calibration_watch(w->m, &w->p, w->data, 0, 1, &tap[0]);
    w->means = means_watch(w->m, &w->p, samples, 1, &w->a, &tap[1]);
    w->measure = measure_watch(w->m, w->data, samples, &w->a, &tap[2]);
    int n = 3 + (more ? more(w, &tap[3]) : 0);
    assert_true(n <= WATCHED_TAPS);
    assert_int_equal(taps_run(w->m, tap, n, w->data, 1, NULL, &err), 0);
}

static inline void watched_close(struct watched *w)
{
    calibration_close(w->c);
    dataset_close(w->data);
    model_close(w->m);
    arena_release(&w->a);
}

#endif
