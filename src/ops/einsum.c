/* SPDX-License-Identifier: Apache-2.0
 *
 * einsum: parsing an equation such as "b...ij,bjk->...ik". Without an arrow the result has the
 * ellipsis axes and then, in order of the alphabet, the letters that occur once.
 */
#include "einsum.h"

#include "ops.h"

#include <ctype.h>
#include <inttypes.h>

struct text {
    const char *at, *end;
};

static int letter_label(char ch)
{
    return ch >= 'a' ? ch - 'a' + 26 : ch - 'A';
}

/* One term, up to a comma, an arrow or the end. */
static int term_parse(struct text *t, struct einsum_term *term, struct err *err)
{
    *term = (struct einsum_term){.dots = -1};
    for (; t->at < t->end && *t->at != ',' && *t->at != '-'; t->at++) {
        if (*t->at == ' ')
            continue;
        if (*t->at == '.' && t->end - t->at >= 3 && t->at[1] == '.' && t->at[2] == '.'
            && term->dots < 0) {
            term->dots = term->n;
            t->at += 2;
            continue;
        }
        if (!isalpha((unsigned char)*t->at))
            return err_set(err, ERR_INPUT, "the equation has a character '%c'", *t->at);
        if (term->n == MAX_RANK)
            return err_set(err, ERR_INPUT, "a term of the equation has too many letters");
        term->label[term->n++] = letter_label(*t->at);
    }
    return 0;
}

/* Puts labels for `count` axes in the place of the ellipsis. */
static int term_expand(struct einsum_term *term, int count, struct err *err)
{
    if (term->n + count > MAX_RANK)
        return err_set(err, ERR_INPUT, "rank %d is not supported", term->n + count);
    for (int i = term->n - 1; i >= term->dots; i--)
        term->label[i + count] = term->label[i];
    for (int i = 0; i < count; i++)
        term->label[term->dots + i] = EINSUM_ELLIPSIS + count - 1 - i;
    term->n += count;
    return 0;
}

/* The dims of labels that input i shows; axes of an ellipsis broadcast. */
static int term_dims(struct einsum *e, int i, const struct shape *s, struct err *err)
{
    for (int k = 0; k < s->rank; k++) {
        int label = e->term[i].label[k];
        int64_t *d = &e->dim[label], found = s->dim[k];
        bool spread = label >= EINSUM_ELLIPSIS;
        if (!e->used[label] || *d < 0 || (spread && *d == 1))
            *d = e->used[label] && *d == 1 && found < 0 ? -1 : found;
        else if (found >= 0 && found != *d && !(spread && found == 1))
            return err_set(err, ERR_INPUT, "input %d has %" PRId64 " elements where another has %"
                           PRId64, i, found, *d);
        e->used[label] = true;
    }
    return 0;
}

static int result_parse(struct einsum *e, struct text *t, int dots, struct err *err)
{
    if (t->at < t->end) {
        if (t->end - t->at < 2 || t->at[1] != '>')
            return err_set(err, ERR_INPUT, "the equation has a '-' that is no arrow");
        t->at += 2;
        TRY(term_parse(t, &e->result, err));
        if (e->result.dots >= 0)
            TRY(term_expand(&e->result, dots, err));
    } else {
        e->result = (struct einsum_term){.dots = 0};
        TRY(term_expand(&e->result, dots, err));
        for (int label = 0; label < EINSUM_ELLIPSIS; label++) {
            int times = 0;
            for (int i = 0; i < e->n_terms; i++)
                for (int k = 0; k < e->term[i].n; k++)
                    times += e->term[i].label[k] == label;
            if (times == 1 && e->result.n == MAX_RANK)
                return err_set(err, ERR_INPUT, "the result has too many axes");
            if (times == 1)
                e->result.label[e->result.n++] = label;
        }
    }
    for (int k = 0; k < e->result.n; k++)
        if (!e->used[e->result.label[k]])
            return err_set(err, ERR_INPUT, "the result has a letter that no input has");
    return t->at < t->end ? err_set(err, ERR_INPUT, "the equation has a second result") : 0;
}

int einsum_read(const struct call *c, struct einsum *e, bool *complete, struct err *err)
{
    const struct attr *a = node_attr(c->node, "equation");
    int dots = 0;
    *e = (struct einsum){0};
    *complete = true;
    if (!a || a->kind != ATTR_STRING)
        return err_set(err, ERR_INPUT, "there is no equation");
    if (c->n_in > EINSUM_TERMS)
        return err_set(err, ERR_INPUT, "%d inputs are not supported", c->n_in);
    struct text t = {a->s.data, a->s.data + a->s.n};
    for (;; t.at++) {
        int i = e->n_terms++;
        if (i == c->n_in)
            return err_set(err, ERR_INPUT, "the equation has more terms than there are inputs");
        TRY(term_parse(&t, &e->term[i], err));
        const struct shape *s = &c->in[i]->shape;
        if (s->rank < 0) {
            *complete = false;
        } else {
            int rest = s->rank - e->term[i].n;
            if (rest < 0 || (rest > 0 && e->term[i].dots < 0))
                return err_set(err, ERR_INPUT, "input %d has rank %d, the equation says %d", i,
                               s->rank, e->term[i].n);
            if (e->term[i].dots >= 0)
                TRY(term_expand(&e->term[i], rest, err));
            TRY(term_dims(e, i, s, err));
            dots = e->term[i].dots >= 0 && rest > dots ? rest : dots;
        }
        if (t.at == t.end || *t.at != ',')
            break;
    }
    if (e->n_terms != c->n_in)
        return err_set(err, ERR_INPUT, "the equation has %d terms for %d inputs", e->n_terms,
                       c->n_in);
    return *complete ? result_parse(e, &t, dots, err) : 0;
}
