/* SPDX-License-Identifier: Apache-2.0
 *
 * recipe: the tree of a file becomes options, targets and rules.
 */
#include "recipe.h"

#include "op.h"
#include "target_field.h"
#include "yaml_tree.h"

#include <string.h>

enum { MAX_KEYS = 64 };

void recipe_release(struct recipe *r)
{
    arena_release(&r->arena);
    *r = (struct recipe){0};
}

const struct target *recipe_target(const struct recipe *r, const char *name)
{
    for (int i = 0; i < r->target.n; i++)
        if (!strcmp(r->target.at[i].name, name))
            return &r->target.at[i];
    return target_find(name);
}

static int unknown_key(const struct yaml *y, const char *const *known, struct err *err)
{
    const char *nearest = option_nearest(y->key, known);
    if (nearest)
        return yaml_error(y, err, "unknown key '%s'; did you mean '%s'?", y->key, nearest);
    return yaml_error(y, err, "unknown key '%s'", y->key);
}

static int want(const struct yaml *y, enum yaml_kind kind, struct err *err)
{
    if (y->kind == kind)
        return 0;
    return yaml_error(y, err, "%s%s%s is %s; %s is expected", y->key ? "'" : "",
                      y->key ? y->key : "this", y->key ? "'" : "", yaml_kind_text(y->kind),
                      yaml_kind_text(kind));
}

/* An error of what a key's value means. */
static int at_key(const struct yaml *y, struct err *err)
{
    err->code = ERR_INPUT;
    return err_at(err, "%s:%d: %s", y->path, y->line, y->key);
}

/* A text, or a list of texts joined by the separator; NULL: err says why. */
static const char *join(struct recipe *r, const struct yaml *y, char separator, struct err *err)
{
    if (y->kind == YAML_TEXT)
        return y->text;
    const char *joined = "";
    if (want(y, YAML_LIST, err) < 0)
        return NULL;
    for (const struct yaml *w = y->first; w; w = w->next) {
        if (want(w, YAML_TEXT, err) < 0)
            return NULL;
        if (strchr(w->text, separator)) {
            yaml_error(w, err, "'%c' in an item of a list", separator);
            return NULL;
        }
        joined = w == y->first ? w->text
                               : arena_printf(&r->arena, "%s%c%s", joined, separator, w->text);
    }
    return joined;
}

/* Options */

static int set_flag(const struct yaml *y, bool *flag, struct err *err)
{
    TRY(want(y, YAML_TEXT, err));
    if (strcmp(y->text, "true") && strcmp(y->text, "false"))
        return yaml_error(y, err, "%s: '%s' is neither true nor false", y->key, y->text);
    *flag = *y->text == 't';
    return 0;
}

static int set_option(struct recipe *r, const struct option *o, const struct option *rows,
                      void *into, const struct yaml *y, struct err *err)
{
    if (o->type == OPT_FLAG)
        return set_flag(y, (bool *)((char *)into + o->offset), err);
    struct yaml one = *y;
    one.next = NULL;
    const struct yaml *first = o->type == OPT_LIST && y->kind == YAML_LIST ? y->first : &one;
    for (const struct yaml *v = first; v; v = v->next) {
        const char *text = v == &one ? join(r, v, ',', err) : v->text;
        if (v != &one)
            TRY(want(v, YAML_TEXT, err));
        if (!text)
            return -1;
        if (option_set(rows, into, o->name, text, err) < 0) {
            err->code = ERR_INPUT;
            return err_at(err, "%s:%d", v->path, v->line);
        }
    }
    return 0;
}

/* Targets */

static int set_field(struct recipe *r, struct target *t, const struct yaml *y, struct err *err)
{
    const char *known[MAX_KEYS] = {"base"};
    int n = 1;
    const struct target_field *f = target_field_table;
    while (f->name && strcmp(f->name, y->key))
        known[n++] = f++->name;
    if (!f->name)
        return unknown_key(y, known, err);
    if (y->kind == YAML_TEXT || f->kind == FIELD_QTYPE) {
        const char *text = join(r, y, ',', err);
        if (!text)
            return -1;
        return field_set(f, t, text, &r->arena, err) < 0 ? at_key(y, err) : 0;
    }
    TRY(want(y, field_is_list(f) ? YAML_LIST : YAML_TEXT, err));
    if (!y->first && field_set(f, t, "", &r->arena, err) < 0)
        return at_key(y, err);
    for (const struct yaml *w = y->first; w; w = w->next) {
        TRY(want(w, YAML_TEXT, err));
        if (field_add_word(f, t, w->text, w == y->first, &r->arena, err) < 0) {
            const struct yaml named = {.path = w->path, .line = w->line, .key = y->key};
            return at_key(&named, err);
        }
    }
    return 0;
}

static const struct yaml *child(const struct yaml *map, const char *key)
{
    for (const struct yaml *y = map->first; y; y = y->next)
        if (!strcmp(y->key, key))
            return y;
    return NULL;
}

static int add_target(struct recipe *r, const struct yaml *y, struct err *err)
{
    TRY(want(y, YAML_MAP, err));
    const struct yaml *base = child(y, "base");
    if (recipe_target(r, y->key))
        return yaml_error(y, err, "there is a target '%s' already", y->key);
    if (!base)
        return yaml_error(y, err, "target '%s' needs a base: base: onnxruntime", y->key);
    TRY(want(base, YAML_TEXT, err));
    const struct target *from = recipe_target(r, base->text);
    if (!from)
        return yaml_error(base, err, "base: unknown target '%s'; see 'quern list targets'",
                          base->text);
    struct target t = *from;
    t.name = y->key;
    t.base = target_runtime(from);
    for (const struct yaml *f = y->first; f; f = f->next)
        if (f != base)
            TRY(set_field(r, &t, f, err));
    *vec_add(&r->target, &r->arena) = t;
    return 0;
}

