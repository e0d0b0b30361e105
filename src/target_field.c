/* SPDX-License-Identifier: Apache-2.0
 *
 * target_field: the table of rules, and their words.
 */
#include "target_field.h"

#include "op.h"
#include "option.h"
#include "qtype_words.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

static const char *const unit_rules[] = {
    [UNITS_NEVER] = "never", [UNITS_FOLLOW] = "follow", [UNITS_ALWAYS] = "always", NULL};

#define FIELD(text, what, member) {text, what, offsetof(struct target, member), NULL}

const struct target_field target_field_table[] = {
    FIELD("summary", FIELD_TEXT, summary),
    FIELD("formats", FIELD_FORMATS, formats),
    FIELD("opset", FIELD_INT, opset),
    FIELD("activations", FIELD_QTYPE, activation),
    FIELD("activation-types", FIELD_TYPES, activations),
    FIELD("weights", FIELD_QTYPE, weight),
    FIELD("weight-types", FIELD_TYPES, weights),
    FIELD("weight-only-types", FIELD_TYPES, weights_only),
    FIELD("whole-blocks", FIELD_BOOL, whole_blocks),
    FIELD("symmetric", FIELD_BOOL, symmetric),
    FIELD("integer-bias", FIELD_BOOL, integer_bias),
    FIELD("add-is-bias", FIELD_BOOL, add_is_bias),
    FIELD("rounds-floats", FIELD_BOOL, rounds_floats),
    FIELD("slow-groups", FIELD_BOOL, slow_groups),
    FIELD("slow-products", FIELD_BOOL, slow_products),
    FIELD("slow-depthwise", FIELD_BOOL, slow_depthwise),
    FIELD("slow-volumes", FIELD_BOOL, slow_volumes),
    FIELD("splits-transposed", FIELD_BOOL, splits_transposed),
    FIELD("widens-halves", FIELD_BOOL, widens_halves),
    FIELD("short-sums", FIELD_BOOL, short_sums),
    FIELD("pad-channels", FIELD_BOOL, pad_channels),
    FIELD("channels-apart", FIELD_BOOL, channels_apart),
    FIELD("no-signed-sums", FIELD_BOOL, no_signed_sums),
    FIELD("wrong-extremes", FIELD_BOOL, wrong_extremes),
    FIELD("moves-quantizers", FIELD_BOOL, moves_quantizers),
    FIELD("recurrent-weights", FIELD_BOOL, recurrent_weights),
    FIELD("only-tokens", FIELD_BOOL, only_rows),
    FIELD("skip-branch", FIELD_BOOL, skip_branch),
    FIELD("layers", FIELD_OPERATORS, integer),
    FIELD("outputs", FIELD_OPERATORS, outputs),
    FIELD("per-channel", FIELD_OPERATORS, per_channel),
    FIELD("dynamic", FIELD_OPERATORS, dynamic),
    FIELD("move-codes", FIELD_OPERATORS, codes),
    FIELD("folded", FIELD_OPERATORS, folded),
    FIELD("on-codes", FIELD_OPERATORS, units),
    {"on-codes-when", FIELD_CHOICE, offsetof(struct target, unit_rule), unit_rules},
    FIELD("read-codes", FIELD_OPERATORS, readers),
    FIELD("one-scale", FIELD_OPERATORS, joined),
    FIELD("written", FIELD_OPERATORS, written),
    {0},
};

bool field_is_list(const struct target_field *f)
{
    return f->kind == FIELD_OPERATORS || f->kind == FIELD_TYPES || f->kind == FIELD_FORMATS;
}

char field_separator(const struct target_field *f)
{
    return f->kind == FIELD_OPERATORS ? ' ' : ',';
}

static void *place_of(const struct target_field *f, struct target *t)
{
    return (char *)t + f->offset;
}

static const char *nearest_operator(const char *word)
{
    const char *known[N_OPS + 1];
    int n = 0;
    for (enum op op = OP_RESULT + 1; op < N_OPS; op++)
        if (!*op_table[op].domain)
            known[n++] = op_table[op].name;
    known[n] = NULL;
    return option_nearest(word, known);
}

static const char *nearest_format(const char *word)
{
    const char *known[N_FORMATS + 1] = {0};
    for (int i = 0; i < N_FORMATS; i++)
        known[i] = format_table[i].name;
    return option_nearest(word, known);
}

/* A type of the qtype family: what qtype_read() takes as a type and nothing else. */
static bool is_type(const char *word)
{
    struct qtype t = {0};
    struct err err;
    return qtype_read("", word, false, &t, &err) == 0 && !strcmp(dtype_info(t.dtype)->name, word);
}

