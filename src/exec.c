/* SPDX-License-Identifier: Apache-2.0
 *
 * exec: opening a graph for execution.
 */
#include "exec.h"

#include "exec_run.h"

#include <string.h>

struct exec *exec_open(const struct graph *g, const struct exec_options *o, struct err *err)
{
    struct arena arena = {0};
    struct exec *x = NEW(&arena, struct exec);
    x->arena = arena;
    x->graph = g;
    x->mode = o->mode;
    if (plan_setup(x, o, err) < 0) {
        exec_close(x);
        return NULL;
    }
    x->setup = run_new(x, pool_open());
    if (setup_run(x, err) < 0) {
        exec_close(x);
        return NULL;
    }
    plan_steps(x);
    return x;
}

void exec_close(struct exec *x)
{
    if (!x)
        return;
    run_close(x->setup);
    for (int i = 0; i < x->n_setup; i++)
        step_forget(&x->setup_step[i]);
    for (int i = 0; i < x->main.n_steps; i++)
        step_forget(&x->main.step[i]);
    struct arena arena = x->arena;
    arena_release(&arena);
}

const struct graph *exec_graph(const struct exec *x)
{
    return x->graph;
}

const bool *exec_want_all(struct arena *a, const struct model *m)
{
    bool *want = NEW_ARRAY(a, m->n_values, bool);
    memset(want, true, (size_t)m->n_values * sizeof *want);
    return want;
}
