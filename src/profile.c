/* SPDX-License-Identifier: Apache-2.0
 *
 * profile: each worker counts in rows of its own, by the id of the first node; they are added up at
 * the end.
 */
#include "profile.h"

#include "k_gemm.h"
#include "k_startup.h"
#include "log.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

struct profile_worker {
    struct profile_row *row; /* by id of the first node; calls 0: not executed */
    struct arena arena;
};

/* The best of some rounds: the first ones find a processor that is not awake yet. */
static double measure_peak(void)
{
    enum { SIZE = 384, ROUNDS = 16 };
    struct arena a = {0};
    struct gemm g = gemm_dense(SIZE, SIZE, SIZE);
    float *x = NEW_ARRAY(&a, SIZE * SIZE, float), *y = NEW_ARRAY(&a, SIZE * SIZE, float);
    for (int i = 0; i < SIZE * SIZE; i++)
        x[i] = (float)(i % 7) - 3;
    double best = 0;
    unsigned before = kernels_enter();
    for (int i = 0; i < ROUNDS; i++) {
        double start = log_clock();
        k_gemm_f32(&g, x, x, y);
        double rate = 2.0 * SIZE * SIZE * SIZE / (log_clock() - start);
        best = rate > best ? rate : best;
    }
    kernels_leave(before);
    arena_release(&a);
    return best;
}

void profile_open(struct profile *p, const struct graph *g, int jobs)
{
    *p = (struct profile){.graph = g, .jobs = jobs, .peak = measure_peak()};
    p->worker = NEW_ARRAY(&p->arena, jobs, struct profile_worker);
    for (int i = 0; i < jobs; i++)
        p->worker[i].row =
            NEW_ARRAY(&p->worker[i].arena, g->model->n_nodes, struct profile_row);
}

void profile_close(struct profile *p)
{
    for (int i = 0; i < p->jobs; i++)
        arena_release(&p->worker[i].arena);
    arena_release(&p->arena);
}

static void row_add(struct profile_row *to, const struct profile_row *from)
{
    to->calls += from->calls;
    to->seconds += from->seconds;
    to->work.ops += from->work.ops;
    to->work.bytes += from->work.bytes;
}

/* A step is not joined with what follows when the shapes of a sample do not allow it; the row is
 * named after the longest form. */
static void row_name(struct profile_row *row, struct arena *a, const struct step_cost *c)
{
    if (c->n_nodes <= row->n_nodes)
        return;
    row->n_nodes = c->n_nodes;
    row->node = arena_copy(a, c->node, (size_t)c->n_nodes * sizeof *c->node);
}

void profile_add(struct profile *p, int worker, const struct step_cost *c)
{
    struct profile_worker *w = &p->worker[worker];
    struct profile_row *row = &w->row[c->node[0]->id];
    row_name(row, &w->arena, c);
    row_add(row, &(struct profile_row){.calls = 1, .seconds = c->seconds, .work = c->work});
}

static const char *joined_name(const struct profile_row *row, struct arena *a)
{
    struct str s = {0};
    for (int i = 0; i < row->n_nodes; i++)
        str_printf(&s, "%s%s", i ? " + " : "", row->node[i]->type);
    const char *name = arena_strdup(a, s.text);
    str_release(&s);
    return name;
}

static int by_seconds(const void *a, const void *b)
{
    const struct profile_row *x = a, *y = b;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

static struct profile_row *sum_of(struct profile *p, const char *op)
{
    for (int i = 0; i < p->n_sums; i++)
        if (!strcmp(p->sum[i].op, op))
            return &p->sum[i];
    p->sum[p->n_sums].op = op;
    return &p->sum[p->n_sums++];
}

void profile_finish(struct profile *p, int n_samples, double seconds)
{
    int n = p->graph->model->n_nodes;
    p->n_samples = n_samples;
    p->seconds = seconds * (p->jobs < n_samples ? p->jobs : n_samples);
    p->row = NEW_ARRAY(&p->arena, n, struct profile_row);
    p->sum = NEW_ARRAY(&p->arena, n, struct profile_row);
    p->total = (struct profile_row){.op = "total"};
    for (int id = 0; id < n; id++) {
        struct profile_row *row = &p->row[p->n_rows];
        for (int i = 0; i < p->jobs; i++) {
            const struct profile_row *part = &p->worker[i].row[id];
            if (part->n_nodes > row->n_nodes) {
                row->n_nodes = part->n_nodes;
                row->node = part->node;
            }
            row_add(row, part);
        }
        if (!row->calls)
            continue;
        row->op = joined_name(row, &p->arena);
        row->count = 1;
        struct profile_row *sum = sum_of(p, row->op);
        row_add(sum, row);
        row_add(&p->total, row);
        sum->count++;
        p->total.count++;
        p->n_rows++;
    }
    qsort(p->row, (size_t)p->n_rows, sizeof *p->row, by_seconds);
    qsort(p->sum, (size_t)p->n_sums, sizeof *p->sum, by_seconds);
}
