/* SPDX-License-Identifier: Apache-2.0
 *
 * effort: operations as the executor's steps tell them.
 */
#include "effort.h"

#include "exec.h"
#include "op.h"
#include "samples.h"

#include <math.h>

static void on_cost(void *data, int worker, const struct step_cost *c)
{
    (void)worker;
    struct effort *e = data;
    e->ops += c->work.ops;
    for (int i = 0; i < c->n_nodes; i++)
        if (op_table[c->node[i]->op].role == ROLE_WEIGHTED) {
            e->of_node[c->node[i]->id] += c->work.ops;
            return;
        }
}

int effort_measure(const struct model *m, const struct dataset *d, struct arena *a,
                   struct effort *result, struct err *err)
{
    *result = (struct effort){0, NEW_ARRAY(a, m->n_nodes, double)};
    struct samples_hooks hooks = {.cost = on_cost};
    struct exec *x = exec_open(m->graph, &(struct exec_options){.partial = true}, err);
    int r = x ? samples_run(x, d, &(int){0}, 1, 1, &hooks, result, err) : -1;
    exec_close(x);
    return r;
}

int effort_once(double *ops, const struct model *m, const struct dataset *d, struct err *err)
{
    struct arena a = {0};
    struct effort e = {.ops = *ops};
    int r = *ops > 0 ? 0 : effort_measure(m, d, &a, &e, err);
    *ops = e.ops;
    arena_release(&a);
    return r;
}

int effort_samples(double ops, int most, int least)
{
    double n = rint(most / sqrt(fmax(ops / EFFORT_DEAR, 1)));
    return (int)fmin(fmax(n, least), most);
}
