/* SPDX-License-Identifier: Apache-2.0
 *
 * option: parsing and setting. The help is in option_help.c.
 */
#include "option.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 128, MAX_WORD = 64 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Letters to add, remove, replace, or exchange with their neighbour, until a is b. */
static int word_distance(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b);
    int d[MAX_WORD + 1][MAX_WORD + 1];
    if (n > MAX_WORD || m > MAX_WORD)
        return INT_MAX;
    for (int i = 0; i <= n; i++) {
        for (int j = 0; j <= m; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1);
            d[i][j] = least(d[i][j], d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[n][m];
}

const char *option_nearest(const char *word, const char *const *known)
{
    size_t n = strlen(word);
    const char *best = NULL;
    int best_distance = n < 4 ? 2 : (int)n / 3 + 2; /* what is further away was not a slip */
    for (; *known; known++) {
        int d = word_distance(word, *known);
        if (n >= 2 && !strncmp(word, *known, n))
            d = 1; /* cut short */
        if (d < best_distance) {
            best = *known;
            best_distance = d;
        }
    }
    return best;
}

static bool takes_value(const struct option *o)
{
    return o->type != OPT_FLAG;
}

/* What --no-NAME takes back: a recipe may have set it. */
static bool can_be_unset(const struct option *o)
{
    return o && o->recipe && (o->type == OPT_FLAG || o->type == OPT_LIST);
}

static bool is_named(const struct option *o)
{
    return o->type != OPT_HEADING && o->type != OPT_POSITION;
}

static const struct option *find_name(const struct option *rows, const char *name, size_t n)
{
    for (; rows->type != OPT_END; rows++)
        if (is_named(rows) && strlen(rows->name) == n && !memcmp(rows->name, name, n))
            return rows;
    return NULL;
}

static const struct option *find_letter(const struct option *rows, char letter)
{
    for (; rows->type != OPT_END; rows++)
        if (is_named(rows) && rows->letter == letter)
            return rows;
    return NULL;
}

static int unknown_option(const struct option *rows, const char *dashes, const char *name, size_t n,
                          struct err *err)
{
    const char *known[MAX_WORDS];
    int count = 0;
    for (; rows->type != OPT_END && count < MAX_WORDS - 1; rows++)
        if (is_named(rows))
            known[count++] = rows->name;
    known[count] = NULL;
    char word[MAX_WORD + 1];
    snprintf(word, sizeof word, "%.*s", (int)(n < MAX_WORD ? n : MAX_WORD), name);
    const char *nearest = option_nearest(word, known);
    if (nearest)
        return err_set(err, ERR_USAGE, "unknown option '%s%s'; did you mean '%s%s'?", dashes, word,
                       *dashes ? "--" : "", nearest);
    return err_set(err, ERR_USAGE, "unknown option '%s%s'", dashes, word);
}

/* How the user knows the option: "--name" on a command line, "name" elsewhere. */
static int bad_value(const struct option *o, const char *shown, const char *value, const char *want,
                     struct err *err)
{
    return err_set(err, ERR_USAGE, "%s%s: '%s' is not %s", shown, o->name, value, want);
}

static int set_number(const struct option *o, void *field, const char *shown, const char *value,
                      struct err *err)
{
    char *end;
    errno = 0;
    double v = strtod(value, &end);
    bool whole = o->type == OPT_INT;
    bool bad = end == value || *end || errno || !isfinite(v);
    if (bad || (whole && (v != floor(v) || v < INT_MIN || v > INT_MAX)))
        return bad_value(o, shown, value, whole ? "a whole number" : "a number", err);
    if ((o->min != 0 || o->max != 0) && (v < o->min || v > o->max))
        return err_set(err, ERR_USAGE, "%s%s: %s is not between %g and %g", shown, o->name, value,
                       o->min, o->max);
    if (whole)
        *(int *)field = (int)v;
    else
        *(double *)field = v;
    return 0;
}

static int set_choice(const struct option *o, int *field, const char *shown, const char *value,
                      struct err *err)
{
    char list[256] = "";
    size_t n = 0;
    for (int i = 0; o->choices[i]; i++) {
        if (!strcmp(o->choices[i], value)) {
            *field = i;
            return 0;
        }
        if (n < sizeof list)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", o->choices[i]);
    }
    return err_set(err, ERR_USAGE, "%s%s: '%s' is none of: %s", shown, o->name, value, list);
}

static int set_field(const struct option *o, void *into, const char *shown, const char *value,
                     struct err *err)
{
    void *field = (char *)into + o->offset;
    switch (o->type) {
    case OPT_INT:
    case OPT_FLOAT: return set_number(o, field, shown, value, err);
    case OPT_CHOICE: return set_choice(o, field, shown, value, err);
    case OPT_FLAG: *(bool *)field = true; return 0;
    case OPT_LIST: {
        struct option_list *list = field;
        if (list->n == OPTION_LIST_MAX)
            return err_set(err, ERR_USAGE, "%s%s is given more than %d times", shown, o->name,
                           OPTION_LIST_MAX);
        list->at[list->n++] = value;
        return 0;
    }
    case OPT_STRING:
    case OPT_POSITION: *(const char **)field = value; return 0;
    case OPT_END:
    case OPT_HEADING: break;
    }
    BUG("a row of type %d has no field", o->type);
}

static void unset_field(const struct option *o, void *into)
{
    void *field = (char *)into + o->offset;
    if (o->type == OPT_FLAG)
        *(bool *)field = false;
    else
        ((struct option_list *)field)->n = 0;
}

int option_set(const struct option *rows, void *into, const char *name, const char *value,
               struct err *err)
{
    const struct option *o = find_name(rows, name, strlen(name));
    if (!o)
        return unknown_option(rows, "", name, strlen(name), err);
    return set_field(o, into, "", value, err);
}

/* Where the parser stands. */
struct cursor {
    const struct option *rows;
    void *into;
    int argc, i;
    char **argv;
};

/* The value of option o: `attached`, or the next argument. */
static int parse_value(struct cursor *c, const struct option *o, const char *attached,
                       struct err *err)
{
    if (!attached && c->i + 1 < c->argc && strncmp(c->argv[c->i + 1], "--", 2))
        attached = c->argv[++c->i];
    if (!attached)
        return err_set(err, ERR_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->arg);
    return set_field(o, c->into, "--", attached, err);
}

static int parse_long(struct cursor *c, struct err *err)
{
    const char *name = c->argv[c->i] + 2, *equals = strchr(name, '=');
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    const struct option *o = find_name(c->rows, name, n), *no = NULL;
    if (!o && n > 3 && !memcmp(name, "no-", 3))
        no = find_name(c->rows, name + 3, n - 3);
    if (can_be_unset(no) && equals)
        return err_set(err, ERR_USAGE, "--no-%s takes no value", no->name);
    if (can_be_unset(no)) {
        unset_field(no, c->into);
        return 0;
    }
    if (!o)
        return unknown_option(c->rows, "--", name, n, err);
    if (takes_value(o))
        return parse_value(c, o, equals ? equals + 1 : NULL, err);
    if (equals)
        return err_set(err, ERR_USAGE, "--%s takes no value", o->name);
    return set_field(o, c->into, "--", NULL, err);
}

static int parse_short(struct cursor *c, struct err *err)
{
    for (const char *letter = c->argv[c->i] + 1; *letter; letter++) {
        const struct option *o = find_letter(c->rows, *letter);
        if (!o)
            return unknown_option(c->rows, "-", c->argv[c->i] + 1, strlen(c->argv[c->i] + 1), err);
        if (takes_value(o))
            return parse_value(c, o, letter[1] ? letter + 1 : NULL, err);
        TRY(set_field(o, c->into, "--", NULL, err));
    }
    return 0;
}

/* The next OPT_POSITION row, counted from 0; NULL: no more. */
static const struct option *find_position(const struct option *rows, int position)
{
    for (; rows->type != OPT_END; rows++)
        if (rows->type == OPT_POSITION && position-- == 0)
            return rows;
    return NULL;
}

int option_parse(const struct option *rows, void *into, int argc, char **argv, struct err *err)
{
    struct cursor c = {rows, into, argc, 1, argv};
    bool only_positions = false;
    int n_positions = 0;
    for (; c.i < argc; c.i++) {
        const char *a = argv[c.i];
        if (only_positions || a[0] != '-' || !a[1]) {
            const struct option *o = find_position(rows, n_positions++);
            if (!o)
                return err_set(err, ERR_USAGE, "'%s' is one argument too many", a);
            TRY(set_field(o, into, "", a, err));
        } else if (!strcmp(a, "--")) {
            only_positions = true;
        } else {
            TRY(a[1] == '-' ? parse_long(&c, err) : parse_short(&c, err));
        }
    }
    return 0;
}

const char *option_missing(const struct option *rows, const void *into)
{
    for (; rows->type != OPT_END; rows++) {
        const void *field = (const char *)into + rows->offset;
        if (rows->type == OPT_POSITION && !*(const char *const *)field)
            return rows->name;
    }
    return NULL;
}

int option_count_leading(const struct option *rows, int argc, char **argv)
{
    int i = 1;
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        const char *a = argv[i];
        const struct option *o = a[1] == '-' ? find_name(rows, a + 2, strlen(a + 2))
                                             : find_letter(rows, a[1]);
        bool value_follows = o && takes_value(o) && (a[1] == '-' || !a[2]);
        if (value_follows && i + 1 < argc)
            i++;
    }
    return i - 1;
}
