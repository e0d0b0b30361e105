/* SPDX-License-Identifier: Apache-2.0
 *
 * outcome: one sample, one run, one number.
 */
#include "outcome.h"

#include <math.h>
#include <string.h>

enum { LONG_ENOUGH = 64 }; /* a height, a width or a length that nobody knows */

/* splitmix64: 64 good bits from a counter. */
static uint64_t random_bits(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Twelve uniform numbers sum up to variance 1. */
static double random_normal(uint64_t *state)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += (double)(random_bits(state) >> 11) * 0x1p-53;
    return sum;
}

static int sample_invent(struct sample *s, const struct graph *g, struct err *err)
{
    uint64_t state = 1;
    for (int i = 0; i < g->n_input; i++) {
        const struct value *v = g->input[i];
        if (!value_is_fed(v))
            continue;
        const struct dtype_info *d = dtype_info(v->type.dtype);
        struct shape shape = v->type.shape;
        if (!d->bits || shape.rank < 0)
            return err_set(err, ERR_INPUT, "input '%s' has no known type", v->name);
        for (int k = 0; k < shape.rank; k++)
            if (shape.dim[k] < 0)
                shape.dim[k] = k ? LONG_ENOUGH : 1;
        struct tensor *t = tensor_new(&s->arena, v->type.dtype, &shape);
        for (int64_t k = 0, n = tensor_count(t); k < n; k++)
            dtype_store(t->dtype, t->data, k,
                        d->is_float ? random_normal(&state) : (double)(random_bits(&state) & 1));
        s->tensor[i] = t;
    }
    return 0;
}

int sample_take(struct sample *s, const struct graph *g, const struct dataset *data,
                struct err *err)
{
    s->n = g->n_input;
    s->name = NEW_ARRAY(&s->arena, s->n, const char *);
    s->tensor = NEW_ARRAY(&s->arena, s->n, const struct tensor *);
    for (int i = 0; i < s->n; i++)
        s->name[i] = g->input[i]->name;
    return data ? dataset_read(data, 0, g, &s->arena, s->tensor, err) : sample_invent(s, g, err);
}

void sample_release(struct sample *s)
{
    arena_release(&s->arena);
}

static const struct tensor *sample_find(const struct sample *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->name[i], name))
            return s->tensor[i];
    return NULL;
}

static int outcome_run(struct outcome *o, struct run *r, const struct graph *g,
                       const struct sample *s, struct err *err)
{
    const struct tensor **input = NEW_ARRAY(&o->arena, g->n_input, const struct tensor *);
    for (int i = 0; i < g->n_input; i++)
        input[i] = value_is_fed(g->input[i]) ? sample_find(s, g->input[i]->name) : NULL;
    TRY(run_sample(r, input, err));
    o->n = g->result->n_in;
    o->out = NEW_ARRAY(&o->arena, o->n, const struct tensor *);
    for (int i = 0; i < o->n; i++) {
        struct tensor *t = arena_copy(&o->arena, run_output(r, i), sizeof *t);
        t->data = arena_copy(&o->arena, t->data, t->size);
        o->out[i] = t;
    }
    return 0;
}

int outcome_take(struct outcome *o, const struct model *m, const struct sample *s,
                 struct err *err)
{
    struct exec *x = exec_open(m->graph, &(struct exec_options){.mode = EXEC_FLOAT}, err);
    if (!x)
        return -1;
    struct run *r = run_open(x);
    int status = outcome_run(o, r, m->graph, s, err);
    run_close(r);
    exec_close(x);
    return status;
}

void outcome_release(struct outcome *o)
{
    arena_release(&o->arena);
    *o = (struct outcome){0};
}

static double tensor_difference(const struct tensor *a, const struct tensor *b)
{
    if (a->dtype != b->dtype || !shape_equal(&a->shape, &b->shape))
        return INFINITY;
    if (!dtype_info(a->dtype)->bits)
        return 0; /* strings are not compared */
    double worst = 0, size = 0;
    for (int64_t i = 0, n = tensor_count(a); i < n; i++) {
        double x = tensor_get(a, i), y = tensor_get(b, i);
        if (isnan(x) != isnan(y) || (isinf(x) != 0) != (isinf(y) != 0))
            return INFINITY;
        if (isnan(x) || x == y)
            size = isfinite(x) ? fmax(size, fabs(x)) : size;
        else
            worst = fmax(worst, fabs(x - y)), size = fmax(size, fabs(x));
    }
    return worst == 0 ? 0 : size == 0 ? INFINITY : worst / size;
}

double outcome_difference(const struct outcome *a, const struct outcome *b)
{
    if (a->n != b->n)
        return INFINITY;
    double worst = 0;
    for (int i = 0; i < a->n; i++)
        worst = fmax(worst, tensor_difference(a->out[i], b->out[i]));
    return worst;
}
