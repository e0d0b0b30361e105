/* SPDX-License-Identifier: Apache-2.0
 *
 * carry: copies, since an output lives in the run that overwrites it, and may be a view of the
 * state it came from.
 */
#include "carry.h"

#include <string.h>

void carry_open(struct carry *c, const struct dataset *d, const struct graph *g)
{
    *c = (struct carry){.data = d, .graph = g};
}

void carry_close(struct carry *c)
{
    arena_release(&c->arena[0]);
    arena_release(&c->arena[1]);
}

int carry_read(struct carry *c, int i, struct arena *a, const struct tensor **input,
               struct err *err)
{
    const struct dataset_carry *carry;
    int n = dataset_carries(c->data, &carry);
    TRY(dataset_read(c->data, i, c->graph, a, input, err));
    for (int k = 0; k < n && c->state; k++)
        for (int in = 0; in < c->graph->n_input; in++)
            if (input[in] == carry[k].start)
                input[in] = c->state[k];
    return 0;
}

static int output_find(const struct graph *g, const char *name)
{
    for (int i = 0; i < g->result->n_in; i++)
        if (!strcmp(g->output_name[i], name))
            return i;
    BUG("output '%s' is gone since the dataset was opened", name);
}

static bool fits(const struct tensor *state, const struct tensor *start, const struct shape *want)
{
    bool same = state->dtype == start->dtype && state->shape.rank == want->rank;
    for (int i = 0; same && i < want->rank; i++)
        same = want->dim[i] < 0 || state->shape.dim[i] == want->dim[i];
    return same;
}

static const struct tensor *keep_one(struct carry *c, const struct dataset_carry *carry,
                                     const struct run *r, struct err *err)
{
    const struct tensor *t = run_output(r, output_find(c->graph, carry->output));
    const struct shape *want = &carry->start->shape;
    for (int i = 0; i < c->graph->n_input; i++)
        if (!strcmp(c->graph->input[i]->name, carry->input))
            want = &c->graph->input[i]->type.shape;
    if (!t) {
        err_set(err, ERR_INPUT, "output '%s' cannot be computed, so it cannot be carried into "
                "input '%s'", carry->output, carry->input);
        return NULL;
    }
    if (!fits(t, carry->start, want)) {
        char got[SHAPE_TEXT], expected[SHAPE_TEXT];
        err_set(err, ERR_INPUT, "output '%s' (%s%s) cannot be carried into input '%s' (%s%s)",
                carry->output, dtype_info(t->dtype)->name, shape_text(&t->shape, got),
                carry->input, dtype_info(carry->start->dtype)->name, shape_text(want, expected));
        return NULL;
    }
    struct tensor *kept = arena_copy(&c->arena[1], t, sizeof *t);
    kept->data = arena_copy(&c->arena[1], t->data, t->size);
    return kept;
}

int carry_keep(struct carry *c, const struct run *r, struct err *err)
{
    const struct dataset_carry *carry;
    int n = dataset_carries(c->data, &carry);
    if (!n)
        return 0;
    const struct tensor **state = NEW_ARRAY(&c->arena[1], n, const struct tensor *);
    for (int k = 0; k < n; k++)
        if (!(state[k] = keep_one(c, &carry[k], r, err)))
            return -1;
    struct arena last = c->arena[0];
    c->arena[0] = c->arena[1];
    c->arena[1] = last;
    arena_reset(&c->arena[1]);
    c->state = state;
    return 0;
}
