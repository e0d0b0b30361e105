/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_carry: what --carry says, resolved to names of the model and states to start from.
 */
#include "dataset_kind.h"

#include <string.h>

static bool has_output(const struct graph *g, const char *name, size_t n)
{
    for (int i = 0; i < g->result->n_in; i++)
        if (strlen(g->output_name[i]) == n && !memcmp(g->output_name[i], name, n))
            return true;
    return false;
}

/* Zeros for an input; NULL with a text where its type is not known. */
static const struct tensor *start_of(struct dataset *d, const struct feed *f, struct err *err)
{
    struct shape s = f->shape;
    if (s.rank < 0 || !dtype_info(f->dtype)->bits) {
        err_set(err, ERR_INPUT, "--carry: input '%s' has no known type to start from", f->name);
        return NULL;
    }
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = s.dim[i] < 0 ? 1 : s.dim[i];
    return tensor_new(&d->arena, f->dtype, &s);
}

/* A name may hold an equals sign: the first one that leaves the names of an output decides. */
static const char *split_at(const struct graph *g, const char *text)
{
    const char *at = strchr(text, '=');
    for (const char *p = at; p; p = strchr(p + 1, '='))
        if (has_output(g, text, (size_t)(p - text)))
            return p;
    return at;
}

static int read_one(struct dataset *d, const struct graph *g, const char *text, struct err *err)
{
    const char *equals = split_at(g, text);
    if (!equals)
        return err_set(err, ERR_USAGE, "--carry: '%s' is not OUTPUT=INPUT", text);
    size_t n = (size_t)(equals - text);
    if (!has_output(g, text, n))
        return err_set(err, ERR_INPUT, "--carry %s: the model has no output '%.*s'", text, (int)n,
                       text);
    int feed = dataset_find_feed(d, equals + 1);
    if (feed < 0)
        return err_set(err, ERR_INPUT, "--carry %s: no input '%s'; %s", text, equals + 1,
                       dataset_list_feeds(d, &d->arena));
    struct feed *f = &d->feed[feed];
    if (f->start)
        return err_set(err, ERR_USAGE, "--carry %s: input '%s' is carried already", text, f->name);
    f->start = start_of(d, f, err);
    if (!f->start)
        return -1;
    char *output = arena_alloc(&d->arena, n + 1);
    memcpy(output, text, n);
    output[n] = 0;
    d->carry[d->n_carry++] = (struct dataset_carry){output, f->name, f->start};
    return 0;
}

int dataset_read_carries(struct dataset *d, const struct graph *g, const struct option_list *list,
                         struct err *err)
{
    d->carry = NEW_ARRAY(&d->arena, list->n, struct dataset_carry);
    for (int i = 0; i < list->n; i++)
        TRY(read_one(d, g, list->at[i], err));
    return 0;
}

int dataset_carries(const struct dataset *d, const struct dataset_carry **carry)
{
    *carry = d->carry;
    return d->n_carry;
}
