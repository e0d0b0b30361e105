/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_infer: the types of a step's outputs, remembered while those of its inputs stay the same.
 */
#include "exec_run.h"

#include <string.h>

bool run_same_type(const struct tensor *a, const struct tensor *b)
{
    return a->dtype == b->dtype && shape_equal(&a->shape, &b->shape);
}

struct call run_call(struct run *r, const struct step *s, const struct tensor *const *in)
{
    return (struct call){.node = s->node, .opset = s->opset, .n_in = s->n_in,
                         .n_out = s->node->n_out, .in = in, .out = r->out,
                         .scratch = &r->pool->scratch,
                         .constant = s->constant, .grid = s->grid};
}

/* Calls infer; *known: it could tell everything. */
static int infer(struct run *r, const struct step *s, const struct tensor *const *in, bool *known,
                 struct err *err)
{
    for (int i = 0; i < s->node->n_out; i++) {
        r->type[i] = (struct tensor){.shape.rank = -1};
        r->out[i] = s->node->out[i] ? &r->type[i] : NULL;
    }
    struct call c = run_call(r, s, in);
    int result = op_infer(&c, err);
    arena_reset(&r->pool->scratch);
    *known = true;
    for (int i = 0; i < s->node->n_out; i++)
        if (r->out[i] && (!r->type[i].dtype || !shape_known(&r->type[i].shape)))
            *known = false;
    return result;
}

static bool memo_serves(const struct run *r, const struct step *s, const struct memo *m)
{
    if (!m->valid)
        return false;
    for (int i = 0; i < s->n_in; i++)
        if (r->in[i] && !run_same_type(r->in[i], &m->in[i]))
            return false;
    return true;
}

static void memo_keep(struct run *r, const struct step *s, struct memo *m)
{
    if (!m->in) {
        m->in = NEW_ARRAY(&r->arena, s->n_in, struct tensor);
        m->out = NEW_ARRAY(&r->arena, s->node->n_out, struct tensor);
    }
    for (int i = 0; i < s->n_in; i++)
        if (r->in[i])
            m->in[i] = *r->in[i];
    memcpy(m->out, r->type, (size_t)s->node->n_out * sizeof *m->out);
    m->valid = true;
}

/* Nobody computes a tensor of so many elements, but a model can ask for it. */
static int check_sizes(const struct run *r, const struct step *s, struct err *err)
{
    for (int i = 0; i < s->node->n_out; i++) {
        int64_t n = 16; /* bytes of the largest element */
        bool huge = false;
        for (int k = 0; s->node->out[i] && k < r->type[i].shape.rank; k++)
            huge |= __builtin_mul_overflow(n, r->type[i].shape.dim[k], &n);
        char text[SHAPE_TEXT];
        if (huge)
            return err_set(err, ERR_INPUT, "an output of shape %s is too large",
                           shape_text(&r->type[i].shape, text));
    }
    return 0;
}

/* Is the input a tensor of codes? The operator's types are those of real values. */
static bool is_coded(const struct step *s, int i)
{
    return s->codes.x && (s->codes.each || i < 2 || (i == 2 && s->codes.bias));
}

/* First without the data of inputs that are not fixed: what can be told so is true for every run
 * with these types. */
int run_infer(struct run *r, const struct step *s, struct err *err)
{
    struct memo *m = &r->memo[s->index];
    bool known;
    if (memo_serves(r, s, m)) {
        memcpy(r->type, m->out, (size_t)s->node->n_out * sizeof *r->type);
        return 0;
    }
    m->valid = false;
    if (!m->by_data) {
        for (int i = 0; i < s->n_in; i++) {
            r->hidden_in[i] = r->in[i] ? &r->hidden[i] : NULL;
            if (!r->in[i])
                continue;
            r->hidden[i] = *r->in[i];
            if (!r->exec->place[s->in[i].value].fixed)
                r->hidden[i].data = NULL;
            if (is_coded(s, i))
                r->hidden[i] = (struct tensor){.dtype = DTYPE_F32, .shape = r->in[i]->shape};
        }
        TRY(infer(r, s, r->hidden_in, &known, err));
        if (known) {
            TRY(check_sizes(r, s, err));
            memo_keep(r, s, m);
            return 0;
        }
        m->by_data = true;
    }
    TRY(infer(r, s, r->in, &known, err));
    if (!known)
        return err_set(err, ERR_INPUT, "the shape of an output cannot be told");
    return check_sizes(r, s, err);
}
