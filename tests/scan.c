/* SPDX-License-Identifier: Apache-2.0
 *
 * scan: there is no list of tokens; whoever reads says what it expects next.
 */
#include "scan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void scan_fail(const struct scan *t, const char *what)
{
    fprintf(stderr, "%s:%d: %s, found '%.20s'\n", t->path, t->line, what, t->at);
    exit(2);
}

static void scan_space(struct scan *t)
{
    for (;; t->at++) {
        if (*t->at == '#')
            t->at += strcspn(t->at, "\n");
        if (*t->at == '\n')
            t->line++;
        else if (!*t->at || !isspace((unsigned char)*t->at))
            return;
    }
}

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("_./:$", c));
}

bool scan_take(struct scan *t, const char *word)
{
    scan_space(t);
    size_t n = strlen(word);
    if (strncmp(t->at, word, n) || (is_name_char(word[n - 1]) && is_name_char(t->at[n])))
        return false;
    t->at += n;
    return true;
}

void scan_expect(struct scan *t, const char *word)
{
    char what[64];
    snprintf(what, sizeof what, "'%s' expected", word);
    if (!scan_take(t, word))
        scan_fail(t, what);
}

bool scan_is_next(struct scan *t, char c)
{
    scan_space(t);
    return *t->at == c;
}

bool scan_name_is_next(struct scan *t)
{
    scan_space(t);
    return is_name_char(*t->at);
}

const char *scan_name(struct scan *t, struct arena *a)
{
    if (!scan_name_is_next(t))
        scan_fail(t, "a name expected");
    size_t n = 0;
    while (is_name_char(t->at[n]))
        n++;
    char *name = arena_alloc(a, n + 1);
    memcpy(name, t->at, n);
    t->at += n;
    return name;
}

const char *scan_string(struct scan *t, struct arena *a)
{
    scan_expect(t, "\"");
    size_t n = strcspn(t->at, "\"\n");
    char *s = arena_alloc(a, n + 1);
    memcpy(s, t->at, n);
    t->at += n;
    scan_expect(t, "\"");
    return s;
}

int64_t scan_integer(struct scan *t)
{
    scan_space(t);
    char *end;
    long long v = strtoll(t->at, &end, 10);
    if (end == t->at)
        scan_fail(t, "a number expected");
    t->at = end;
    return v;
}

double scan_number(struct scan *t)
{
    scan_space(t);
    char *end;
    double v = strtod(t->at, &end);
    if (end == t->at)
        scan_fail(t, "a number expected");
    t->at = end;
    return v;
}

/* "[1,?,N]" or "[...]", or nothing. */
static void scan_shape(struct scan *t, struct shape *s)
{
    if (!scan_take(t, "["))
        return;
    if (scan_take(t, "..."))
        s->rank = -1;
    while (!scan_take(t, "]")) {
        if (s->rank < 0 || s->rank == MAX_RANK)
            scan_fail(t, "']' expected");
        scan_space(t);
        int64_t *dim = &s->dim[s->rank++];
        if (isdigit((unsigned char)*t->at)) {
            *dim = scan_integer(t);
        } else {
            *dim = -1;
            t->at += strcspn(t->at, ",] \n");
        }
        scan_take(t, ",");
    }
}

bool scan_type(struct scan *t, struct tensor *type)
{
    char name[32];
    size_t n = scan_is_next(t, '?');
    while (*t->at != '?' && is_name_char(t->at[n]))
        n++;
    snprintf(name, sizeof name, "%.*s", (int)n, t->at);
    *type = (struct tensor){.dtype = dtype_find(name)};
    char behind = t->at[n + strspn(t->at + n, " ")];
    if ((type->dtype == DTYPE_NONE && *name != '?') || behind == '=' || behind == ',')
        return false;
    t->at += n;
    if (type->dtype == DTYPE_NONE && *t->at != '[')
        type->shape.rank = -1;
    scan_shape(t, &type->shape);
    return true;
}

static void scan_elements(struct scan *t, struct tensor *x)
{
    int64_t n = tensor_count(x), i = 0;
    for (; !scan_take(t, "}"); scan_take(t, ","), i++) {
        if (i == n)
            scan_fail(t, "fewer elements expected");
        if (dtype_info(x->dtype)->is_float)
            dtype_store(x->dtype, x->data, i, scan_number(t));
        else
            dtype_store_int(x->dtype, x->data, i, scan_integer(t));
    }
    if (i < n)
        scan_fail(t, "more elements expected");
}

/* Evenly spread between the limits, by a small generator that is the same everywhere. */
static void scan_random(struct scan *t, struct tensor *x)
{
    scan_expect(t, "(");
    uint64_t state = (uint64_t)scan_integer(t) * 2654435761u + 1;
    double lo = -1, hi = 1;
    if (scan_take(t, ",")) {
        lo = scan_number(t);
        scan_expect(t, ",");
        hi = scan_number(t);
    }
    scan_expect(t, ")");
    for (int64_t i = 0, n = tensor_count(x); i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        dtype_store(x->dtype, x->data, i, lo + (hi - lo) * (double)(state >> 40) / 0x1p24);
    }
}

struct tensor *scan_data(struct scan *t, struct arena *a, const struct tensor *type)
{
    if (!shape_known(&type->shape))
        scan_fail(t, "a known shape expected before");
    struct tensor *x = tensor_new(a, type->dtype, &type->shape);
    if (scan_take(t, "random")) {
        scan_random(t, x);
    } else if (scan_take(t, "fill")) {
        scan_expect(t, "(");
        double v = scan_number(t);
        for (int64_t i = 0, n = tensor_count(x); i < n; i++)
            dtype_store(x->dtype, x->data, i, v);
        scan_expect(t, ")");
    } else if (scan_take(t, "{")) {
        scan_elements(t, x);
    } else if (type->shape.rank == 0) {
        dtype_store(x->dtype, x->data, 0, scan_number(t));
    } else {
        scan_fail(t, "'{', fill or random expected");
    }
    return x;
}
