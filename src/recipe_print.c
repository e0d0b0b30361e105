/* SPDX-License-Identifier: Apache-2.0
 *
 * recipe_print: options, a target and rules become the text of a recipe.
 */
#include "recipe.h"

#include "target_field.h"
#include "yaml_tree.h"

#include <string.h>

struct printer {
    struct arena arena;
    struct yaml_out *out;
};

/* A list of its words, which are parted by the separator. */
static void print_words(struct printer *p, const char *key, const char *words, char separator)
{
    char *rest = arena_strdup(&p->arena, words), stop[2] = {separator, 0};
    yaml_out_begin(p->out, key, YAML_LIST);
    for (char *word; *words && (word = strsep(&rest, stop));)
        yaml_out_text(p->out, NULL, word);
    yaml_out_end(p->out);
}

static void print_option(struct printer *p, const struct option *o, const void *from)
{
    const void *field = (const char *)from + o->offset;
    const char *text = NULL;
    if (o->type == OPT_FLAG)
        text = *(const bool *)field ? "true" : "false";
    else if (o->type == OPT_INT)
        text = arena_printf(&p->arena, "%d", *(const int *)field);
    else if (o->type == OPT_FLOAT)
        text = arena_printf(&p->arena, "%g", *(const double *)field);
    else if (o->type == OPT_STRING)
        text = *(const char *const *)field;
    if (text)
        yaml_out_text(p->out, o->name, text);
    if (o->type != OPT_LIST)
        return;
    const struct option_list *list = field;
    yaml_out_begin(p->out, o->name, YAML_LIST);
    for (int i = 0; i < list->n; i++)
        yaml_out_text(p->out, NULL, list->at[i]);
    yaml_out_end(p->out);
}

static void print_target(struct printer *p, const struct target *t)
{
    yaml_out_begin(p->out, "targets", YAML_MAP);
    yaml_out_begin(p->out, t->name, YAML_MAP);
    yaml_out_text(p->out, "base", t->base);
    for (const struct target_field *f = target_field_table; f->name; f++) {
        const char *text = field_text(f, t, &p->arena);
        if (field_is_list(f))
            print_words(p, f->name, text, field_separator(f));
        else
            yaml_out_text(p->out, f->name, text);
    }
    yaml_out_end(p->out);
    yaml_out_end(p->out);
}

static void print_rule(struct printer *p, const struct rule *r)
{
    yaml_out_begin(p->out, NULL, YAML_MAP);
    if (r->nodes)
        print_words(p, "nodes", r->nodes, ',');
    if (r->operators)
        print_words(p, "operators", r->operators, ' ');
    if (r->from)
        print_words(p, "from", r->from, ',');
    if (r->to)
        print_words(p, "to", r->to, ',');
    if (r->extent != RULE_OPEN)
        yaml_out_text(p->out, "quantize", rule_extents[r->extent]);
    if (r->weights)
        yaml_out_text(p->out, "weights", r->weights);
    if (r->activations)
        yaml_out_text(p->out, "activations", r->activations);
    yaml_out_end(p->out);
}

/* Those of a pass stand together in the file. */
static void print_settings(struct printer *p, const struct recipe *r)
{
    yaml_out_begin(p->out, "passes", YAML_MAP);
    for (int i = 0; i < r->setting.n; i++) {
        const struct pass_setting *s = &r->setting.at[i];
        if (!i || strcmp(s[-1].pass, s->pass))
            yaml_out_begin(p->out, s->pass, YAML_MAP);
        yaml_out_text(p->out, s->option, s->value);
        if (i + 1 == r->setting.n || strcmp(s[1].pass, s->pass))
            yaml_out_end(p->out);
    }
    yaml_out_end(p->out);
}

void recipe_print(const struct recipe *r, const struct target *t, const struct option *rows,
                  const void *from, struct str *to)
{
    struct printer p = {0};
    p.out = yaml_out_new(&p.arena, to);
    yaml_out_begin(p.out, NULL, YAML_MAP);
    for (const struct option *o = rows; o->type != OPT_END; o++)
        if (o->recipe)
            print_option(&p, o, from);
    if (r->setting.n)
        print_settings(&p, r);
    if (t->base)
        print_target(&p, t);
    if (r->rules.n) {
        yaml_out_begin(p.out, "rules", YAML_ROWS);
        for (int i = 0; i < r->rules.n; i++)
            print_rule(&p, &r->rules.at[i]);
        yaml_out_end(p.out);
    }
    yaml_out_end(p.out);
    arena_release(&p.arena);
}