static int check_word(const struct target_field *f, const char *word, struct err *err)
{
    const char *nearest = NULL;
    if (f->kind == FIELD_OPERATORS) {
        if (op_find("", word) != OP_OTHER)
            return 0;
        nearest = nearest_operator(word);
    } else if (f->kind == FIELD_FORMATS) {
        if (format_find(word) != N_FORMATS)
            return 0;
        nearest = nearest_format(word);
    } else if (is_type(word)) {
        return 0;
    }
    const char *what = f->kind == FIELD_OPERATORS ? "operator"
                     : f->kind == FIELD_FORMATS   ? "format"
                                                  : "type";
    if (nearest)
        return err_set(err, ERR_INPUT, "unknown %s '%s'; did you mean '%s'?", what, word, nearest);
    return err_set(err, ERR_INPUT, "unknown %s '%s'", what, word);
}

/* `list` without `word`, and with it at the end if add. */
static const char *list_with(const char *list, const char *word, char separator, bool add,
                             struct arena *a)
{
    char *result = arena_strdup(a, ""), stop[2] = {separator, 0};
    for (const char *s = list; *s;) {
        size_t n = strcspn(s, stop);
        if (n && !(strlen(word) == n && !memcmp(s, word, n)))
            result = arena_printf(a, "%s%s%.*s", result, *result ? stop : "", (int)n, s);
        s += n + (s[n] != 0);
    }
    return add ? arena_printf(a, "%s%s%s", result, *result ? stop : "", word) : result;
}

int field_add_word(const struct target_field *f, struct target *t, const char *word, bool first,
                   struct arena *a, struct err *err)
{
    const char **list = place_of(f, t);
    bool changes = *word == '+' || *word == '-', add = *word != '-';
    if (first && !changes)
        *list = "";
    word += changes;
    TRY(check_word(f, word, err));
    *list = list_with(*list, word, field_separator(f), add, a);
    return 0;
}

static int set_list(const struct target_field *f, struct target *t, const char *text,
                    struct arena *a, struct err *err)
{
    const char **list = place_of(f, t);
    char *rest = arena_strdup(a, text), stop[2] = {field_separator(f), 0};
    bool first = true;
    if (!*text)
        *list = "";
    for (char *word; (word = strsep(&rest, stop));)
        if (*word) {
            TRY(field_add_word(f, t, word, first, a, err));
            first = false;
        }
    return 0;
}

static int set_choice(const struct target_field *f, int *to, const char *text, struct err *err)
{
    for (int i = 0; f->choices[i]; i++)
        if (!strcmp(f->choices[i], text)) {
            *to = i;
            return 0;
        }
    return err_set(err, ERR_INPUT, "'%s' is none of: %s, %s, %s", text, f->choices[0],
                   f->choices[1], f->choices[2]);
}

static int set_opset(int64_t *to, const char *text, struct err *err)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (!*text || *end || n < 7 || n > 100)
        return err_set(err, ERR_INPUT, "'%s' is no opset", text);
    *to = n;
    return 0;
}

int field_set(const struct target_field *f, struct target *t, const char *text, struct arena *a,
              struct err *err)
{
    void *to = place_of(f, t);
    switch (f->kind) {
    case FIELD_TEXT: *(const char **)to = arena_strdup(a, text); return 0;
    case FIELD_OPERATORS:
    case FIELD_TYPES:
    case FIELD_FORMATS: return set_list(f, t, text, a, err);
    case FIELD_QTYPE:
        if (qtype_read(f->name, text, !strcmp(f->name, "weights"), to, err) < 0) {
            err->code = ERR_INPUT;
            return -1;
        }
        return 0;
    case FIELD_BOOL:
        if (strcmp(text, "true") && strcmp(text, "false"))
            return err_set(err, ERR_INPUT, "'%s' is neither true nor false", text);
        *(bool *)to = *text == 't';
        return 0;
    case FIELD_CHOICE: return set_choice(f, to, text, err);
    case FIELD_INT: return set_opset(to, text, err);
    }
    BUG("a field of kind %d", f->kind);
}

const char *field_text(const struct target_field *f, const struct target *t, struct arena *a)
{
    const void *from = (const char *)t + f->offset;
    char words[QTYPE_WORDS];
    switch (f->kind) {
    case FIELD_TEXT:
    case FIELD_OPERATORS:
    case FIELD_TYPES:
    case FIELD_FORMATS: return *(const char *const *)from;
    case FIELD_QTYPE:
        return arena_strdup(a, qtype_words(from, !strcmp(f->name, "weights"), words));
    case FIELD_BOOL: return *(const bool *)from ? "true" : "false";
    case FIELD_CHOICE: return f->choices[*(const int *)from];
    case FIELD_INT: return arena_printf(a, "%lld", (long long)*(const int64_t *)from);
    }
    BUG("a field of kind %d", f->kind);
}
