/* SPDX-License-Identifier: Apache-2.0
 *
 * fork: one run of the float model a sample and lane, each with memory of its own, since it meets
 * another thread each time.
 */
#include "fork.h"

#include "exec.h"
#include "samples.h"
#include "threads.h"

struct fork {
    const struct measure *measure;
    const bool *want;   /* of simulated runs, by value id */
    int *position;      /* of nodes of the main graph, by id */
    struct exec *exec;  /* the float model's */
    struct run **run;   /* [lane][sample] */
    int n, lanes, jobs;
    struct arena arena;
};

static bool rounds(const struct node *n)
{
    const struct graph *body;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].value && n->in[i].value->quant && !n->in[i].plain)
            return true;
    for (int k = 0; (body = node_body(n, k)); k++) {
        for (const struct node *inner = body->first; inner; inner = inner->next)
            if (rounds(inner))
                return true;
        if (rounds(body->result))
            return true;
    }
    return false;
}

struct fork_point fork_point(const struct graph *g)
{
    struct fork_point p = {g->first, 0};
    for (; p.node && !rounds(p.node); p.node = p.node->next)
        p.position++;
    return p;
}

static int start_run(void *data, int i, const struct tensor *const *input, struct err *err)
{
    struct fork *f = data;
    for (int lane = 0; lane < f->lanes; lane++) {
        struct run **run = &f->run[lane * f->n + i];
        *run = run_open(f->exec);
        TRY(run_begin_copied(*run, input, err));
    }
    return 0;
}

/* What is measured, and what is handed on at the points. */
static bool *wanted(struct fork *f, const struct model *m, const struct fork_point *point,
                    int n_points)
{
    bool *want = arena_copy(&f->arena, f->want, (size_t)m->n_values * sizeof *want);
    bool *is_point = NEW_ARRAY(&f->arena, m->n_nodes, bool);
    for (int i = 0; i < n_points; i++)
        if (point[i].node)
            is_point[point[i].node->id] = true;
    graph_each(m->graph, n)
        if (is_point[n->id])
            exec_find_cut(m->graph, n, want);
    return want;
}

static int start(struct fork *f, const struct model *m, const struct dataset *d,
                 const struct fork_point *point, int n_points, struct err *err)
{
    int *index = NEW_ARRAY(&f->arena, f->n, int), at = 0;
    for (int i = 0; i < f->n; i++)
        index[i] = measure_index(f->measure, i);
    f->position = NEW_ARRAY(&f->arena, m->n_nodes, int);
    graph_each(m->graph, n)
        f->position[n->id] = at++;
    f->want = measure_wanted(f->measure, m, &f->arena);
    f->run = NEW_ARRAY(&f->arena, f->lanes * f->n, struct run *);
    struct exec_options o = {EXEC_FLOAT, wanted(f, m, point, n_points), true, NULL, false};
    f->exec = exec_open(m->graph, &o, err);
    return f->exec ? samples_feed(f->exec, d, index, f->n, start_run, f, err) : -1;
}

struct fork *fork_open(const struct model *m, const struct dataset *d, const struct measure *s,
                       const struct fork_point *point, int n_points, int lanes, int jobs,
                       struct err *err)
{
    struct arena arena = {0};
    struct fork *f = NEW(&arena, struct fork);
    *f = (struct fork){.measure = s, .n = measure_samples(s), .lanes = lanes, .jobs = jobs,
                       .arena = arena};
    if (start(f, m, d, point, n_points, err) == 0)
        return f;
    fork_close(f);
    return NULL;
}

void fork_close(struct fork *f)
{
    for (int i = 0; f->run && i < f->lanes * f->n; i++)
        run_close(f->run[i]);
    exec_close(f->exec);
    struct arena arena = f->arena;
    arena_release(&arena);
}

struct session {
    struct fork *fork;
    struct run **from; /* of the lane, [sample] */
    struct exec *exec;
    int position; /* of the point */
    struct tally *tally;
    struct err *error; /* [sample] */
};
struct watcher {
    const struct session *session;
    int sample;
};

static void on_value(void *data, const struct value *v, const struct tensor *t)
{
    const struct watcher *w = data;
    measure_add(w->session->fork->measure, w->session->tally, w->sample, v, t);
}

static const struct tensor *on_replace(void *data, const struct value *v)
{
    const struct watcher *w = data;
    return measure_pick(w->session->fork->measure, w->sample, v);
}

static int run_end(struct session *s, int sample, struct err *err)
{
    struct run *from = s->from[sample];
    const struct node *next;
    while ((next = run_next(from)) && s->fork->position[next->id] < s->position)
        TRY(run_step(from, err));
    struct watcher w = {s, sample};
    struct run *r = run_open(s->exec);
    run_watch(r, on_value, &w);
    run_replace(r, on_replace, &w);
    int more = run_begin_at(r, from, err) < 0 ? -1 : 1;
    while (more > 0)
        more = run_step(r, err);
    run_close(r);
    return more;
}

static void run_sample_end(void *data, int i, int worker)
{
    struct session *s = data;
    (void)worker;
    run_end(s, i, &s->error[i]);
}

int fork_figures(struct fork *f, int lane, const struct model *clone, struct fork_point point,
                 struct figures *figures, struct err *err)
{
    struct arena a = {0};
    struct exec_options o = {EXEC_SIMULATE, f->want, true, point.node, false};
    struct session s = {f, f->run + lane * f->n, exec_open(clone->graph, &o, err), point.position,
                        tally_new(f->measure, &a), NEW_ARRAY(&a, f->n, struct err)};
    int r = s.exec ? 0 : -1;
    if (s.exec)
        threads_for(f->jobs, f->n, run_sample_end, &s);
    for (int i = 0; i < f->n && r >= 0; i++)
        if (s.error[i].code) {
            *err = s.error[i];
            r = -1;
        }
    *figures = tally_figures(f->measure, s.tally);
    exec_close(s.exec);
    arena_release(&a);
    return r;
}