static int add_targets(struct recipe *r, const struct yaml *list, struct err *err)
{
    TRY(want(list, YAML_MAP, err));
    for (const struct yaml *y = list->first; y; y = y->next)
        TRY(add_target(r, y, err));
    return 0;
}

/* Rules */

static int set_extent(struct rule *rule, const struct yaml *y, struct err *err)
{
    TRY(want(y, YAML_TEXT, err));
    for (enum rule_extent e = RULE_ALL; e <= RULE_NONE; e++)
        if (!strcmp(rule_extents[e], y->text)) {
            rule->extent = e;
            return 0;
        }
    return yaml_error(y, err, "quantize: '%s' is none of: all, weights, dynamic, none", y->text);
}

static int check_operators(const struct yaml *y, const char *list, struct err *err)
{
    struct target t = {.integer = ""};
    struct arena scratch = {0};
    const struct target_field *f = target_field_table;
    while (strcmp(f->name, "layers"))
        f++;
    int status = field_set(f, &t, list, &scratch, err);
    arena_release(&scratch);
    return status < 0 ? at_key(y, err) : 0;
}

static int set_rule(struct recipe *r, struct rule *rule, const struct yaml *y, struct err *err)
{
    static const char *const known[] = {"nodes",    "operators", "from",        "to",
                                        "quantize", "weights",   "activations", NULL};
    const char **to[] = {&rule->nodes, &rule->operators, &rule->from,       &rule->to,
                         NULL,         &rule->weights,   &rule->activations};
    int k = 0;
    while (known[k] && strcmp(known[k], y->key))
        k++;
    if (!known[k])
        return unknown_key(y, known, err);
    if (!to[k])
        return set_extent(rule, y, err);
    const char *text = join(r, y, to[k] == &rule->operators ? ' ' : ',', err);
    if (!text)
        return -1;
    if (!*text)
        return yaml_error(y, err, "%s: it is empty", y->key);
    *to[k] = text;
    return to[k] == &rule->operators ? check_operators(y, text, err) : 0;
}

static int add_rule(struct recipe *r, const struct yaml *y, struct err *err)
{
    struct rule rule = {.where = arena_printf(&r->arena, "%s:%d", y->path, y->line)};
    TRY(want(y, YAML_MAP, err));
    for (const struct yaml *f = y->first; f; f = f->next)
        TRY(set_rule(r, &rule, f, err));
    if (!rule.nodes && !rule.operators && !rule.from && !rule.to)
        return yaml_error(y, err, "a rule needs nodes, operators, from or to");
    if (rule.extent == RULE_OPEN && !rule.weights && !rule.activations)
        return yaml_error(y, err, "a rule needs quantize, weights or activations");
    *vec_add(&r->rule, &r->arena) = rule;
    return 0;
}

static int add_rules(struct recipe *r, const struct yaml *list, struct err *err)
{
    TRY(want(list, YAML_LIST, err));
    for (const struct yaml *y = list->first; y; y = y->next)
        TRY(add_rule(r, y, err));
    return 0;
}

/* Options of passes */

static int add_settings(struct recipe *r, const struct yaml *list, struct err *err)
{
    TRY(want(list, YAML_MAP, err));
    for (const struct yaml *p = list->first; p; p = p->next) {
        TRY(want(p, YAML_MAP, err));
        for (const struct yaml *o = p->first; o; o = o->next) {
            TRY(want(o, YAML_TEXT, err));
            const char *where = arena_printf(&r->arena, "%s:%d", o->path, o->line);
            *vec_add(&r->setting, &r->arena) = (struct pass_setting){
                where, p->key, o->key, o->text};
        }
    }
    return 0;
}

static int set_key(struct recipe *r, const struct yaml *y, const struct option *rows, void *into,
                   struct err *err)
{
    const char *known[MAX_KEYS] = {"targets", "rules", "passes"};
    int n = 3;
    if (!strcmp(y->key, "passes"))
        return add_settings(r, y, err);
    if (!strcmp(y->key, "targets"))
        return add_targets(r, y, err);
    if (!strcmp(y->key, "rules"))
        return add_rules(r, y, err);
    for (const struct option *o = rows; o->type != OPT_END; o++) {
        if (!o->recipe)
            continue;
        if (!strcmp(o->name, y->key))
            return set_option(r, o, rows, into, y, err);
        known[n++] = o->name;
    }
    return unknown_key(y, known, err);
}

static int recipe_take(struct recipe *r, const struct yaml *tree, const struct option *rows,
                       void *into, struct err *err)
{
    TRY(want(tree, YAML_MAP, err));
    for (const struct yaml *y = tree->first; y; y = y->next)
        TRY(set_key(r, y, rows, into, err));
    r->rules = (struct rules){r->rule.at, r->rule.n};
    return 0;
}

int recipe_parse(struct recipe *r, const char *path, const void *bytes, size_t n,
                 const struct option *rows, void *into, struct err *err)
{
    const struct yaml *tree = yaml_parse(&r->arena, path, bytes, n, err);
    return tree ? recipe_take(r, tree, rows, into, err) : -1;
}

int recipe_read(struct recipe *r, const char *path, const struct option *rows, void *into,
                struct err *err)
{
    const struct yaml *tree = yaml_read(&r->arena, path, err);
    return tree ? recipe_take(r, tree, rows, into, err) : -1;
}
