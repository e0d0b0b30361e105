/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_cost: what steps cost, for run_measure(). A step's work is told before it runs, since its
 * inputs may be gone afterwards.
 */
#include "exec_run.h"

struct work cost_work(struct run *r, const struct step *s)
{
    struct tensor y = r->type[0];
    for (int i = 0; i < s->node->n_out; i++)
        r->out[i] = s->node->out[i] ? &r->type[i] : NULL;
    if (s->codes.y) { /* the type is that of real values */
        y.dtype = s->codes.y->type.dtype;
        r->out[0] = &y;
    }
    struct call c = {.node = s->node, .opset = s->opset, .n_in = s->n_in, .n_out = s->node->n_out,
                     .in = r->in, .out = r->out, .scratch = &r->pool->scratch};
    struct work w = work_of(&c);
    if (s->bias.value >= 0)
        w.bytes += (double)run_form(r, s->bias, LAYOUT_PLAIN)->t.size;
    if (s->add.value >= 0)
        w.bytes += (double)run_form(r, s->add, LAYOUT_PLAIN)->t.size;
    return w;
}

void cost_report(struct run *r, const struct step *s, struct work w, double seconds)
{
    struct step_cost c = {r->joined, s->n_parts ? s->n_parts : 1, seconds, w};
    r->joined[0] = s->node;
    for (int i = 0; i < s->n_parts; i++)
        r->joined[i] = s->part[i].node;
    r->cost(r->cost_data, &c);
}
